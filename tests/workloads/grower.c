/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of three kinds, each by a function of its own, round after round until
 * standard input ends: grower_leaks keeps 64 KiB, grower_churns gives 2 MiB
 * back at once, grower_caches keeps the last 16 of 256 KiB. Ends by itself at
 * 512 MiB leaked.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEPARATE __attribute__((noinline, noclone))
#define STAY()	 __asm__ volatile("" ::: "memory")

enum { LEAK = 64 << 10, CHURN = 2 << 20, CACHE = 256 << 10, CACHED = 16, ROUNDS = 8192 };

static char *fresh(size_t bytes)
{
	char *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		exit(1);
	return mem;
}

static SEPARATE char *touched(size_t bytes)
{
	char *mem = fresh(bytes);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < bytes; i += page)
		mem[i] = 1;
	STAY();
	return mem;
}

static SEPARATE void grower_leaks(void)
{
	touched(LEAK);
	STAY();
}

static SEPARATE void grower_churns(void)
{
	munmap(touched(CHURN), CHURN);
	STAY();
}

static SEPARATE void grower_caches(char **slot)
{
	if (*slot)
		munmap(*slot, CACHE);
	*slot = touched(CACHE);
	STAY();
}

int main(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char *cache[CACHED] = { NULL };

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("{\"pid\":%d,\"ready\":true}\n", getpid());
	for (int i = 0; i < ROUNDS && poll(&in, 1, 5) == 0; i++) {
		grower_leaks();
		grower_churns();
		grower_caches(&cache[i % CACHED]);
	}
	return 0;
}

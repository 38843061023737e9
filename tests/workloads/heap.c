/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocates a known amount by known functions, for pfstack --mode allocs. Says
 * that it is ready, does what its arguments say after "go", says that it is
 * parked, and waits for its input to end. Each case allocates in a function of
 * its own name; what a case is to keep is in tests/bats/pfstack_allocs.root.bats.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE static __attribute__((noinline)) void

/* What is kept must not be optimized away, nor the calls become jumps. */
static void *volatile kept;

static void keep(void *p)
{
	kept = p;
	if (p)
		memset(p, 1, 1);
}

CASE by_malloc(int n)
{
	for (int i = 0; i < n; i++)
		keep(malloc(100));
}

CASE by_calloc(int n)
{
	for (int i = 0; i < n; i++)
		keep(calloc(10, 20));
}

CASE by_realloc(int n)
{
	for (int i = 0; i < n; i++)
		keep(realloc(NULL, 300));
}

CASE by_posix_memalign(int n)
{
	for (int i = 0; i < n; i++) {
		void *p = NULL;

		if (!posix_memalign(&p, 64, 400))
			keep(p);
	}
}

CASE by_aligned_alloc(int n)
{
	for (int i = 0; i < n; i++)
		keep(aligned_alloc(64, 512));
}

CASE by_memalign(int n)
{
	for (int i = 0; i < n; i++)
		keep(memalign(64, 600));
}

/* Through a library's own: its allocation, its caller's stack. */
CASE by_strdup(int n)
{
	char text[700];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < n; i++)
		keep(strdup(text));
}

/* operator new, where the allocator has one; else nothing. */
CASE by_new(int n)
{
	void *(*new)(size_t) = NULL;

	*(void **)&new = dlsym(RTLD_DEFAULT, "_Znwm");
	for (int i = 0; new &&i < n; i++)
		keep(new (800));
}

CASE freed(int n)
{
	for (int i = 0; i < n; i++) {
		keep(malloc(1000));
		free(kept);
		keep(calloc(1, 1000));
		kept = realloc(kept, 2000);
		free(kept);
	}
}

/* Each grows step by step; only the last size is kept. */
CASE chained(int n)
{
	for (int i = 0; i < n; i++) {
		void *p = malloc(16);

		for (size_t size = 32; size <= 4096; size *= 2)
			p = realloc(p, size);
		keep(p);
	}
}

static volatile size_t too_much = (size_t)1 << 62;

/* What cannot be made larger stays. */
CASE refused(int n)
{
	for (int i = 0; i < n; i++) {
		void *p = malloc(48);

		if (realloc(p, too_much))
			abort();
		keep(p);
	}
}

static void *before[1000];

CASE given_before(void)
{
	for (size_t i = 0; i < 1000; i++)
		before[i] = malloc(64);
}

/* Of which nobody knows where they came from. */
CASE frees_before(int n)
{
	for (int i = 0; i < n && i < 1000; i++)
		free(before[i]);
}

static void *in_thread(void *n)
{
	by_malloc(*(int *)n);
	return NULL;
}

CASE threads(int n)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, in_thread, &n);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

/* A child's allocations are its own. */
CASE forks(int n)
{
	pid_t child;

	by_malloc(n);
	child = fork();
	if (!child) {
		by_calloc(n);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

CASE execs(int n)
{
	by_malloc(n);
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
	_exit(1);
}

CASE ends(int n)
{
	by_malloc(n);
	_exit(0);
}

static const struct {
	const char *name;
	void (*run)(int n);
} cases[] = {
	{ "malloc", by_malloc },
	{ "calloc", by_calloc },
	{ "realloc", by_realloc },
	{ "posix_memalign", by_posix_memalign },
	{ "aligned_alloc", by_aligned_alloc },
	{ "memalign", by_memalign },
	{ "strdup", by_strdup },
	{ "new", by_new },
	{ "freed", freed },
	{ "chained", chained },
	{ "refused", refused },
	{ "frees", frees_before },
	{ "threads", threads },
	{ "forks", forks },
	{ "execs", execs },
	{ "ends", ends },
};

static int run(const char *name, int n)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!strcmp(cases[i].name, name)) {
			cases[i].run(n);
			return 0;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	const int n = argc > 2 ? (int)strtol(argv[1], NULL, 10) : 0;
	char line[16];

	setvbuf(stdout, NULL, _IONBF, 0);
	given_before();
	printf("{\"pid\":%d,\"ready\":true}\n", (int)getpid());
	if (n < 1 || read(STDIN_FILENO, line, sizeof(line)) <= 0)
		return 2;
	for (int i = 2; i < argc; i++) {
		if (run(argv[i], n))
			return 2;
	}
	printf("{\"parked\":true}\n");
	return read(STDIN_FILENO, line, sizeof(line)) < 0;
}

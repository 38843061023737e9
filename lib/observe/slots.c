/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User space's part in the slots: they are given and given back in the kernel,
 * except where the program at a thread's end was not there or was left out.
 * Reads no counts but of the dead.
 */
#include "lib/observe/slots.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/pf_abi.h"

#define SLOTS_MIN	256U
#define SLOTS_MAX	4096U
#define SLOTS_A_CPU	4U
#define PASSES_NOT_SEEN 3 /* one more than a thread can be missed in for a reason we know */

uint32_t pf_slots_wanted(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t n = SLOTS_MIN;

	while (cpus > 0 && n < SLOTS_MAX && n < SLOTS_A_CPU * (unsigned long)cpus)
		n *= 2;
	return n;
}

static size_t bytes(uint32_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n * sizeof(struct pf_slot) + page - 1) / page * page;
}

struct pf_slot *pf_slots_map(int fd, uint32_t n)
{
	void *slots = mmap(NULL, bytes(n), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return slots == MAP_FAILED ? NULL : slots;
}

void pf_slots_unmap(struct pf_slot *slots, uint32_t n)
{
	if (slots)
		munmap(slots, bytes(n));
}

static bool is_dead(const struct pf_slot *slot, uint32_t pass)
{
	return slot->task > PF_SLOT_TAKEN && pass - slot->pass >= PASSES_NOT_SEEN;
}

static uint64_t free_slot(struct pf_slot *slot)
{
	uint64_t events = (uint64_t)slot->counts.n[PF_EV_USER] + slot->counts.n[PF_EV_KERNEL];

	memset(&slot->counts, 0, sizeof(slot->counts));
	__atomic_store_n(&slot->task, 0, __ATOMIC_RELEASE);
	return events;
}

uint64_t pf_slots_sweep(struct pf_slot *slots, uint32_t n, uint32_t pass, uint32_t since)
{
	uint64_t lost = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t alive = slots[i].alive;
		uint64_t events;

		if (!is_dead(&slots[i], pass))
			continue;
		events = free_slot(&slots[i]);
		if (since && pass - alive <= pass - since)
			lost += events;
	}
	return lost;
}

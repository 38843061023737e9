/* SPDX-License-Identifier: BSD-2-Clause */
/* Small questions to the kernel about BPF and perf. Leaves nothing behind. */
#ifndef PF_LIB_OBSERVE_PROBE_H
#define PF_LIB_OBSERVE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does bpf(2) let us in at all? 0; -ENOSYS, -EPERM. */
int pf_probe_bpf(void);

/* Does perf_event_open(2) let us count our own thread? 0; -ENOSYS, -EPERM, -EACCES. */
int pf_probe_perf(void);

/* Can a map of so many bytes be made? 0 or -errno. */
int pf_probe_map(size_t bytes);

/* Is a small program compiled to machine code? 1, 0, or -errno where none can be loaded. */
int pf_probe_jit(void);

/*
 * Can a kprobe be put on this function? It is never switched on. sys_root:
 * "/sys". 0; -ENOENT (the kernel has none), -errno.
 */
int pf_probe_kprobe(const char *sys_root, const char *symbol);

/* BPF programs of others that trace: those loaded now. */
struct pf_tracer {
	char name[16];	  /* raw */
	const char *type; /* "kprobe", "tracepoint", ... */
};

/* At most max of them into *out, the number of all into *n. 0; -EPERM (takes CAP_SYS_ADMIN), -errno. */
int pf_probe_tracers(struct pf_tracer *out, size_t max, size_t *n);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Probes of programs' functions: with the programs of pfstack --mode allocs, on one of ours. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/isolate.h"
#include "lib/base/log.h"
#include "lib/observe/allocs.h"
#include "tools/pfdiag/check.h"

#define LIMIT_S	   10.0
#define RING_BYTES (256 << 10)

struct attempt {
	bool works;
	char backend[16];
	char text[400];
	char kernel[480];
};

/* What a probe is put on: it is never called. */
static void __attribute__((noinline, used)) never_called(void)
{
	__asm__ volatile("nop");
}

/* Where it lies in our program's file. */
static int find_offset(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uint64_t address = (uintptr_t)never_called - info->dlpi_addr, *offset = ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && address >= p->p_vaddr &&
		    address - p->p_vaddr < p->p_filesz) {
			*offset = address - p->p_vaddr + p->p_offset;
			return 1;
		}
	}
	return 0;
}

static void attempt(void *ctx)
{
	const struct pf_allocs_config config = { .pid = getpid(), .ring_bytes = RING_BYTES };
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct pf_allocs_probe probe = {
		.fd = fd, .address = (uintptr_t)never_called, .times = -1, .old = -1, .out = -1
	};
	struct attempt *a = ctx;
	struct pf_error err = { 0 };
	struct pf_allocs *allocs;

	dl_iterate_phdr(find_offset, &probe.offset);
	pf_log_set_level(PF_LOG_DEBUG);
	allocs = pf_allocs__open(&config, &pfdiag_ignore, &err);
	a->works = allocs && !pf_allocs__attach(allocs, &probe, 1, &err);
	if (allocs)
		snprintf(a->backend, sizeof(a->backend), "%s", pf_allocs__backend(allocs));
	snprintf(a->text, sizeof(a->text), "%s", err.text);
	pf_allocs__close(allocs);
}

static void say_refused(struct pf_check *c, const struct attempt *a, const struct pf_isolated *end)
{
	char words[sizeof(a->text)];
	uint64_t missing;
	bool may = pfdiag_may_load(&missing);

	pfdiag_found(c, may ? PF_CHECK_WARN : PF_CHECK_SKIP, "%s",
		     *a->text	 ? pfdiag_own_words(words, sizeof(words), a->text)
		     : end->late ? "it did not end in time"
				 : "it crashed");
	if (*a->kernel)
		pfdiag_add(c, "\nkernel: %s", a->kernel);
	pfdiag_why(c, "pfstack --mode allocs does not work. Nothing else needs it.");
	pfdiag_try(c, may ? "pfdiag --only kernel-version,config,seccomp,lockdown"
			  : "pfdiag --only cap-bpf,cap-perfmon");
}

void pfdiag_uprobe(struct pfdiag *d, struct pf_check *c)
{
	const double limit_s = pfdiag_limit_s(d, LIMIT_S);
	struct attempt *a;
	struct pf_isolated end;

	if (!pfdiag_has_proc(d)) {
		pfdiag_found(c, PF_CHECK_SKIP, "unknown: %s is not mounted", d->proc);
		return;
	}
	a = pf_isolate_shared(sizeof(*a));
	if (!a) {
		pfdiag_found(c, PF_CHECK_SKIP, "out of memory");
		return;
	}
	pf_isolate(attempt, a, limit_s, &end);
	if (!a->works)
		pf_trial_kernel_words(end.log, a->kernel, sizeof(a->kernel));
	pf_check_value(c, a->works, "works");
	if (a->works)
		pfdiag_found(c, PF_CHECK_OK, "functions of programs can be probed (%s)",
			     a->backend);
	else if (end.late && limit_s < LIMIT_S)
		pfdiag_no_time(c);
	else
		say_refused(c, a, &end);
	pf_isolate_unshare(a, sizeof(*a));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and attaches the programs that count fault events. Reads no count: the
 * pass over the tasks does.
 */
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/faults.skel.h"
#include "lib/base/error.h"
#include "lib/observe/bpf_util.h"
#include "lib/observe/faults.h"
#include "lib/observe/observe.h"

struct pf_faults {
	struct pf_faults_bpf *skel;
};

struct pf_faults *pf_faults__open(const struct pf_observe_config *config, struct pf_error *err)
{
	struct pf_faults *f = calloc(1, sizeof(*f));
	int ret;

	if (!f) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	f->skel = pf_faults_bpf__open();
	if (!f->skel) {
		pf_bpf_fail(err, errno, "open the fault programs");
		goto fail;
	}
	f->skel->rodata->pf_by_pid = config->n_pids > 0;
	f->skel->rodata->pf_by_uid = config->uid >= 0;
	f->skel->rodata->pf_uid = config->uid >= 0 ? (__u32)config->uid : 0;
	bpf_map__set_max_entries(f->skel->maps.pf_tgids, pf_bpf_named_max(config));
	ret = pf_faults_bpf__load(f->skel);
	if (ret) {
		pf_bpf_fail(err, ret, "load the fault programs");
		goto fail;
	}
	return f;
fail:
	pf_faults__close(f);
	errno = err && err->code ? err->code : EINVAL;
	return NULL;
}

int pf_faults__attach(struct pf_faults *f, struct pf_error *err)
{
	int ret = pf_faults_bpf__attach(f->skel);

	return ret ? pf_bpf_fail(err, ret, "attach to exceptions:page_fault_user and _kernel") : 0;
}

void pf_faults__close(struct pf_faults *f)
{
	if (!f)
		return;
	pf_faults_bpf__destroy(f->skel);
	free(f);
}

int pf_faults__counts_fd(const struct pf_faults *f)
{
	return bpf_map__fd(f->skel->maps.pf_counts);
}

int pf_faults__tgids_fd(const struct pf_faults *f)
{
	return bpf_map__fd(f->skel->maps.pf_tgids);
}

uint64_t pf_faults__uncounted(const struct pf_faults *f)
{
	return __atomic_load_n(&f->skel->bss->pf_uncounted, __ATOMIC_RELAXED);
}

void pf_faults__cost(const struct pf_faults *f, struct pf_bpf_cost *cost)
{
	pf_bpf_cost_add(cost, f->skel->obj, NULL);
}

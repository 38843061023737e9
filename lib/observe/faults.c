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
#include "lib/observe/table.h"

struct pf_faults {
	struct pf_faults_bpf *skel;
	unsigned int tells; /* enum pf_tells */
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
	f->skel->rodata->pf_sample_every = config->sample_every;
	f->skel->rodata->pf_sample_auto = config->sample_auto;
	f->skel->rodata->pf_classes = true;
	f->tells = PF_TELLS_MODE | PF_TELLS_ACCESS | PF_TELLS_CLASS | PF_TELLS_COW;
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

unsigned int pf_faults__tells(const struct pf_faults *f)
{
	return f->tells;
}

int pf_faults__map_fd(const struct pf_faults *f, enum pf_fault_map which)
{
	switch (which) {
	case PF_FAULT_MAP_COUNTS:
		return bpf_map__fd(f->skel->maps.pf_counts);
	case PF_FAULT_MAP_DEAD:
		return bpf_map__fd(f->skel->maps.pf_dead);
	case PF_FAULT_MAP_TGIDS:
		return bpf_map__fd(f->skel->maps.pf_tgids);
	}
	return -1;
}

uint64_t pf_faults__uncounted(const struct pf_faults *f)
{
	return __atomic_load_n(&f->skel->bss->pf_uncounted, __ATOMIC_RELAXED);
}

void pf_faults__cost(const struct pf_faults *f, struct pf_bpf_cost *cost)
{
	pf_bpf_cost_add(cost, f->skel->obj, NULL);
}

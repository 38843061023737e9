/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chooses, loads and attaches the programs that count fault events. Reads no
 * count: the pass over the tasks does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/faults.skel.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/observe/bpf_util.h"
#include "lib/observe/cpus.h"
#include "lib/observe/faults.h"
#include "lib/observe/observe.h"
#include "lib/observe/slots.h"
#include "lib/observe/table.h"

/* Where the changes of the memory counters are seen that tell the class. */
enum counters {
	COUNTERS_UNSEEN,
	COUNTERS_BY_CPU,    /* rss_stat tells each change */
	COUNTERS_BY_THREAD, /* gathered by the thread: read before and after the fault */
};

struct plan {
	enum pf_backend backend;
	enum counters counters;
	unsigned int tells;
};

#define SLOTS_FOR_ALL 1024U
#define ENTRIES_MAX   65536U
#define ENTRIES_SPARE 1024U
#define TELLS_CLASSES (PF_TELLS_CLASS | PF_TELLS_COW)

/*
 * The most precise first. tp_btf before fexit: the processor tells it whether
 * the page was there, and it sees faults that fail. perf with classes before
 * tp_btf without. Without error code perf cannot tell a copy from nothing.
 */
static const struct plan plans[] = {
	{ PF_BACKEND_TP_BTF, COUNTERS_BY_CPU, PF_TELLS_MODE | PF_TELLS_ACCESS | TELLS_CLASSES },
	{ PF_BACKEND_FEXIT, COUNTERS_BY_CPU, PF_TELLS_MODE | PF_TELLS_ACCESS | TELLS_CLASSES },
	{ PF_BACKEND_FEXIT, COUNTERS_BY_THREAD, PF_TELLS_MODE | PF_TELLS_ACCESS | TELLS_CLASSES },
	{ PF_BACKEND_PERF, COUNTERS_BY_CPU, PF_TELLS_MODE | PF_TELLS_CLASS },
	{ PF_BACKEND_TP_BTF, COUNTERS_UNSEEN, PF_TELLS_MODE | PF_TELLS_ACCESS },
	{ PF_BACKEND_TRACEPOINT, COUNTERS_BY_CPU, PF_TELLS_MODE | PF_TELLS_ACCESS | TELLS_CLASSES },
	{ PF_BACKEND_TRACEPOINT, COUNTERS_UNSEEN, PF_TELLS_MODE | PF_TELLS_ACCESS },
	{ PF_BACKEND_PERF, COUNTERS_UNSEEN, PF_TELLS_MODE },
};

static const char *const backend_names[] = {
	[PF_BACKEND_FEXIT] = "fexit",
	[PF_BACKEND_TP_BTF] = "tp_btf",
	[PF_BACKEND_TRACEPOINT] = "tracepoint",
	[PF_BACKEND_PERF] = "perf",
};

/* Which check tries the same. */
static const enum pf_check_id backend_checks[] = {
	[PF_BACKEND_FEXIT] = PF_CHECK_FENTRY,
	[PF_BACKEND_TP_BTF] = PF_CHECK_TP_BTF,
	[PF_BACKEND_TRACEPOINT] = PF_CHECK_TRACEPOINT,
	[PF_BACKEND_PERF] = PF_CHECK_PERF_EVENT,
};

struct pf_faults {
	struct pf_faults_bpf *skel;
	struct pf_cpus *cpus; /* perf: an event for each */
	const struct plan *plan;
	bool hashed;
	bool steps_changed;
	uint32_t n_slots;
	struct pf_slot *slots;
	uint32_t told_from; /* the first pass after the ends of threads were told; 0 = never */
	uint64_t slots_lost;
	uint64_t missed;      /* times that a program was left out, before the last pass ... */
	uint64_t missed_lost; /* ... of which nobody has made up for so many */
};

static void choose_programs(struct pf_faults *f, const struct pf_observe_config *config)
{
	bool all = config->sample_every == 1 && !config->sample_auto;
	const struct plan *plan = f->plan;
	bool tp_btf = plan->backend == PF_BACKEND_TP_BTF;
	const struct {
		struct bpf_program *program;
		bool wanted;
	} programs[] = {
		{ f->skel->progs.pf_fault_user, tp_btf && !f->n_slots },
		{ f->skel->progs.pf_fault_kernel, tp_btf && !f->n_slots },
		{ f->skel->progs.pf_fault_user_a, tp_btf && f->n_slots },
		{ f->skel->progs.pf_fault_kern_a, tp_btf && f->n_slots },
		{ f->skel->progs.pf_tp_user, plan->backend == PF_BACKEND_TRACEPOINT },
		{ f->skel->progs.pf_tp_kernel, plan->backend == PF_BACKEND_TRACEPOINT },
		{ f->skel->progs.pf_perf_fault, plan->backend == PF_BACKEND_PERF },
		{ f->skel->progs.pf_mm_fault, plan->backend == PF_BACKEND_FEXIT },
		{ f->skel->progs.pf_mm_fault_2, plan->backend == PF_BACKEND_FEXIT && all },
		{ f->skel->progs.pf_mm_fault_end, plan->backend == PF_BACKEND_FEXIT },
		{ f->skel->progs.pf_rss_stat, plan->counters == COUNTERS_BY_CPU },
		{ f->skel->progs.pf_rss_passed, plan->counters == COUNTERS_BY_THREAD },
	};

	for (size_t i = 0; i < PF_ARRAY_SIZE(programs); i++)
		bpf_program__set_autoload(programs[i].program, programs[i].wanted);
}

/*
 * Twice the threads of the machine, and some for those to come: what does not
 * fit is counted as lost. Allocated at once, as old kernels ask of programs at
 * a fault.
 */
static uint32_t entries_max(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/loadavg", "re");
	unsigned int threads = 0;

	if (!f || fscanf(f, "%*s %*s %*s %*u/%u", &threads) != 1)
		threads = ENTRIES_MAX / 2;
	return threads * 2 + ENTRIES_SPARE < ENTRIES_MAX ? threads * 2 + ENTRIES_SPARE
							 : ENTRIES_MAX;
}

static bool needs_hash(const struct pf_observe_config *config)
{
	if (config->force.storage != PF_STORAGE_AUTO)
		return config->force.storage == PF_STORAGE_HASH;
	return pf_bpf_lacks_task_storage();
}

/*
 * Only where every fault of everybody is counted and has a class, and where a
 * thread's last program can give its slot back.
 */
static uint32_t wants_slots(const struct pf_faults *f, const struct pf_observe_config *config)
{
	bool all = config->sample_every == 1 && !config->sample_auto && !config->n_pids &&
		   config->uid < 0;

	if (f->hashed || !all || f->plan->backend != PF_BACKEND_TP_BTF ||
	    f->plan->counters != COUNTERS_BY_CPU || !pf_bpf_has_loop())
		return 0;
	switch (config->force.slots) {
	case PF_SLOTS_NONE:
		return 0;
	case PF_SLOTS_ONE:
		return 1;
	case PF_SLOTS_SOON:
		return SLOTS_FOR_ALL;
	default:
		return pf_slots_wanted();
	}
}

static void choose_maps(struct pf_faults *f, const struct pf_observe_config *config)
{
	bpf_map__set_autocreate(f->skel->maps.pf_counts, !f->hashed);
	bpf_map__set_autocreate(f->skel->maps.pf_dead, !f->hashed);
	bpf_map__set_autocreate(f->skel->maps.pf_gathered,
				!f->hashed && f->plan->counters == COUNTERS_BY_THREAD);
	bpf_map__set_autocreate(f->skel->maps.pf_entries, f->hashed);
	if (f->hashed)
		bpf_map__set_max_entries(f->skel->maps.pf_entries, entries_max());
	bpf_map__set_autocreate(f->skel->maps.pf_steps, config->sample_auto);
	bpf_map__set_autocreate(f->skel->maps.pf_mappings,
				f->plan->counters == COUNTERS_BY_CPU &&
					f->plan->backend != PF_BACKEND_FEXIT);
	bpf_map__set_autocreate(f->skel->maps.pf_slots, f->n_slots);
	if (f->n_slots)
		bpf_map__set_max_entries(f->skel->maps.pf_slots, f->n_slots);
	bpf_map__set_max_entries(f->skel->maps.pf_tgids, pf_bpf_named_max(config->n_pids));
}

bool pf_faults__pends(const struct pf_faults *f)
{
	return f->plan->counters != COUNTERS_UNSEEN && f->plan->backend != PF_BACKEND_FEXIT;
}

bool pf_faults__ends(const struct pf_faults *f)
{
	return f->plan->counters == COUNTERS_BY_CPU && f->plan->backend == PF_BACKEND_FEXIT;
}

static void set_constants(struct pf_faults *f, const struct pf_observe_config *config)
{
	f->skel->rodata->pf_by_pid = config->n_pids > 0;
	f->skel->rodata->pf_by_uid = config->uid >= 0;
	f->skel->rodata->pf_uid = config->uid >= 0 ? (__u32)config->uid : 0;
	f->skel->rodata->pf_sample_every = config->sample_every;
	f->skel->rodata->pf_sample_auto = config->sample_auto;
	f->skel->rodata->pf_hashed = f->hashed;
	f->skel->rodata->pf_classes = pf_faults__pends(f);
	f->skel->rodata->pf_ends = pf_faults__ends(f);
	f->skel->rodata->pf_around = f->plan->backend == PF_BACKEND_FEXIT;
	f->skel->rodata->pf_by_thread = f->plan->counters == COUNTERS_BY_THREAD;
	f->skel->rodata->pf_n_slots = f->n_slots;
	if (config->force.slots != PF_SLOTS_AUTO)
		f->skel->rodata->pf_slot_faults = 1;
	f->skel->bss->pf_pass_number = 1; /* for whom the first one misses */
}

static int attach(struct pf_faults *f, struct pf_error *err)
{
	int ret = pf_faults_bpf__attach(f->skel);

	if (ret && f->plan->backend == PF_BACKEND_TRACEPOINT)
		return pf_bpf_fail_tracepoints(err, ret);
	if (ret)
		return pf_bpf_fail_see(err, ret, "attach the fault programs",
				       backend_checks[f->plan->backend]);
	if (f->plan->backend != PF_BACKEND_PERF)
		return 0;
	f->cpus = pf_cpus__open(f->skel->progs.pf_perf_fault, err);
	return f->cpus ? 0 : -errno;
}

static int load(struct pf_faults *f, const struct pf_observe_config *config, struct pf_error *err)
{
	int ret;

	f->skel = pf_faults_bpf__open();
	if (!f->skel)
		return pf_bpf_fail_see(err, errno, "open the fault programs",
				       backend_checks[f->plan->backend]);
	choose_programs(f, config);
	choose_maps(f, config);
	set_constants(f, config);
	ret = pf_faults_bpf__load(f->skel);
	if (ret)
		return pf_bpf_fail_see(err, ret, "load the fault programs",
				       backend_checks[f->plan->backend]);
	if (!f->n_slots)
		return 0;
	f->slots = pf_slots_map(bpf_map__fd(f->skel->maps.pf_slots), f->n_slots);
	return f->slots ? 0 : pf_step_fail(err, errno, "map the slots of hot threads");
}

static void drop_plan(struct pf_faults *f)
{
	pf_slots_unmap(f->slots, f->n_slots);
	f->slots = NULL;
	pf_cpus__close(f->cpus);
	f->cpus = NULL;
	pf_faults_bpf__destroy(f->skel);
	f->skel = NULL;
}

/* Slots make faults cheaper and tell nothing more: where they do not work, without. */
static int try_plan(struct pf_faults *f, const struct pf_observe_config *config,
		    struct pf_error *err)
{
	int ret;

	f->n_slots = wants_slots(f, config);
	ret = load(f, config, err);
	if (ret && ret != -EPERM && f->n_slots) {
		drop_plan(f);
		f->n_slots = 0;
		ret = load(f, config, err);
		if (!ret) {
			pf_info("no slots for hot threads: %s", err->text);
			*err = (struct pf_error){ 0 };
		}
	}
	return ret ? ret : attach(f, err);
}

/* The classes are what one would miss most: said first. */
static const char *lacks(unsigned int tells)
{
	if (!(tells & PF_TELLS_CLASS))
		return tells & PF_TELLS_ACCESS ? ", without classes"
					       : ", without classes and access";
	return tells & PF_TELLS_COW ? "" : ", without cow, other and access";
}

static void note_tried(struct pf_tried *tried, const struct plan *plan, const char *why)
{
	if (!tried || tried->n == PF_TRIED_MAX)
		return;
	snprintf(tried->ways[tried->n].way, sizeof(tried->ways[0].way), "%s%s",
		 backend_names[plan->backend], lacks(plan->tells));
	snprintf(tried->ways[tried->n].why, sizeof(tried->ways[0].why), "%s", why);
	tried->n++;
}

static int try_plans(struct pf_faults *f, const struct pf_observe_config *config,
		     struct pf_error *err)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(plans); i++) {
		struct pf_error why = { 0 };
		const char *name = backend_names[plans[i].backend];

		if (config->backend != PF_BACKEND_AUTO && config->backend != plans[i].backend)
			continue;
		f->plan = &plans[i];
		if (!try_plan(f, config, &why)) {
			/* Which one it is the tool says itself. */
			if (*lacks(f->plan->tells))
				pf_info("backend %s%s", name, lacks(f->plan->tells));
			return 0;
		}
		drop_plan(f);
		note_tried(config->tried, f->plan, why.text);
		pf_info("backend %s%s does not work: %s", name, lacks(f->plan->tells), why.text);
		pf_fail(err, why.code, "backend %s: %s", name, why.text);
	}
	return -EOPNOTSUPP;
}

struct pf_faults *pf_faults__open(const struct pf_observe_config *config, struct pf_error *err)
{
	struct pf_faults *f = calloc(1, sizeof(*f));
	int ret;

	if (!f) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	f->hashed = needs_hash(config);
	if (f->hashed)
		pf_info("counters in a hash table: no task storage for these programs");
	ret = try_plans(f, config, err);
	if (!ret)
		return f;
	pf_faults__close(f);
	errno = -ret;
	return NULL;
}

void pf_faults__close(struct pf_faults *f)
{
	if (!f)
		return;
	drop_plan(f);
	free(f);
}

const char *pf_faults__backend(const struct pf_faults *f)
{
	return backend_names[f->plan->backend];
}

unsigned int pf_faults__tells(const struct pf_faults *f)
{
	return f->plan->tells;
}

bool pf_faults__hashed(const struct pf_faults *f)
{
	return f->hashed;
}

uint32_t pf_faults__n_slots(const struct pf_faults *f)
{
	return f->n_slots;
}

int pf_faults__map_fd(const struct pf_faults *f, enum pf_fault_map which)
{
	switch (which) {
	case PF_FAULT_MAP_COUNTS:
		return bpf_map__fd(f->skel->maps.pf_counts);
	case PF_FAULT_MAP_DEAD:
		return bpf_map__fd(f->skel->maps.pf_dead);
	case PF_FAULT_MAP_ENTRIES:
		return bpf_map__fd(f->skel->maps.pf_entries);
	case PF_FAULT_MAP_TGIDS:
		return bpf_map__fd(f->skel->maps.pf_tgids);
	case PF_FAULT_MAP_SLOTS:
		return bpf_map__fd(f->skel->maps.pf_slots);
	}
	return -1;
}

bool pf_faults__set_step(struct pf_faults *f, uint32_t tgid, uint8_t step)
{
	struct bpf_map *steps = f->skel->maps.pf_steps;
	int ret = step ? bpf_map__update_elem(steps, &tgid, sizeof(tgid), &step, sizeof(step),
					      BPF_ANY)
		       : bpf_map__delete_elem(steps, &tgid, sizeof(tgid), 0);

	f->steps_changed |= !ret;
	return !ret || !step;
}

void pf_faults__tell_steps(struct pf_faults *f)
{
	if (f->steps_changed)
		__atomic_fetch_add(&f->skel->bss->pf_generation, 1, __ATOMIC_RELEASE);
	f->steps_changed = false;
}

void pf_faults__begin_pass(struct pf_faults *f, uint32_t pass)
{
	__atomic_store_n(&f->skel->bss->pf_pass_number, pass, __ATOMIC_RELAXED);
	f->missed = pf_bpf_missed(f->skel->obj, "pf_mm_fault_2");
}

/* However old the thread: its first fault may have come after a pass had gone by it. */
bool pf_entry_is_dead(const struct pf_entry *e, uint32_t pass)
{
	return pass - e->pass >= 2;
}

static void sweep_one(const struct bpf_map *entries, uint32_t tid, uint32_t pass)
{
	struct pf_entry e;

	if (!bpf_map__lookup_elem(entries, &tid, sizeof(tid), &e, sizeof(e), 0) &&
	    pf_entry_is_dead(&e, pass))
		bpf_map__delete_elem(entries, &tid, sizeof(tid), 0);
}

/* The next one is asked for before this one goes: after one that is gone, it would begin anew. */
static void sweep_entries(const struct bpf_map *entries, uint32_t pass)
{
	uint32_t tid, next;
	bool more = !bpf_map__get_next_key(entries, NULL, &next, sizeof(next));

	while (more) {
		tid = next;
		more = !bpf_map__get_next_key(entries, &tid, &next, sizeof(next));
		sweep_one(entries, tid, pass);
	}
}

void pf_faults__ends_told(struct pf_faults *f, uint32_t pass)
{
	f->told_from = pass;
}

void pf_faults__sweep(struct pf_faults *f, uint32_t pass, bool met_all)
{
	if (f->hashed)
		sweep_entries(f->skel->maps.pf_entries, pass);
	if (f->slots && met_all)
		f->slots_lost += pf_slots_sweep(f->slots, f->n_slots, pass, f->told_from);
}

int pf_faults__fd(const struct pf_faults *f)
{
	return f->cpus ? pf_cpus__fd(f->cpus) : -1;
}

void pf_faults__follow_cpus(struct pf_faults *f)
{
	if (f->cpus)
		pf_cpus__follow(f->cpus);
}

uint64_t pf_faults__uncounted(const struct pf_faults *f)
{
	return __atomic_load_n(&f->skel->bss->pf_uncounted, __ATOMIC_RELAXED) + f->slots_lost;
}

uint64_t pf_faults__gaps(const struct pf_faults *f)
{
	return f->cpus ? pf_cpus__gaps(f->cpus) : 0;
}

/* Never less than before: what the pass saw open may still have been ended in time. */
uint64_t pf_faults__left_out(struct pf_faults *f, uint64_t ended_by_others)
{
	uint64_t caught = __atomic_load_n(&f->skel->bss->pf_caught, __ATOMIC_RELAXED);

	caught += ended_by_others;
	if (f->missed > caught && f->missed - caught > f->missed_lost)
		f->missed_lost = f->missed - caught;
	return f->missed_lost;
}

void pf_faults__cost(const struct pf_faults *f, struct pf_bpf_cost *cost)
{
	pf_bpf_cost_add(cost, f->skel->obj, NULL);
}

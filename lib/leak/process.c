/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the samples of one process. Holds apart what the trend finds and what
 * stands between that and an alert: age, size, and how long memory lasts.
 */
#include "lib/leak/process.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/leak/kin.h"

/* Start times of one process differ by this much between sources. */
#define SAME_START_S  2.0
#define SAME_START_NS 20000000u

#define BYTES_MAX 1e18

/* Of a declared limit: up to here growth is as declared. */
#define HEAP_PART  0.9
#define CACHE_PART 1.25

/* Of a limit that was set for it so much may be used, where it lasts so long. */
#define BUDGET_PART 0.5
#define BUDGET_S    86400.0

/* Growth of less than 8 MB a minute by which memory lasts for three days is looked at for long. */
#define SLOW_BYTES_PER_S (8.0 * (1 << 20) / 60)
#define DAYS_S		 (3 * 86400.0)
#define PATIENCE_S	 4800.0

/* Whether it came to rest is asked each time so many base buckets are closed. */
#define REST_BUCKETS 16

/* A history is kept from a quarter of the minimum size on, or of this where that is less. */
#define HISTORY_OF_BYTES (10 << 20)

void pf_terms_make(struct pf_terms *terms, const struct pf_leak_config *config)
{
	terms->config = *config;
	terms->pace = pf_trend_pace(config->grace_s);
	terms->settle_s = fmin(config->min_watch_age_s, config->grace_s);
	terms->history_bytes = fmin((double)config->min_bytes, HISTORY_OF_BYTES) / 4;
}

/* Unknown parts count nothing; nonsense from a recording stays within what sums can hold. */
static double known(int64_t value)
{
	return value == PF_UNKNOWN || value < 0 ? 0 : fmin((double)value, BYTES_MAX);
}

double pf_sample_memory(const struct pf_sample *s)
{
	double swap = known(s->swap_bytes);

	if (s->rss_anon_bytes != PF_UNKNOWN)
		return known(s->rss_anon_bytes) + known(s->rss_shmem_bytes) + swap;
	if (s->rss_bytes != PF_UNKNOWN)
		return fmax(0, known(s->rss_bytes) - known(s->rss_file_bytes)) + swap;
	return NAN;
}

/* Only ever compared with that of the same process. 0 = unknown. */
static uint64_t hash_of(const char *s)
{
	uint64_t h;

	if (!s || !*s)
		return 0;
	h = pf_hash_mem(PF_HASH_INIT, s, strlen(s));
	return h ? h : 1;
}

void pf_process_init(struct pf_process *p, const struct pf_sample *s)
{
	double age_s = s->ts - s->start_ts;

	memset(p, 0, sizeof(*p));
	p->pid = s->pid;
	p->start_ts = s->start_ts;
	p->start_ns = s->start_ns;
	p->exec_id = s->exec_id;
	p->exe_hash = hash_of(s->exe);
	p->born_s = p->image_s = s->mono_s - (age_s > 0 ? age_s : 0); /* 0 when unknown, too */
	p->since_s = p->last_s = s->mono_s;
	p->rss_bytes = p->swap_bytes = p->vsz_bytes = PF_UNKNOWN;
	p->limit_bytes = p->headroom_bytes = PF_UNKNOWN;
	p->shmem_bytes = p->ceiling.bytes = PF_UNKNOWN;
	p->fault_rate = NAN;
	p->is_new = true;
	pf_trend_init(&p->trend);
}

struct pf_process *pf_process__new(const struct pf_sample *s)
{
	struct pf_process *p = malloc(sizeof(*p));

	if (p)
		pf_process_init(p, s);
	return p;
}

void pf_process__free(struct pf_process *p)
{
	if (!p)
		return;
	free(p->history);
	free(p->model);
	free(p->rules);
	free(p->exe);
	free(p->cgroup);
	free(p->container);
	free(p);
}

bool pf_process_is(const struct pf_process *p, const struct pf_sample *s)
{
	if (p->start_ns && s->start_ns) {
		uint64_t apart = p->start_ns > s->start_ns ? p->start_ns - s->start_ns
							   : s->start_ns - p->start_ns;

		return apart <= SAME_START_NS;
	}
	return !(fabs(p->start_ts - s->start_ts) > SAME_START_S); /* NaN is no difference */
}

static bool has_new_image(const struct pf_process *p, const struct pf_sample *s)
{
	uint64_t exe = hash_of(s->exe);

	return (p->exec_id && s->exec_id && p->exec_id != s->exec_id) ||
	       (p->exe_hash && exe && p->exe_hash != exe);
}

/* Another program: what the old one did says nothing about it. Counters go on. */
static void take_new_image(struct pf_process *p, const struct pf_sample *s)
{
	p->image_s = p->since_s = s->mono_s;
	if (p->history)
		pf_history_init(p->history);
	pf_trend_init(&p->trend);
	if (p->model)
		*p->model = (struct pf_model_state){ 0 };
	p->traits.any = false;
	p->headroom_bytes = p->limit_bytes = PF_UNKNOWN;
	p->budget.bytes = 0;
	p->shmem_bytes = p->ceiling.bytes = PF_UNKNOWN;
	p->ceiling_asked = p->kind_asked = false;
	p->kind = 0;
}

static void keep(int64_t *to, int64_t value)
{
	if (value != PF_UNKNOWN)
		*to = value;
}

static void add_faults(int64_t *to, int64_t faults)
{
	if (faults > 0 && __builtin_add_overflow(*to, faults, to))
		*to = INT64_MAX;
}

static void take_facts(struct pf_process *p, const struct pf_sample *s)
{
	uint64_t exe = hash_of(s->exe);

	memcpy(p->comm, s->comm, sizeof(p->comm));
	p->comm[sizeof(p->comm) - 1] = '\0';
	if (exe)
		p->exe_hash = exe;
	if (s->exec_id)
		p->exec_id = s->exec_id;
	p->last_s = s->mono_s;
	p->last_ts = s->ts;
	keep(&p->rss_bytes, s->rss_bytes);
	keep(&p->swap_bytes, s->swap_bytes);
	keep(&p->vsz_bytes, s->vsz_bytes);
	p->error_bytes = s->rss_error_bytes == PF_UNKNOWN ? 0 : s->rss_error_bytes;
	p->fault_rate = s->faults == PF_UNKNOWN || !(s->interval_s > 0)
				? NAN
				: (double)s->faults / s->interval_s;
	add_faults(&p->faults, s->faults);
	p->is_new = false;
}

/*
 * Shared memory that is there and is touched bit by bit, like a database's buffers by each of its
 * backends, is no new memory: of shared memory only what came with address space counts.
 */
static double own_memory(struct pf_process *p, const struct pf_sample *s)
{
	double memory = pf_sample_memory(s), shmem = known(s->rss_shmem_bytes), counts;

	if (s->rss_shmem_bytes == PF_UNKNOWN || s->vsz_bytes == PF_UNKNOWN)
		return memory;
	if (p->shmem_bytes == PF_UNKNOWN) {
		p->shmem_bytes = (int64_t)shmem;
		p->shmem_vsz_bytes = s->vsz_bytes;
	}
	counts = fmin(shmem, known(p->shmem_bytes) +
				     fmax(0, known(s->vsz_bytes) - known(p->shmem_vsz_bytes)));
	if (s->vsz_bytes < p->shmem_vsz_bytes) {
		p->shmem_bytes = (int64_t)counts;
		p->shmem_vsz_bytes = s->vsz_bytes;
	}
	return memory - (shmem - counts);
}

/* Add the sample to the history and let the trend look at it. */
static int take_memory(struct pf_process *p, const struct pf_sample *s,
		       const struct pf_terms *terms, uint32_t *closed)
{
	const struct pf_gate_terms trend = { terms->pace, p->error_bytes };
	double memory = isnan(pf_sample_memory(s)) || s->mono_s - p->image_s < terms->settle_s
				? NAN
				: own_memory(p, s);
	const struct pf_mark mark = { .s = s->mono_s,
				      .memory = (float)memory,
				      .file = (float)known(s->rss_file_bytes),
				      .shmem = (float)known(s->rss_shmem_bytes),
				      .faults = (double)p->faults };

	*closed = 0;
	if (isnan(memory))
		return 0;
	pf_traits_add(&p->traits, &mark, terms->pace);
	if (!p->history) {
		if (memory < terms->history_bytes)
			return 0;
		p->history = malloc(sizeof(*p->history));
		if (!p->history)
			return -ENOMEM;
		pf_history_init(p->history);
	}
	*closed = pf_history_add(p->history, s->mono_s, memory,
				 terms->config.lone_moments ? NAN : s->interval_s,
				 PF_TREND_BUCKET_S * terms->pace);
	pf_trend_update(&p->trend, p->history, *closed, &trend);
	return 0;
}

/* For the models beside the trend, which know memory from when the trend does. */
static int take_model(struct pf_process *p, const struct pf_sample *s, const struct pf_terms *terms)
{
	if (terms->config.model.model == PF_MODEL_TREND || !p->history)
		return 0;
	if (!p->model)
		p->model = calloc(1, sizeof(*p->model));
	if (!p->model)
		return -ENOMEM;
	pf_model_take(p->model, s, &terms->config.model);
	return 0;
}

/* ---- the verdict ----------------------------------------------------------- */

static double size_of(const struct pf_process *p)
{
	return known(p->rss_bytes) + known(p->swap_bytes);
}

static double age_of(const struct pf_process *p)
{
	return p->last_s - p->born_s;
}

static void fill_who(const struct pf_process *p, struct pf_verdict *v)
{
	v->pid = p->pid;
	v->start_ts = p->start_ts;
	v->comm = p->comm;
	v->exe = p->exe;
	v->cgroup = p->cgroup;
	v->container = p->container;
	v->ts = p->last_ts;
	v->age_s = age_of(p);
	v->followed_s = p->last_s - p->since_s;
	v->rss_bytes = p->rss_bytes;
	v->swap_bytes = p->swap_bytes;
	v->vsz_bytes = p->vsz_bytes;
	v->ceiling = &p->ceiling;
	v->fault_rate = p->fault_rate;
	v->faults_total = p->faults;
}

static void fill_trend(const struct pf_process *p, const struct pf_terms *terms,
		       struct pf_verdict *v)
{
	const struct pf_finding *f = &p->trend.best;

	v->class = pf_classify(&p->traits, f, p->history, age_of(p) < terms->config.grace_s);
	v->growth_bytes_per_s = pf_finding_rate(f);
	v->growth_error = pf_finding_rate_error(f);
	v->growth_bytes = f->window == PF_WINDOW_NONE ? 0 : (int64_t)f->growth;
	v->window_s = f->window == PF_WINDOW_NONE ? 0 : f->length_s;
	v->n_signals = pf_finding_signals(f, v->signals);
	v->confidence = v->n_signals ? f->confidence : 0;
}

/* Another model's opinion instead of the trend's; what grows, and how fast, stays as it is. */
static void fill_model(const struct pf_process *p, const struct pf_terms *terms,
		       struct pf_verdict *v)
{
	struct pf_model_verdict opinion = { 0 };

	v->model = pf_model_names[terms->config.model.model];
	if (terms->config.model.model == PF_MODEL_TREND)
		return;
	v->n_signals =
		p->model ? pf_model_judge(p->model, &terms->config.model, v->signals, &opinion) : 0;
	v->confidence = opinion.confidence;
	if (opinion.has_level)
		v->level = opinion.level;
}

static void fill_limit(const struct pf_process *p, struct pf_verdict *v)
{
	v->limit.limit_bytes = p->limit_bytes;
	v->limit.headroom_bytes = p->headroom_bytes;
	v->limit.budget = p->budget;
	v->time_left_s = pf_time_left(v->growth_bytes_per_s, p->headroom_bytes);
	v->severity = pf_severity((int64_t)size_of(p), v->time_left_s);
	v->severity_label = pf_severity_label(v->severity);
	v->level = pf_severity_level(v->severity);
}

/* Add a condition that holds the confidence between two bounds. */
static void bound(struct pf_verdict *v, enum pf_signal_id id, bool passed, double measured,
		  double needed, int least, int most)
{
	int confidence = v->confidence;

	if (confidence > most)
		confidence = most;
	if (confidence < least)
		confidence = least;
	v->signals[v->n_signals++] = (struct pf_signal){ .id = id,
							 .name = pf_signal_name(id),
							 .passed = passed,
							 .points = confidence - v->confidence,
							 .measured = measured,
							 .needed = needed };
	v->confidence = confidence;
}

/* Would memory run out before the process is old enough for an alert, on evidence of minutes? */
static bool is_urgent(const struct pf_process *p, const struct pf_verdict *v, double grace_left_s)
{
	return pf_finding_grows(&p->trend.best) && p->trend.best.window != PF_WINDOW_NEWEST &&
	       v->time_left_s < grace_left_s; /* never with NaN */
}

/*
 * Will what grows stop at a limit of the program's own, one that memory suffices for? A cache takes
 * some more than it says. A heap that was collected and whose floor rises all the same will end at
 * its limit, but not well; so will one that is nearly there.
 */
static bool stops_by_itself(const struct pf_process *p)
{
	double part = p->ceiling.heap ? HEAP_PART : CACHE_PART;
	double room;

	if (p->ceiling.bytes == PF_UNKNOWN || !p->history)
		return false;
	if (p->ceiling.heap && p->trend.best.teeth)
		return false;
	room = part * (double)p->ceiling.bytes - p->history->last;
	return room > 0 && (p->headroom_bytes == PF_UNKNOWN || room < (double)p->headroom_bytes);
}

/* Where the floor is that rises. */
static double floor_of(const struct pf_process *p)
{
	return (double)p->trend.best.base + p->trend.best.growth;
}

/* Did others of its kind come to rest higher up, where memory suffices for that? */
static bool stops_like_others(const struct pf_process *p, const struct pf_terms *terms,
			      double *height)
{
	double room;

	*height = pf_kin__height(terms->kin, p->kind);
	room = *height - floor_of(p);
	return room > 0 && (p->headroom_bytes == PF_UNKNOWN || room < (double)p->headroom_bytes);
}

/* How long until memory is used up; at most so long where only the whole of it is known. */
static double lasts_s(const struct pf_process *p, const struct pf_verdict *v)
{
	int64_t room = p->headroom_bytes;

	if (room == PF_UNKNOWN && p->limit_bytes != PF_UNKNOWN)
		room = (int64_t)fmax(0, known(p->limit_bytes) - size_of(p));
	return pf_time_left(v->growth_bytes_per_s, room);
}

/* Slow growth that takes days to do harm: there is time to see whether it stops by itself. */
static bool can_wait(const struct pf_process *p, const struct pf_verdict *v)
{
	return v->growth_bytes_per_s < SLOW_BYTES_PER_S && lasts_s(p, v) > DAYS_S;
}

/*
 * A limit set from outside is where a leak ends, it stops none. But whoever set it has reckoned with
 * growth, and in half of it there is time for an alert later on.
 */
static bool is_in_budget(const struct pf_process *p, const struct pf_verdict *v)
{
	const struct pf_budget *b = &p->budget;

	return b->bytes > 0 &&
	       (double)(b->bytes - b->left_bytes) < BUDGET_PART * (double)b->bytes &&
	       pf_time_left(v->growth_bytes_per_s, b->left_bytes) > BUDGET_S &&
	       !(v->time_left_s <= BUDGET_S);
}

/* What would be an alert becomes a watch. */
static void hold_back(const struct pf_leak_config *c, struct pf_verdict *v, enum pf_signal_id id,
		      double measured, double needed)
{
	bound(v, id, false, measured, needed, 0, c->alert_confidence - 1);
}

/* What else is known of the process, once the trend says that it leaks. */
static void apply_context(const struct pf_process *p, const struct pf_terms *terms,
			  struct pf_verdict *v)
{
	const struct pf_leak_config *c = &terms->config;
	double seen_s, height;

	if (v->confidence >= c->alert_confidence && stops_by_itself(p))
		hold_back(c, v, PF_SIGNAL_CEILING, p->history->last, (double)p->ceiling.bytes);
	if (v->confidence >= c->alert_confidence && is_in_budget(p, v))
		hold_back(c, v, PF_SIGNAL_BUDGET, (double)(p->budget.bytes - p->budget.left_bytes),
			  BUDGET_PART * (double)p->budget.bytes);
	if (v->confidence >= c->alert_confidence && stops_like_others(p, terms, &height))
		hold_back(c, v, PF_SIGNAL_KIN, floor_of(p), height);
	if (v->confidence < c->alert_confidence || c->model.model != PF_MODEL_TREND ||
	    !can_wait(p, v))
		return;
	seen_s = pf_trend_seen(&p->trend, p->history, c->alert_confidence);
	if (seen_s < PATIENCE_S * terms->pace)
		hold_back(c, v, PF_SIGNAL_PATIENCE, seen_s, PATIENCE_S * terms->pace);
}

/* What stands between the trend and a watch or an alert. */
static void apply_conditions(const struct pf_process *p, const struct pf_terms *terms,
			     struct pf_verdict *v)
{
	const struct pf_leak_config *c = &terms->config;
	double grace_left_s = c->grace_s - v->age_s;
	/* the models beside the trend alert on more than the threshold */
	int alert = c->alert_confidence + (c->model.model != PF_MODEL_TREND);
	bool big = size_of(p) >= (double)c->min_bytes;

	if (!v->n_signals)
		return;
	apply_context(p, terms, v);
	if (grace_left_s > 0 && is_urgent(p, v, grace_left_s))
		bound(v, PF_SIGNAL_TIME_LEFT, true, v->time_left_s, grace_left_s, alert, 100);
	else
		bound(v, PF_SIGNAL_GRACE, grace_left_s <= 0, v->age_s, c->grace_s, 0,
		      grace_left_s > 0 ? c->alert_confidence - 1 : 100);
	bound(v, PF_SIGNAL_SIZE, big, size_of(p), (double)c->min_bytes, 0,
	      big ? 100 : c->watch_confidence - 1);
}

static void fill(const struct pf_process *p, const struct pf_terms *terms, struct pf_verdict *v)
{
	memset(v, 0, sizeof(*v));
	fill_who(p, v);
	fill_trend(p, terms, v);
	fill_limit(p, v);
	fill_model(p, terms, v);
	apply_conditions(p, terms, v);
	v->state = v->previous = p->alert.state;
	v->end = p->alert.end;
}

void pf_process_verdict(const struct pf_process *p, const struct pf_terms *terms,
			struct pf_verdict *v)
{
	fill(p, terms, v);
}

/* ---- feeding --------------------------------------------------------------- */

/* The sample knows the names, and nobody keeps them for us. */
static void borrow_names(struct pf_verdict *v, const struct pf_sample *s)
{
	v->exe = s->exe ? s->exe : v->exe;
	v->cgroup = s->cgroup ? s->cgroup : v->cgroup;
	v->container = s->container ? s->container : v->container;
}

static void keep_name(char **to, const char *name)
{
	if (!name)
		return;
	free(*to);
	*to = strdup(name); /* without memory the name is unknown later on, no more */
}

static void keep_names(struct pf_process *p, const struct pf_sample *s)
{
	keep_name(&p->exe, s->exe);
	keep_name(&p->cgroup, s->cgroup);
	keep_name(&p->container, s->container);
}

static void ask_limit(struct pf_process *p, const struct pf_sample *s, const struct pf_terms *terms,
		      const struct pf_leak_hooks *hooks, struct pf_limit *limit)
{
	*limit = (struct pf_limit){ .limit_bytes = PF_UNKNOWN, .headroom_bytes = PF_UNKNOWN };
	if (!hooks->limit)
		return;
	if (!pf_alert_is_open(&p->alert) &&
	    p->trend.best.confidence < terms->config.watch_confidence)
		return;
	hooks->limit(hooks->ctx, s, limit);
	p->limit_bytes = limit->limit_bytes;
	p->headroom_bytes = limit->headroom_bytes;
	p->budget = limit->budget;
}

static void ask_kind(struct pf_process *p, const struct pf_sample *s,
		     const struct pf_leak_hooks *hooks)
{
	if (!hooks->kind || p->kind_asked)
		return;
	p->kind = hooks->kind(hooks->ctx, s);
	p->kind_asked = true;
}

/* Where it came to rest, others of its kind may be expected to; an alert is no rest. */
static void note_rest(struct pf_process *p, const struct pf_sample *s, const struct pf_terms *terms,
		      const struct pf_leak_hooks *hooks, uint32_t closed)
{
	double height;

	/* not at every bucket: it changes slowly */
	if (!p->history ||
	    p->history->closed / REST_BUCKETS == (p->history->closed - closed) / REST_BUCKETS)
		return;
	if (p->alert.state == PF_ALERT_FIRING || p->alert.state == PF_ALERT_PENDING)
		return;
	height = pf_kin_rest(p->history, terms->pace);
	if (height < (double)terms->config.min_bytes)
		return;
	ask_kind(p, s, hooks);
	pf_kin__note(terms->kin, p->kind, height, s->ts);
}

static void ask_ceiling(struct pf_process *p, const struct pf_sample *s,
			const struct pf_terms *terms, const struct pf_leak_hooks *hooks)
{
	if (!hooks->ceiling || p->ceiling_asked ||
	    p->trend.best.confidence < terms->config.watch_confidence)
		return;
	hooks->ceiling(hooks->ctx, s, &p->ceiling);
	p->ceiling_asked = true;
}

static void step_alert(struct pf_process *p, const struct pf_sample *s,
		       const struct pf_terms *terms, struct pf_verdict *v)
{
	const struct pf_alert_terms at = { terms->config.watch_confidence,
					   terms->config.alert_confidence,
					   terms->config.escalation_s };
	enum pf_alert_state before = p->alert.state;
	const bool trend = terms->config.model.model == PF_MODEL_TREND;

	if (!p->history)
		return;
	if (trend ? !pf_alert_step(&p->alert, &at, s->mono_s, v->confidence, &p->trend.best,
				   p->history)
		  : !pf_alert_step_level(&p->alert, &at, s->mono_s, v->confidence))
		return;
	if (trend && before == PF_ALERT_FIRING)
		pf_trend_forget(&p->trend, p->history);
	if (!pf_alert_is_open(&p->alert))
		return;
	keep_names(p, s);
}

static void conclude(const struct pf_process *p, enum pf_alert_state before, struct pf_verdict *v)
{
	v->previous = before;
	v->state = p->alert.state;
	v->end = p->alert.end;
	v->transition = v->state != v->previous;
}

/* ---- rules ------------------------------------------------------------------ */

static void step_rules(struct pf_process *p, const struct pf_sample *s,
		       const struct pf_terms *terms, const struct pf_verdict *v)
{
	/* What is about the minimum shall not come and go. */
	bool big = size_of(p) >= (double)terms->config.min_bytes / (p->rules ? 2 : 1);

	if (!terms->rules ||
	    !pf_rules_step(terms->rules, &p->rules, s, v, big, terms->tell, terms->tell_ctx))
		return;
	if (!p->exe && !p->cgroup && !p->container)
		keep_names(p, s);
}

static void finish_rules(struct pf_process *p, enum pf_alert_end end, const struct pf_terms *terms,
			 const struct pf_verdict *v)
{
	if (terms->rules)
		pf_rules_finish(terms->rules, p->rules, end, v, terms->tell, terms->tell_ctx);
	free(p->rules);
	p->rules = NULL;
}

/* ---- one sample after the other --------------------------------------------- */

int pf_process_feed(struct pf_process *p, const struct pf_sample *s, const struct pf_terms *terms,
		    const struct pf_leak_hooks *hooks, struct pf_verdict *v)
{
	enum pf_alert_state before = p->alert.state;
	struct pf_limit limit;
	uint32_t closed;
	int err;

	if (!p->is_new && has_new_image(p, s)) {
		fill(p, terms, v);
		finish_rules(p, PF_END_EXEC, terms, v);
		take_new_image(p, s);
		pf_alert_finish(&p->alert, PF_END_EXEC);
	}
	take_facts(p, s);
	err = take_memory(p, s, terms, &closed);
	if (!err)
		err = take_model(p, s, terms);
	if (err)
		return err;
	ask_limit(p, s, terms, hooks, &limit);
	ask_ceiling(p, s, terms, hooks);
	if (p->trend.best.confidence >= terms->config.watch_confidence)
		ask_kind(p, s, hooks);
	note_rest(p, s, terms, hooks, closed);
	fill(p, terms, v);
	memcpy(v->limit.source, limit.source, sizeof(v->limit.source));
	borrow_names(v, s);
	step_alert(p, s, terms, v);
	conclude(p, before, v);
	step_rules(p, s, terms, v);
	return 0;
}

void pf_process_finish(struct pf_process *p, const struct pf_sample *s, enum pf_alert_end end,
		       const struct pf_terms *terms, struct pf_verdict *v)
{
	enum pf_alert_state before = p->alert.state;

	if (s)
		take_facts(p, s);
	pf_alert_finish(&p->alert, end);
	fill(p, terms, v);
	if (s)
		borrow_names(v, s);
	conclude(p, before, v);
	finish_rules(p, end, terms, v);
}

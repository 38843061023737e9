/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One process on its way to the state file and back (lib/leak/state.h). The
 * history is saved as it is; what a model made of it goes into a part of its
 * own, so that another model leaves that part out and judges anew.
 *
 * Whoever changes one of these structs is stopped below: add the member to the
 * walk and raise PF_STATE_VERSION, or for the judgement PF_STATE_JUDGE.
 */
#include <math.h>

#include "lib/base/pack.h"
#include "lib/leak/process.h"
#include "lib/leak/state.h"

_Static_assert(sizeof(struct pf_history) == 1896, "pack_history() and PF_STATE_VERSION");
_Static_assert(sizeof(struct pf_traits) == 104, "pack_traits() and PF_STATE_VERSION");
_Static_assert(sizeof(struct pf_alert) == 40, "pack_alert() and PF_STATE_VERSION");
_Static_assert(sizeof(struct pf_trend) == 128, "pack_trend() and PF_STATE_JUDGE");
_Static_assert(sizeof(struct pf_model_state) == 632, "pack_model_state() and PF_STATE_JUDGE");
_Static_assert(sizeof(struct pf_finding) == 92, "pack_finding() and PF_STATE_JUDGE");

#define NAME_MAX_BYTES 65536
#define RATIO_MAX      1e6f
#define VALUE_MAX      1e19 /* more than all memory there can be */

/* ---- the history ----------------------------------------------------------- */

static bool is_value(double v)
{
	return v >= 0 && v <= VALUE_MAX;
}

static bool are_values(const struct pf_bucket *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!is_value(b[i].min) || !is_value(b[i].max))
			return false;
	}
	return true;
}

/* Of a ring that is not full only what is in it. */
static void pack_octave(struct pf_pack *k, struct pf_octave *o, uint32_t kept)
{
	if (!kept)
		return;
	pf_pack_mem(k, o->ring, kept * sizeof(o->ring[0]));
	pf_pack_mem(k, &o->half, sizeof(o->half));
	pf_pack_f32(k, &o->ceiling);
	k->failed |=
		!are_values(o->ring, kept) || !are_values(&o->half, 1) || !is_value(o->ceiling);
}

static void pack_trough(struct pf_pack *k, struct pf_trough *t)
{
	pf_pack_f32(k, &t->t_s);
	pf_pack_f32(k, &t->value);
	k->failed |= !isfinite(t->t_s) || !is_value(t->value);
}

static void pack_turns(struct pf_pack *k, struct pf_turns *t)
{
	pf_pack_u32(k, &t->n);
	for (uint32_t i = 0; i < pf_turns_kept(t); i++)
		pack_trough(k, &t->ring[i]);
	pf_pack_f32(k, &t->ceiling);
	t->falling = pf_pack_bool(k, t->falling);
	pack_trough(k, &t->from);
	pack_trough(k, &t->extreme);
	pf_pack_f32(k, &t->high);
	pf_pack_f32(k, &t->high_s);
	k->failed |= !is_value(t->ceiling) || !isfinite(t->high) || !isfinite(t->high_s);
}

static void pack_history(struct pf_pack *k, struct pf_history *h)
{
	pf_pack_time(k, &h->start_s);
	pf_pack_time(k, &h->last_s);
	pf_pack_f64(k, &h->last);
	pf_pack_f32(k, &h->bucket_s);
	pf_pack_f32(k, &h->tick_s);
	pf_pack_u32(k, &h->closed);
	h->any = pf_pack_bool(k, h->any);
	pf_pack_mem(k, &h->open, sizeof(h->open));
	pack_turns(k, &h->turns);
	for (unsigned int i = 0; i < PF_HISTORY_OCTAVES; i++)
		pack_octave(k, &h->octave[i], pf_history_kept(h, i));
	k->failed |= !isfinite(h->start_s) || !isfinite(h->last_s) || !is_value(h->last) ||
		     !is_value(h->bucket_s) || !is_value(h->tick_s) || !are_values(&h->open, 1) ||
		     (h->closed && !(h->bucket_s > 0));
}

/* ---- the judgement --------------------------------------------------------- */

static void pack_finding(struct pf_pack *k, struct pf_finding *f)
{
	float *const measured[] = {
		&f->pace,	  &f->length_s,	     &f->span_s,
		&f->base,	  &f->growth,	     &f->growth_needed,
		&f->noise,	  &f->spread,	     &f->drift,
		&f->drift_needed, &f->spread_needed, &f->ratio,
		&f->steady,	  &f->steady_needed, &f->settled_needed,
		&f->ground,	  &f->ground_needed, &f->outgrows,
		&f->teeth_share,  &f->teeth_needed,  &f->length_needed_s,
	};
	uint32_t failed = f->failed;

	f->window = (uint8_t)pf_pack_small(k, f->window, PF_WINDOW_NONE + 1);
	f->points = (uint8_t)pf_pack_small(k, f->points, PF_WINDOW_POINTS + 1);
	f->confidence = (uint8_t)pf_pack_small(k, f->confidence, 101);
	f->teeth = pf_pack_bool(k, f->teeth);
	pf_pack_u32(k, &failed);
	f->failed = (uint16_t)failed;
	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++)
		pf_pack_f32(k, measured[i]);
	/* Points are made of these, which are small whole numbers. */
	if (f->ratio < -RATIO_MAX)
		f->ratio = -RATIO_MAX;
	k->failed |= f->window != PF_WINDOW_NONE &&
		     (!(fabsf(f->growth) <= VALUE_MAX) || !is_value(f->base) ||
		      !is_value(f->length_s) || !(f->pace > 0));
}

static void pack_trend(struct pf_pack *k, struct pf_trend *t)
{
	pf_pack_mem(k, t->confidence, sizeof(t->confidence));
	pf_pack_mem(k, t->streak, sizeof(t->streak));
	pf_pack_u32(k, &t->troughs);
	pf_pack_u32(k, &t->since);
	pack_finding(k, &t->best);
}

/* Nothing was lost but what two judgings in a row had agreed on. */
static void judge_anew(struct pf_process *p, const struct pf_terms *terms)
{
	const struct pf_gate_terms trend = { terms->pace, p->error_bytes };

	pf_trend_init(&p->trend);
	if (p->history)
		pf_trend_update(&p->trend, p->history, p->history->closed, &trend);
}

static void pack_model_state(struct pf_pack *k, struct pf_model_state *m)
{
	pf_facts_pack(k, &m->facts);
	pf_pack_mem(k, m->fact, sizeof(m->fact));
	pf_pack_time(k, &m->last_s);
	pf_pack_time(k, &m->point_s);
	pf_pack_f64(k, &m->last_vsz);
	pf_pack_f64(k, &m->vsz_growth.sum);
	pf_pack_f64(k, &m->vsz_growth.weight);
	pf_pack_f64(k, &m->anon);
	pf_pack_f64(k, &m->classified);
	for (int i = 0; i < PF_MODEL_HOLDS; i++) {
		bool holds = pf_pack_bool(k, m->since_s[i] != 0);

		if (holds)
			pf_pack_time(k, &m->since_s[i]);
	}
	pf_pack_mem(k, m->point, sizeof(m->point));
	pf_pack_u32(k, &m->n_points);
	m->model = (uint8_t)pf_pack_small(k, m->model, PF_N_MODELS);
}

static void pack_model(struct pf_pack *k, struct pf_process *p)
{
	if (!pf_pack_bool(k, p->model != NULL))
		return;
	if (pf_pack_reads(k))
		p->model = pf_pack_alloc(k, sizeof(*p->model));
	if (p->model)
		pack_model_state(k, p->model);
}

static void pack_judgement(struct pf_pack *k, struct pf_process *p, const struct pf_terms *terms,
			   bool same_judge)
{
	struct pf_pack_part part;

	pf_pack_open(k, &part);
	if (same_judge) {
		pack_trend(k, &p->trend);
		pack_model(k, p);
	} else if (!k->failed) {
		judge_anew(p, terms);
	}
	pf_pack_close(k, &part);
}

/* ---- the rest -------------------------------------------------------------- */

static void pack_alert(struct pf_pack *k, struct pf_alert *a)
{
	a->state = (enum pf_alert_state)pf_pack_small(k, a->state, PF_ALERT_STATES);
	a->end = (enum pf_alert_end)pf_pack_small(k, a->end, PF_END_GONE + 1);
	pf_pack_time(k, &a->supported_s);
	pf_pack_time(k, &a->pending_s);
	pf_pack_f32(k, &a->length_s);
	pf_pack_f32(k, &a->growth);
	pf_pack_u32(k, &a->fired);
	a->octave = (uint8_t)pf_pack_small(k, a->octave, PF_HISTORY_OCTAVES);
	a->points = (uint8_t)pf_pack_small(k, a->points, PF_HISTORY_POINTS + 1);
	/* The window that ends it has two points at least, or is not known yet. */
	k->failed |= a->points == 1 || a->fired > UINT32_MAX - PF_HISTORY_POINTS;
}

static void pack_mark(struct pf_pack *k, struct pf_mark *m)
{
	pf_pack_time(k, &m->s);
	pf_pack_f32(k, &m->memory);
	pf_pack_f32(k, &m->file);
	pf_pack_f32(k, &m->shmem);
	pf_pack_f64(k, &m->faults);
}

static void pack_traits(struct pf_pack *k, struct pf_traits *t)
{
	t->any = pf_pack_bool(k, t->any);
	if (!t->any)
		return;
	pack_mark(k, &t->old);
	pack_mark(k, &t->young);
	pack_mark(k, &t->now);
}

static void pack_who(struct pf_pack *k, struct pf_process *p)
{
	pf_pack_i64(k, &p->pid);
	pf_pack_f64(k, &p->start_ts);
	pf_pack_u64(k, &p->start_ns);
	pf_pack_u64(k, &p->exec_id);
	pf_pack_u64(k, &p->exe_hash);
	pf_pack_name(k, p->comm, sizeof(p->comm));
	pf_pack_text(k, &p->exe, NAME_MAX_BYTES);
	pf_pack_text(k, &p->cgroup, NAME_MAX_BYTES);
	pf_pack_text(k, &p->container, NAME_MAX_BYTES);
	k->failed |= p->pid <= 0;
}

static void pack_facts(struct pf_pack *k, struct pf_process *p)
{
	pf_pack_time(k, &p->born_s);
	pf_pack_time(k, &p->image_s);
	pf_pack_time(k, &p->since_s);
	pf_pack_time(k, &p->last_s);
	pf_pack_f64(k, &p->last_ts);
	pf_pack_i64(k, &p->rss_bytes);
	pf_pack_i64(k, &p->swap_bytes);
	pf_pack_i64(k, &p->vsz_bytes);
	pf_pack_i64(k, &p->error_bytes);
	pf_pack_i64(k, &p->shmem_bytes);
	pf_pack_i64(k, &p->shmem_vsz_bytes);
	pf_pack_f64(k, &p->fault_rate);
	pf_pack_i64(k, &p->faults);
	pf_pack_i64(k, &p->limit_bytes);
	pf_pack_i64(k, &p->headroom_bytes);
	pf_pack_u32(k, &p->moment);
	k->failed |= !isfinite(p->last_s) || !isfinite(p->born_s);
}

static void pack_memory(struct pf_pack *k, struct pf_process *p)
{
	if (!pf_pack_bool(k, p->history != NULL))
		return;
	if (pf_pack_reads(k)) {
		p->history = pf_pack_alloc(k, sizeof(*p->history));
		if (!p->history)
			return;
	}
	pack_history(k, p->history);
}

static void pack_rules(struct pf_pack *k, struct pf_process *p, const struct pf_terms *terms)
{
	struct pf_verdict v;

	if (!pf_pack_bool(k, p->rules != NULL))
		return;
	if (pf_pack_reads(k) && !k->failed)
		pf_process_verdict(p, terms, &v);
	pf_rules_pack(k, terms->rules, &p->rules, &v, terms->tell, terms->tell_ctx);
}

void pf_process_pack(struct pf_pack *k, struct pf_process *p, const struct pf_terms *terms,
		     bool same_judge)
{
	pack_who(k, p);
	pack_facts(k, p);
	pack_alert(k, &p->alert);
	pack_traits(k, &p->traits);
	pack_memory(k, p);
	pack_judgement(k, p, terms, same_judge);
	pack_rules(k, p, terms);
}

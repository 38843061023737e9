/* SPDX-License-Identifier: BSD-2-Clause */
/* Feeds a leak object made-up processes, one value per tick, and remembers what it said. */
#ifndef PF_TESTS_UNIT_TEST_LEAK_H
#define PF_TESTS_UNIT_TEST_LEAK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/leak/leak.h"
#include "lib/record/sample.h"

#define MB (1 << 20)

struct sim {
	struct pf_leak *leak;
	struct pf_sample s;
	double tick_s;
	double begin_s; /* mono time of the first sample */
	uint64_t noise;
	/* what was seen */
	const struct pf_verdict *v;
	double watch_s, fire_s, resolve_s; /* of the first transition, since begin; NaN = never */
	unsigned int watches, fires, resolves;
	enum pf_alert_end end;
	bool was[PF_CLASS_INCONCLUSIVE + 1]; /* classes */
	int most;			     /* highest confidence */
};

static inline void sim_watch_over(struct sim *m, const struct pf_verdict *v)
{
	double t = m->s.mono_s - m->begin_s;

	m->was[v->class] = true;
	if (v->confidence > m->most)
		m->most = v->confidence;
	if (!v->transition)
		return;
	if (v->state == PF_ALERT_WATCH && !m->watches++)
		m->watch_s = t;
	if (v->state == PF_ALERT_FIRING && !m->fires++)
		m->fire_s = t;
	if (v->state == PF_ALERT_RESOLVED && !m->resolves++)
		m->resolve_s = t;
	if (v->state == PF_ALERT_RESOLVED)
		m->end = v->end;
}

/* A process of age_s, seen every tick_s. */
static inline void sim_open(struct sim *m, const struct pf_leak_config *config,
			    const struct pf_leak_hooks *hooks, double tick_s, double age_s)
{
	memset(m, 0, sizeof(*m));
	pf_sample_init(&m->s);
	m->leak = pf_leak__new(config ? config : &pf_leak_default_config, hooks);
	assert_non_null(m->leak);
	m->tick_s = tick_s;
	m->begin_s = 1000;
	m->s.pid = 42;
	m->s.mono_s = m->begin_s - tick_s;
	m->s.ts = 1.7e9 - tick_s;
	m->s.start_ts = 1.7e9 - age_s;
	m->s.interval_s = tick_s;
	m->s.faults = 0;
	m->s.rss_file_bytes = 10 * MB;
	m->s.rss_shmem_bytes = 0;
	m->s.swap_bytes = 0;
	m->s.vsz_bytes = 1ll << 40;
	strcpy(m->s.comm, "sim");
	m->watch_s = m->fire_s = m->resolve_s = NAN;
	m->noise = 88172645463325252u;
}

static inline void sim_close(struct sim *m)
{
	pf_leak__free(m->leak);
}

static inline double sim_now(const struct sim *m)
{
	return m->s.mono_s + m->tick_s - m->begin_s; /* of the next sample */
}

/* Next tick with that much anonymous memory. */
static inline const struct pf_verdict *sim_feed(struct sim *m, double anon_mb)
{
	m->s.mono_s += m->tick_s;
	m->s.ts += m->tick_s;
	m->s.rss_anon_bytes = (int64_t)(anon_mb * MB);
	m->s.rss_bytes = m->s.rss_anon_bytes + m->s.rss_file_bytes + m->s.rss_shmem_bytes;
	m->v = pf_leak__feed(m->leak, &m->s);
	assert_non_null(m->v);
	sim_watch_over(m, m->v);
	pf_leak__moment_end(m->leak, m->s.mono_s);
	return m->v;
}

/* Between -1 and 1, the same in every run. */
static inline double sim_noise(struct sim *m)
{
	m->noise ^= m->noise << 13;
	m->noise ^= m->noise >> 7;
	m->noise ^= m->noise << 17;
	return (double)(m->noise >> 11) / (double)(1ull << 52) - 1;
}

/* Feed for duration_s what shape makes of the seconds since the simulation began. */
static inline void sim_run(struct sim *m, double duration_s, double (*shape)(struct sim *, double))
{
	double end = sim_now(m) + duration_s;

	while (sim_now(m) < end)
		sim_feed(m, shape(m, sim_now(m)));
}

#endif

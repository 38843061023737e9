/* SPDX-License-Identifier: BSD-2-Clause */
/* How pfleak itself fares, once a minute: on stderr with -v, and as a JSON record. */
#include <errno.h>
#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "lib/record/json.h"
#include "tools/pfleak/deliver.h"
#include "tools/pfleak/report.h"

#define EVERY_S 60.0

static uint64_t lost(const struct pf_leak_stats *s, const struct pf_losses *l)
{
	return l->events + l->counters + l->left_out + l->cpu_gaps + l->processes + s->evicted +
	       s->refused + s->stale;
}

static double cpu_ratio(const struct pf_overhead *own)
{
	return own->wall_s > 0 ? own->cpu_s / own->wall_s : 0;
}

static void say(const struct pfleak_report *r, const struct pf_overhead *own)
{
	const struct pf_leak_stats *s = pf_leak__stats(r->leak);
	struct pfleak_told told = { 0 };
	char up[16], rss[16], maps[16];

	if (r->deliver)
		pfleak_deliver__told(r->deliver, &told);
	pf_info("statistics: %zu processes, %zu watched, %zu pending, %zu firing; %" PRIu64
		" alerts in %s; %" PRIu64 " notices; %" PRIu64
		" losses; own cost %.3f%% of a CPU, %s RSS, %s in maps",
		s->processes, s->watch, s->pending, s->firing, s->alerts,
		pf_fmt_duration(up, sizeof(up), pf_source__elapsed_s(r->run->source)),
		told.delivered, lost(s, &r->run->losses) + told.lost, 100 * cpu_ratio(own),
		pf_fmt_bytes(rss, sizeof(rss), own->rss_bytes),
		pf_fmt_bytes(maps, sizeof(maps), own->map_bytes));
}

static json_t *own_json(const struct pf_overhead *own)
{
	json_t *obj = json_object();

	if (obj && !pf_json_add_real(obj, "cpu_s", own->cpu_s, 6) &&
	    !pf_json_add_real(obj, "cpu_ratio", cpu_ratio(own), 6) &&
	    !pf_json_add_int(obj, "rss_bytes", own->rss_bytes) &&
	    !pf_json_add_int(obj, "map_bytes", own->map_bytes))
		return obj;
	json_decref(obj);
	return NULL;
}

static int add_record(struct pfleak_report *r, const struct pf_overhead *own)
{
	json_t *obj = pf_json_new("statistics");

	if (obj && !pf_json_add_real(obj, "ts", pf_realtime_s(), 3) &&
	    !pf_json_add_real(obj, "uptime_s", pf_source__elapsed_s(r->run->source), 3) &&
	    !json_object_set_new(obj, "counts", pfleak_json_counts(r)) &&
	    !json_object_set_new(obj, "losses", pfleak_json_losses(r)) &&
	    !json_object_set_new(obj, "self", own_json(own)))
		return pf_json_line(obj, &r->run->out.buf);
	json_decref(obj);
	return -ENOMEM;
}

int pfleak_report_statistics(struct pfleak_report *r, double mono_s)
{
	const struct pf_observe *observe = pf_source__observe(r->run->source);
	struct pf_overhead own;

	if (!observe)
		return 0;
	if (!r->statistics_due_s)
		r->statistics_due_s = mono_s + EVERY_S - r->opts->common.interval_s;
	if (mono_s < r->statistics_due_s)
		return 0;
	while (r->statistics_due_s <= mono_s)
		r->statistics_due_s += EVERY_S;
	pf_observe__overhead(observe, &own);
	say(r, &own);
	return r->opts->common.format == PF_FORMAT_JSON ? add_record(r, &own) : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Alerts on their way to channels. Judges nothing, sends nothing itself. */
#include "tools/pfleak/deliver.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/caps.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/notify/wire.h"
#include "lib/record/json.h"

#define DRAIN_S	 5.0
#define RETIRE_S 60.0
#define LONE_S	 300.0

/* Channels, and who tells them. */
struct outlets {
	struct pfleak_channels channels;
	struct pf_notify *notify;
};

struct pfleak_deliver {
	struct outlets now;
	struct outlets retiring;   /* of the configuration before; empty = none */
	double retire_s;	   /* until when */
	struct pfleak_told before; /* of all that are gone */
	struct pf_notify_stats
		past[PF_WIRE_CHANNELS_MAX]; /* of gone ones, by their namesake's place */
	struct pfleak_report *report;
	struct pfleak_recall recall;
	uint64_t caps; /* kept for what it began with */
	struct pf_tell *tell;
};

static bool is_replay(const struct pfleak_deliver *d)
{
	return d->report->opts->common.replay_path;
}

/* ---- hooks ----------------------------------------------------------------- */

static void tell(void *ctx, const struct pf_telling *telling)
{
	struct pfleak_deliver *d = ctx;
	const struct pf_verdict *v = telling->v;
	struct pf_notice notice = { .since_ts = telling->since_ts,
				    .told = telling->told,
				    .level_before = telling->level_before,
				    .again = telling->again };
	struct pfleak_closer closer;
	struct pfleak_row row;
	json_t *alert;

	pfleak_row_fill(&row, v, pfleak_report_header(d->report));
	d->recall.fn(d->recall.ctx, v, &closer);
	pfleak_row_closer(&row, &closer);
	alert = pfleak_verdict_object(d->report, "alert", pfleak_n_alert_cols, &row, v->signals,
				      v->n_signals);
	if (!alert) {
		d->report->failed = true;
		return;
	}
	notice.alert = alert;
	pf_notify__tell(d->now.notify, &notice);
	json_decref(alert);
}

static bool current(void *ctx, int64_t pid, double start_ts, struct pf_verdict *v)
{
	struct pfleak_deliver *d = ctx;

	return pf_leak__current(d->report->leak, pid, start_ts, v);
}

/* --dry-run: where it would go, in the form that the output has. */
static void print(void *ctx, const struct pf_channel *c, const char *to, const json_t *body)
{
	struct pfleak_deliver *d = ctx;
	struct pf_strbuf *out = &d->report->run->out.buf;
	char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	json_t *obj;

	if (d->report->opts->common.format == PF_FORMAT_JSON) {
		obj = pf_json_new("notice");
		if (!obj || pf_json_add_string(obj, "channel", c->name) ||
		    pf_json_add_string(obj, "to", to) ||
		    json_object_set(obj, "body", (json_t *)body) || pf_json_line(obj, out))
			d->report->failed = true;
	} else if (d->report->opts->common.format == PF_FORMAT_TABLE && text) {
		pf_strbuf_addf(out, "would tell %s (%s): %s\n", c->name, to, text);
	}
	free(text);
}

/* ---- begin and end --------------------------------------------------------- */

static void close_outlets(struct outlets *o)
{
	pf_notify__free(o->notify);
	pfleak_channels_free(&o->channels);
	o->notify = NULL;
}

/* How long receivers wait for word of an alert: the next run's, where there is one moment in each. */
static double interval_of(const struct pfleak_opts *opts)
{
	return fmax(opts->common.interval_s, pfleak_lone(opts) ? LONE_S : 0);
}

/* Takes the channels' contents. */
static int open_outlets(struct pfleak_deliver *d, struct outlets *o,
			struct pfleak_channels *channels, struct pf_error *err)
{
	const struct pfleak_opts *opts = d->report->opts;
	const struct pf_notify_config config = { .channels = channels->list,
						 .n_channels = channels->n,
						 .drain_s = DRAIN_S,
						 .interval_s = interval_of(opts),
						 .dry_run = opts->dry_run ? print : NULL,
						 .ctx = d };

	o->channels = *channels;
	*channels = (struct pfleak_channels){ 0 };
	o->notify = pf_notify__new(&config, err);
	if (o->notify)
		return 0;
	close_outlets(o);
	return -err->code;
}

/* To start programs as another user, and to end them. */
static uint64_t caps_for(const struct pfleak_channels *channels)
{
	for (size_t i = 0; i < channels->n; i++) {
		if (channels->list[i].type != PF_CHANNEL_SYSLOG)
			return PF_CAP(SETUID) | PF_CAP(SETGID) | PF_CAP(KILL);
	}
	return 0;
}

static void tell_config(const struct pfleak_deliver *d, double rate_limit_s,
			struct pf_tell_config *config)
{
	*config = pf_tell_default_config;
	config->rate_limit_s = rate_limit_s;
	config->states = pf_notify__states(d->now.notify);
	/* A replay's minutes are over in no time. */
	config->keep_alive_s = is_replay(d) ? 0 : pf_notify__keep_alive_s(d->now.notify);
}

static int open_tell(struct pfleak_deliver *d, double rate_limit_s, struct pf_error *err)
{
	const struct pf_tell_hooks hooks = { .tell = tell, .current = current, .ctx = d };
	struct pf_tell_config config;

	tell_config(d, rate_limit_s, &config);
	d->tell = pf_tell__new(&config, &hooks);
	return d->tell ? 0 : pf_fail(err, ENOMEM, "out of memory");
}

struct pfleak_deliver *pfleak_deliver__new(struct pfleak_channels *channels, double rate_limit_s,
					   struct pfleak_report *report,
					   const struct pfleak_recall *recall, struct pf_error *err)
{
	struct pfleak_deliver *d = calloc(1, sizeof(*d));

	if (!d) {
		pfleak_channels_free(channels);
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	d->report = report;
	d->recall = *recall;
	d->caps = caps_for(channels);
	if (!open_outlets(d, &d->now, channels, err) && !open_tell(d, rate_limit_s, err))
		return d;
	pfleak_deliver__free(d);
	return NULL;
}

void pfleak_deliver__rate_limit(struct pfleak_deliver *d, double rate_limit_s)
{
	struct pf_tell_config config;

	tell_config(d, rate_limit_s, &config);
	pf_tell__configure(d->tell, &config);
}

static void add_told(const struct pfleak_deliver *d, const struct outlets *o,
		     struct pfleak_told *told)
{
	struct pf_notify_stats s;

	if (!o->notify)
		return;
	told->restarts += pf_notify__restarts(o->notify);
	for (size_t i = 0; i < o->channels.n; i++) {
		pf_notify__stats(o->notify, i, &s);
		told->delivered += s.delivered;
		if (!d->report->opts->dry_run)
			told->lost += s.failed + s.dropped + s.waiting;
	}
}

/* Counts go on under a channel's name, whatever becomes of the channel. */
static size_t namesake(const struct outlets *o, const char *name)
{
	size_t i = 0;

	while (i < o->channels.n && strcmp(o->channels.list[i].name, name) != 0)
		i++;
	return i;
}

static void add_stats(struct pf_notify_stats *sum, const struct pf_notify_stats *s)
{
	sum->handed += s->handed;
	sum->delivered += s->delivered;
	sum->failed += s->failed;
	sum->dropped += s->dropped;
	sum->waiting += s->waiting;
}

/* Of the retiring ones of that name. */
static void add_retiring(const struct pfleak_deliver *d, size_t i, struct pf_notify_stats *sum)
{
	struct pf_notify_stats s;

	for (size_t k = 0; d->retiring.notify && k < d->retiring.channels.n; k++) {
		if (namesake(&d->now, d->retiring.channels.list[k].name) != i)
			continue;
		pf_notify__stats(d->retiring.notify, k, &s);
		add_stats(sum, &s);
	}
}

static void channel_stats(const struct pfleak_deliver *d, size_t i, struct pf_notify_stats *s)
{
	pf_notify__stats(d->now.notify, i, s);
	add_stats(s, &d->past[i]);
	add_retiring(d, i, s);
}

/* What still waits is given up with it. */
static void keep_counts(struct pfleak_deliver *d)
{
	for (size_t i = 0; i < d->now.channels.n; i++) {
		struct pf_notify_stats *past = &d->past[i];

		add_retiring(d, i, past);
		past->failed += past->waiting;
		past->waiting = 0;
	}
}

static void move_counts(struct pfleak_deliver *d, const struct outlets *to)
{
	struct pf_notify_stats past[PF_WIRE_CHANNELS_MAX] = { 0 };

	for (size_t i = 0; i < d->now.channels.n; i++) {
		size_t k = namesake(to, d->now.channels.list[i].name);

		if (k < to->channels.n)
			add_stats(&past[k], &d->past[i]);
	}
	memcpy(d->past, past, sizeof(past));
}

static void retire(struct pfleak_deliver *d)
{
	keep_counts(d);
	add_told(d, &d->retiring, &d->before);
	close_outlets(&d->retiring);
}

int pfleak_deliver__reload(struct pfleak_deliver *d, struct pfleak_channels *channels,
			   double mono_s, struct pf_error *err)
{
	struct outlets fresh;
	int ret;

	/* Without them root would go on as root. */
	if (geteuid() == 0 && (caps_for(channels) & ~d->caps)) {
		pfleak_channels_free(channels);
		return pf_fail(err, EPERM,
			       "the first channels beside syslog: that needs a new start");
	}
	ret = open_outlets(d, &fresh, channels, err);
	if (ret)
		return ret;
	retire(d);
	move_counts(d, &fresh);
	d->retiring = d->now;
	d->retire_s = mono_s + RETIRE_S;
	d->now = fresh;
	return 0;
}

void pfleak_deliver__free(struct pfleak_deliver *d)
{
	if (!d)
		return;
	pf_tell__free(d->tell);
	close_outlets(&d->now);
	close_outlets(&d->retiring);
	free(d);
}

struct pf_tell *pfleak_deliver__tell(struct pfleak_deliver *d)
{
	return d->tell;
}

uint64_t pfleak_deliver__caps(const struct pfleak_deliver *d)
{
	return d->caps;
}

void pfleak_deliver__event(struct pfleak_deliver *d, const struct pf_verdict *v, double mono_s)
{
	pf_tell__event(d->tell, v, mono_s);
}

void pfleak_deliver__moment(struct pfleak_deliver *d, double mono_s)
{
	pf_tell__moment(d->tell, mono_s);
	pf_notify__moment(d->now.notify);
	if (!d->retiring.notify)
		return;
	pf_notify__moment(d->retiring.notify);
	if (mono_s >= d->retire_s)
		retire(d);
}

void pfleak_deliver__finish(struct pfleak_deliver *d)
{
	pf_notify__finish(d->now.notify);
	if (d->retiring.notify)
		pf_notify__finish(d->retiring.notify);
}

/* ---- what came of it ------------------------------------------------------- */

void pfleak_deliver__told(const struct pfleak_deliver *d, struct pfleak_told *told)
{
	const struct pf_tell_stats *t = pf_tell__stats(d->tell);

	*told = d->before;
	told->lost += t->refused;
	told->held_back = t->held_back;
	told->untold = t->untold;
	add_told(d, &d->now, told);
	add_told(d, &d->retiring, told);
}

bool pfleak_deliver__channel(const struct pfleak_deliver *d, size_t i, const char **name,
			     struct pf_notify_stats *stats)
{
	if (i >= d->now.channels.n)
		return false;
	*name = d->now.channels.list[i].name;
	channel_stats(d, i, stats);
	return true;
}

static void add_channel(const struct pfleak_deliver *d, size_t i, struct pf_strbuf *out)
{
	const struct pf_channel *c = &d->now.channels.list[i];
	struct pf_notify_stats s;

	channel_stats(d, i, &s);
	if (d->report->opts->dry_run) {
		pf_strbuf_addf(out, "would have told %s %" PRIu64 " times\n", c->name, s.handed);
		return;
	}
	pf_strbuf_addf(out, "told %s: %" PRIu64 " delivered", c->name, s.delivered);
	if (s.failed)
		pf_strbuf_addf(out, ", %" PRIu64 " failed", s.failed);
	if (s.dropped)
		pf_strbuf_addf(out, ", %" PRIu64 " dropped", s.dropped);
	if (s.waiting)
		pf_strbuf_addf(out, ", %" PRIu64 " not sent in time", s.waiting);
	pf_strbuf_addch(out, '\n');
}

void pfleak_deliver__text(const struct pfleak_deliver *d, struct pf_strbuf *out)
{
	const struct pf_tell_stats *t = pf_tell__stats(d->tell);
	struct pfleak_told told;

	pfleak_deliver__told(d, &told);
	for (size_t i = 0; i < d->now.channels.n; i++)
		add_channel(d, i, out);
	if (t->held_back)
		pf_strbuf_addf(out,
			       "held back by the rate limit: %" PRIu64 ", of which %" PRIu64
			       " were over before they could be told\n",
			       t->held_back, t->untold);
	if (t->refused)
		pf_strbuf_addf(out, "lost: %" PRIu64 " alerts were not told (too many at once)\n",
			       t->refused);
	if (told.restarts)
		pf_strbuf_addf(out, "pf-notify was started again %" PRIu64 " times\n",
			       told.restarts);
}

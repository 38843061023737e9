/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports of recordings: --replay and --diff. Needs no privilege and no process. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "tools/pfstack/print.h"
#include "tools/pfstack/report.h"

#define COMPLAINTS_MAX 20 /* shown one by one; the rest is counted */

struct reading {
	const struct pfstack_opts *opts;
	const char *path;
	struct pf_stacks *stacks;
	struct pfstack_lines *lines; /* JSON; NULL = not wanted */
	uint64_t complaints;
};

static int take(void *ctx, const struct pf_stack *s)
{
	struct reading *r = ctx;
	const char *comm = r->opts->common.comm;

	if (comm && !pf_text_glob(comm, s->comm))
		return 0;
	return r->lines ? pfstack_lines_add(r->lines, s) : pf_stacks__add(r->stacks, s);
}

static void complain(void *ctx, uint64_t line, const char *what)
{
	struct reading *r = ctx;

	if (++r->complaints <= COMPLAINTS_MAX)
		pf_warn("%s:%" PRIu64 ": %s", r->path, line, what);
	else if (r->complaints == COMPLAINTS_MAX + 1)
		pf_warn("%s: more lines like that are counted, not shown", r->path);
}

static int read_one(struct reading *r, struct pf_error *err)
{
	struct pf_stack_reader reader = { .stack = take, .complain = complain, .ctx = r };
	int ret = pf_stack_read(r->path, &reader, err);

	if (ret)
		return err->code
			       ? ret
			       : pf_fail(err, -ret, "cannot read %s: %s", r->path, strerror(-ret));
	if (reader.n_bad)
		pf_warn("%s: %" PRIu64 " lines skipped", r->path, reader.n_bad);
	if (!reader.n_stacks)
		return pf_fail(err, ENODATA, "%s: there is no stack in it", r->path);
	return 0;
}

static int no_memory(struct pf_error *err)
{
	return pf_fail(err, ENOMEM, "out of memory");
}

static int replay(struct pfstack_report *r, struct pf_error *err)
{
	bool json = r->opts->common.format == PF_FORMAT_JSON;
	struct pfstack_lines lines = { 0 };
	struct reading from = { .opts = r->opts,
				.path = r->opts->common.replay_path,
				.stacks = pf_stacks__new(),
				.lines = json ? &lines : NULL };
	int ret = from.stacks ? read_one(&from, err) : no_memory(err);

	if (!ret && json)
		ret = pfstack_lines_print(&lines, r->opts->common.top, &r->out->buf);
	else if (!ret)
		ret = pfstack_print(from.stacks, r->opts, r->out, NULL);
	if (ret && !err->code)
		no_memory(err);
	pfstack_lines_free(&lines);
	pf_stacks__free(from.stacks);
	return ret;
}

static int diff(struct pfstack_report *r, struct pf_error *err)
{
	struct reading a = { .opts = r->opts,
			     .path = r->opts->diff_from,
			     .stacks = pf_stacks__new() };
	struct reading b = { .opts = r->opts,
			     .path = r->opts->diff_to,
			     .stacks = pf_stacks__new() };
	int ret = a.stacks && b.stacks ? 0 : no_memory(err);

	if (!ret)
		ret = read_one(&a, err);
	if (!ret)
		ret = read_one(&b, err);
	if (!ret && pfstack_print_diff(a.stacks, b.stacks, r->opts, r->out))
		ret = no_memory(err);
	pf_stacks__free(a.stacks);
	pf_stacks__free(b.stacks);
	return ret;
}

int pfstack_report_recorded(struct pfstack_report *r, struct pf_error *err)
{
	return r->opts->diff_from ? diff(r, err) : replay(r, err);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a tool's reports go. Formats nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/cli/common.h"
#include "lib/cli/output.h"
#include "lib/cli/privileges.h"
#include "lib/cli/stop.h"
#include "lib/report/report.h"

static bool replaced(const struct pf_common *c)
{
	return c->out_path && (c->format == PF_FORMAT_PROM || c->format == PF_FORMAT_PPROF ||
			       c->format == PF_FORMAT_SVG);
}

/* Metrics are for everybody; whose names and addresses are in a profile is his own business. */
static mode_t mode_of(const struct pf_common *c)
{
	return c->format == PF_FORMAT_PROM ? 0644 : 0600;
}

int pf_output_open(struct pf_output *o, const struct pf_common *c, struct pf_error *err)
{
	const char *no_color = getenv("NO_COLOR");

	memset(o, 0, sizeof(*o));
	o->common = c;
	if (!replaced(c)) {
		o->f = c->out_path ? pf_file_append(c->out_path, 0600, err) : stdout;
		if (!o->f)
			return -err->code;
	}
	o->terminal = o->f && isatty(fileno(o->f));
	o->columns = o->terminal ? pf_terminal_columns(fileno(o->f)) : 0;
	o->color = c->color == PF_WHEN_ALWAYS ||
		   (c->color == PF_WHEN_AUTO && o->terminal && !(no_color && *no_color));
	if (c->watch && !o->terminal)
		return pf_fail(err, ENOTTY, "--watch needs a terminal on standard output");
	return 0;
}

int pf_output_flush(struct pf_output *o, struct pf_error *err)
{
	const char *name = o->common->out_path ? o->common->out_path : "standard output";
	int ret;

	if (o->buf.failed)
		return pf_fail(err, ENOMEM, "out of memory");
	if (replaced(o->common)) {
		ret = pf_file_replace(o->common->out_path, o->buf.data, o->buf.len,
				      mode_of(o->common), err);
		pf_strbuf_reset(&o->buf);
		return ret;
	}
	ret = pf_report_flush(&o->buf, o->f, pf_stop_pending);
	o->gone = ret == -EPIPE || ret == -EINTR;
	if (ret && !o->gone)
		pf_fail(err, -ret, "cannot write %s: %s", name, strerror(-ret));
	return ret;
}

void pf_output_screen(struct pf_output *o)
{
	pf_strbuf_reset(&o->buf);
	pf_strbuf_adds(&o->buf, "\033[H\033[2J");
	o->columns = pf_terminal_columns(fileno(o->f));
}

void pf_output_line(struct pf_output *o, const char *text)
{
	char cut[512];

	pf_text_fit(cut, sizeof(cut), text, o->columns ? o->columns : sizeof(cut));
	pf_strbuf_addf(&o->buf, "%s\n", cut);
}

size_t pf_output_rows(const struct pf_output *o)
{
	struct winsize ws;

	return !ioctl(fileno(o->f), TIOCGWINSZ, &ws) && ws.ws_row ? ws.ws_row : 24;
}

uint64_t pf_output_caps(const struct pf_output *o)
{
	return replaced(o->common) ? pf_privileges_to_replace(o->common->out_path) : 0;
}

int pf_output_close(struct pf_output *o, struct pf_error *err)
{
	int ret = 0;

	if (o->f == stdout ? fflush(stdout) : o->f && fclose(o->f))
		ret = errno == EPIPE ? 0 : pf_fail(err, errno, "cannot write: %s", strerror(errno));
	pf_strbuf_free(&o->buf);
	o->f = NULL;
	return ret;
}

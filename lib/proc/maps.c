/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes lines of /proc/PID/maps apart. Of names nothing is believed but where they end. */
#include "lib/proc/maps.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hexadecimal, all of the span. */
static bool hex(struct pf_span s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.p == s.end || pf_span_len(s) > 16)
		return false;
	for (; s.p < s.end; s.p++) {
		int d = digit(*s.p);

		if (d < 0)
			return false;
		n = n << 4 | (uint64_t)d;
	}
	*out = n;
	return true;
}

static void skip_blanks(struct pf_span *s)
{
	while (s->p < s->end && *s->p == ' ')
		s->p++;
}

bool pf_maps_line(struct pf_span line, struct pf_maps_line *out)
{
	struct pf_span range, from, mode, offset, device;

	if (!pf_span_word(&line, &range) || !pf_span_until(&range, '-', &from) ||
	    !hex(from, &out->start) || !hex(range, &out->end) || out->start >= out->end)
		return false;
	if (!pf_span_word(&line, &mode) || pf_span_len(mode) != 4 ||
	    !pf_span_word(&line, &offset) || !hex(offset, &out->offset))
		return false;
	if (!pf_span_word(&line, &device) || !pf_span_u64(&line, &out->inode))
		return false;
	out->exec = mode.p[2] == 'x';
	skip_blanks(&line);
	out->name = line;
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a tool will take here, and why it takes nothing better. Tries what the tool tries. */
#include <stdio.h>
#include <string.h>

#include "tools/pfdiag/check.h"

#define ALL_TOLD (PF_TELLS_MODE | PF_TELLS_ACCESS | PF_TELLS_CLASS | PF_TELLS_COW)

static void say_choice(struct pf_check *c, const struct pf_trial *t)
{
	char tells[96];

	if (c->check == PF_CHECK_PFSTAT)
		pfdiag_found(c, PF_CHECK_OK, "backend %s (%s), snapshot %s, storage %s, buffer %s",
			     t->backend, pfdiag_tells_words(t->tells, tells, sizeof(tells)),
			     t->snapshot, t->storage, t->buffer);
	else
		pfdiag_found(c, PF_CHECK_OK, "snapshot %s, buffer %s, nothing at a fault",
			     t->snapshot, t->buffer);
}

/* Has an earlier one the same name and the same reason? */
static bool said_before(const struct pf_tried *t, size_t i, size_t name_len)
{
	for (size_t k = 0; k < i; k++) {
		if (!strncmp(t->ways[k].way, t->ways[i].way, name_len) &&
		    !strcmp(t->ways[k].why, t->ways[i].why))
			return true;
	}
	return false;
}

static bool same_words(const char *a, const char *b)
{
	char x[400], y[400];

	return !strcmp(pfdiag_own_words(x, sizeof(x), a), pfdiag_own_words(y, sizeof(y), b));
}

/* The better ones in their order, those with the same reason together. */
static void say_tried(struct pf_check *c, const struct pf_tried *t)
{
	char words[sizeof(t->ways[0].why)];

	for (size_t i = 0; i < t->n; i++) {
		size_t name = strcspn(t->ways[i].way, ",");
		bool first = i == 0 || !same_words(t->ways[i].why, t->ways[i - 1].why);
		bool last = i + 1 == t->n || !same_words(t->ways[i].why, t->ways[i + 1].why);

		if (first || !said_before(t, i, name))
			pfdiag_add(c, "%s%.*s", first ? "\nnot " : ", ", (int)name, t->ways[i].way);
		if (last)
			pfdiag_add(c, ": %s",
				   pfdiag_own_words(words, sizeof(words), t->ways[i].why));
	}
}

static void say_less(struct pf_check *c, const struct pf_trial *t)
{
	bool tracing = c->check == PF_CHECK_PFSTAT;

	if (!strcmp(t->snapshot, "proc"))
		pfdiag_why(c,
			   "From /proc: no short-lived processes, a coarser clock, and more cost "
			   "for each process.%s",
			   tracing && !t->tells ? " No fault events, no classes." : "");
	else if (tracing && !t->tells)
		pfdiag_why(c, "No fault events: the kernel's totals, which are exact, without mode "
			      "and class.");
	else if (tracing)
		pfdiag_why(c, "Columns of what is not told show '-'.");
}

void pfdiag_choice(struct pfdiag *d, struct pf_check *c)
{
	const struct pf_trial *t = pfdiag_way(d, c->check);
	char note[sizeof(t->notes[0])], words[sizeof(t->text)];
	bool all = c->check == PF_CHECK_PFLEAK || (t->tells & ALL_TOLD) == ALL_TOLD;

	if (pfdiag_way_unknown(t)) {
		pfdiag_no_time(c);
		return;
	}
	pf_check_value(c, t->works, "works");
	if (!t->works) {
		pfdiag_found(c, PF_CHECK_FAIL, "%s",
			     pfdiag_own_words(words, sizeof(words), t->text));
		if (*t->kernel)
			pfdiag_add(c, "\nkernel: %s", t->kernel);
		pfdiag_why(c, "The tool does not start here.");
		pfdiag_try(c, "pfdiag --only kernel,machine,rights");
		return;
	}
	pf_check_value(c, t->took_s, "open_s");
	pf_check_value(c, t->tells, "tells");
	say_choice(c, t);
	if (all && !strcmp(t->snapshot, "iter"))
		return;
	say_tried(c, &t->tried);
	for (size_t i = 0; i < t->n_notes; i++)
		pfdiag_add(c, "\n%s", pfdiag_own_words(note, sizeof(note), t->notes[i]));
	pf_check_judge(c, PF_CHECK_WARN);
	say_less(c, t);
	pfdiag_try(c, "pfdiag --only kernel,rights,ways");
}

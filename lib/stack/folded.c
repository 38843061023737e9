/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks as one line each, for flame graph tools and for pfleak. */
#include "lib/stack/stacks.h"

#include <errno.h>

#include "lib/base/strbuf.h"
#include "lib/stack/label.h"

int pf_stacks_folded(struct pf_stacks *s, struct pf_strbuf *out)
{
	size_t n;
	const struct pf_stack *const *all = pf_stacks__sorted(s, &n);
	char label[PF_LABEL_MAX];

	if (!all && pf_stacks__count(s))
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!all[i]->bytes || all[i]->bytes == PF_UNKNOWN)
			continue;
		pf_strbuf_adds(out, pf_label_name(label, all[i]->comm));
		if (all[i]->truncated)
			pf_strbuf_adds(out, ";[truncated]");
		for (size_t k = 0; k < all[i]->n_frames; k++) {
			pf_strbuf_addch(out, ';');
			pf_strbuf_adds(out, pf_label_frame(label, &all[i]->frames[k]));
		}
		pf_strbuf_addf(out, " %lld\n", (long long)all[i]->bytes);
	}
	return out->failed ? -ENOMEM : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Names made fit to be shown: foreign ones are printable, and no separator is in them. */
#include "lib/stack/label.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"

const char *pf_label_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void replace(char *text, char what, char by)
{
	for (char *at = text; (at = strchr(at, what)); at++)
		*at = by;
}

static char *printable(char *dst, size_t size, const char *name)
{
	pf_text_printable(dst, size, name);
	replace(dst, ';', ':');
	return dst;
}

char *pf_label_name(char dst[PF_LABEL_MAX], const char *name)
{
	return printable(dst, PF_LABEL_MAX, *name ? name : "[unknown]");
}

static void unnamed(char *dst, size_t size, const struct pf_stack_frame *f)
{
	char module[256];

	if (!f->module && !f->ip)
		snprintf(dst, size, "[unknown]");
	else if (!f->module || f->offset == PF_UNKNOWN)
		snprintf(dst, size, f->ip ? "[0x%llx]" : "[unknown]", (unsigned long long)f->ip);
	else
		snprintf(dst, size, "[%s+0x%llx]",
			 printable(module, sizeof(module), pf_label_base(f->module)),
			 (unsigned long long)f->offset);
}

char *pf_label_frame(char dst[PF_LABEL_MAX], const struct pf_stack_frame *f)
{
	static const char kernel[] = "_[k]";
	const size_t room = PF_LABEL_MAX - sizeof(kernel) + 1;

	if (f->symbol && *f->symbol)
		printable(dst, room, f->symbol);
	else
		unnamed(dst, room, f);
	if (f->kernel)
		memcpy(dst + strlen(dst), kernel, sizeof(kernel));
	return dst;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of an http or https address. Resolves nothing. */
#ifndef PF_LIB_BASE_URL_H
#define PF_LIB_BASE_URL_H

#include <stddef.h>

/* Pieces of the text that was split; none ends with NUL. */
struct pf_url {
	const char *user; /* "user:password@", the @ too; NULL = none */
	size_t user_len;
	const char *host; /* with the port; of IPv6 with the brackets */
	size_t host_len;
	const char *rest; /* path, query, fragment: to the end of the text, NUL-terminated */
};

/*
 * Split "http://..." or "https://...", the scheme in any case. NULL, or what is wrong with it as
 * words that repeat nothing of the text: it may hold a secret. A host is there, a port is one, and
 * there is no character that an address does not have, so that none can end a header.
 */
const char *pf_url_split(struct pf_url *url, const char *text);

#endif

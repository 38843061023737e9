/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POST over HTTP and HTTPS, several at once, one per target: the only file
 * that knows libcurl. Refuses every other protocol, redirects, certificates
 * that do not verify, replies without end; asks no environment, no .netrc.
 */
#ifndef PF_LIBEXEC_NOTIFY_HTTP_H
#define PF_LIBEXEC_NOTIFY_HTTP_H

#include <stddef.h>

#include "lib/notify/outbox.h"

struct pf_error;
struct pf_wire;
struct pf_http;
struct pf_http_target;

/* How one attempt went. */
struct pf_http_result {
	enum pf_outcome how;  /* DELIVERED, FAILED or AGAIN */
	unsigned int status;  /* 0 = there was none */
	double retry_after_s; /* the server's wish, 0 = none */
	char text[200];	      /* what went wrong; "" when delivered */
};

typedef void (*pf_http_done_fn)(void *ctx, const struct pf_http_result *result);

struct pf_http *pf_http__new(struct pf_error *err); /* NULL with *err filled */
void pf_http__free(struct pf_http *http);	    /* NULL-safe; after its targets */

/* The TLS library, for people. */
const char *pf_http_tls(void);

/* A place to send to, from a PF_WIRE_CHANNEL message. NULL with *err filled. */
struct pf_http_target *pf_http_target__new(struct pf_http *http, const struct pf_wire *m,
					   pf_http_done_fn done, void *ctx, struct pf_error *err);
void pf_http_target__free(struct pf_http_target *t); /* NULL-safe; ends what is under way */

/*
 * Send body, which must live until done is called, from pf_http__wait. Nothing
 * else may be under way with this target. 0, or -errno: then done is not called.
 */
int pf_http_target__post(struct pf_http_target *t, const char *body);

/*
 * Work on what is under way until something can be read from in_fd, or written
 * to out_fd (-1 = not asked), or timeout_s is over. -1 = no descriptor.
 */
void pf_http__wait(struct pf_http *http, int in_fd, int out_fd, double timeout_s);

#endif

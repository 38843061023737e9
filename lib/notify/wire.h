/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pfleak and pf-notify say to each other: JSON objects, one a line, each
 * with "op". Here they are written and read by the same code on both ends.
 * Moves no bytes itself.
 *
 *	to pf-notify	channel	where to send to, and on what terms; known by a number from then on
 *			post	one body for a channel
 *			ping	are you there?
 *			finish	no more comes: end when all is sent, or after drain_s. The end of
 *				the input says the same, with PF_WIRE_DRAIN_S
 *	from it		ready	it is up; with what TLS library
 *			trouble	an attempt failed, the next is in again_s
 *			result	what became of a post
 *			pong	the answer to ping, same id
 *			refused	a line that was not understood
 */
#ifndef PF_LIB_NOTIFY_WIRE_H
#define PF_LIB_NOTIFY_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "lib/notify/outbox.h"

struct pf_error;
struct pf_strbuf;

#define PF_WIRE_LINE_MAX     (256 << 10) /* bytes; longer lines are refused */
#define PF_WIRE_CHANNELS_MAX 64
#define PF_WIRE_HEADERS_MAX  64
#define PF_WIRE_DRAIN_S	     5.0

enum pf_wire_op {
	PF_WIRE_CHANNEL,
	PF_WIRE_POST,
	PF_WIRE_PING,
	PF_WIRE_FINISH,
	PF_WIRE_READY,
	PF_WIRE_TROUBLE,
	PF_WIRE_RESULT,
	PF_WIRE_PONG,
	PF_WIRE_REFUSED,
	PF_WIRE_OPS,
};

/*
 * One message: op, and the members that op has. Strings of a message that was
 * read belong to its root and go with it.
 */
struct pf_wire {
	enum pf_wire_op op;
	uint64_t id;	      /* post ping result pong */
	unsigned int channel; /* channel post trouble result */
	const char *name;     /* channel */
	const char *url;
	const char *headers[PF_WIRE_HEADERS_MAX]; /* whole lines */
	size_t n_headers;
	const char *ca_file; /* NULL = the system's */
	const char *proxy;   /* NULL = none */
	double connect_timeout_s;
	double timeout_s;
	struct pf_outbox_terms terms;
	const char *key; /* post; may be NULL */
	const char *body;
	double expires_s;	 /* post: worth sending for so long, 0 = always */
	double drain_s;		 /* finish */
	enum pf_outcome outcome; /* result */
	unsigned int attempts;	 /* result trouble */
	unsigned int status;	 /* result trouble: of HTTP, 0 = there was none */
	double again_s;		 /* trouble */
	const char *text; /* result, trouble, refused: why; ready: the TLS library; or NULL */

	json_t *root; /* of one that was read */
};

/* Append the message as one line. 0 or -ENOMEM; *out is as before then. */
int pf_wire_write(const struct pf_wire *m, struct pf_strbuf *out);

/*
 * Read one line of len bytes. 0, or -EINVAL with *err saying what is wrong,
 * -ENOMEM; *m has nothing to be freed then.
 */
int pf_wire_read(struct pf_wire *m, const char *line, size_t len, struct pf_error *err);
void pf_wire_free(struct pf_wire *m);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between pfleak and pf-notify, from one table of members. Trusts
 * neither end: what is out of range or of the wrong type is refused.
 */
#include "lib/notify/wire.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/record/json.h"

static const char *const op_names[PF_WIRE_OPS] = {
	[PF_WIRE_CHANNEL] = "channel", [PF_WIRE_POST] = "post",	  [PF_WIRE_PING] = "ping",
	[PF_WIRE_FINISH] = "finish",   [PF_WIRE_READY] = "ready", [PF_WIRE_TROUBLE] = "trouble",
	[PF_WIRE_RESULT] = "result",   [PF_WIRE_PONG] = "pong",	  [PF_WIRE_REFUSED] = "refused",
};

enum kind { U64, UINT, SECONDS, STRING, OPTIONAL, HEADERS, OUTCOME };

#define IN(op) (1u << (PF_WIRE_##op))

/* Which messages have it, and what it may be. */
static const struct member {
	const char *key;
	enum kind kind;
	size_t offset;
	unsigned int ops;
	double min, max;
} members[] = {
#define M(key, kind, member, ops, min, max)                                                        \
	{                                                                                          \
		key, kind, offsetof(struct pf_wire, member), ops, min, max                         \
	}
	M("id", U64, id, IN(POST) | IN(PING) | IN(RESULT) | IN(PONG), 0, 0x1p52),
	M("channel", UINT, channel, IN(CHANNEL) | IN(POST) | IN(TROUBLE) | IN(RESULT), 0,
	  PF_WIRE_CHANNELS_MAX - 1),
	M("name", STRING, name, IN(CHANNEL), 0, 0),
	M("url", STRING, url, IN(CHANNEL), 0, 0),
	M("headers", HEADERS, headers, IN(CHANNEL), 0, 0),
	M("ca_file", OPTIONAL, ca_file, IN(CHANNEL), 0, 0),
	M("proxy", OPTIONAL, proxy, IN(CHANNEL), 0, 0),
	M("connect_timeout_s", SECONDS, connect_timeout_s, IN(CHANNEL), 0.01, 3600),
	M("timeout_s", SECONDS, timeout_s, IN(CHANNEL), 0.01, 3600),
	M("queue", UINT, terms.queue, IN(CHANNEL), 1, 10000),
	M("attempts", UINT, terms.attempts, IN(CHANNEL), 1, 100),
	M("retry_s", SECONDS, terms.retry_s, IN(CHANNEL), 0.001, 3600),
	M("retry_max_s", SECONDS, terms.retry_max_s, IN(CHANNEL), 0.001, 3600),
	M("key", OPTIONAL, key, IN(POST), 0, 0),
	M("body", STRING, body, IN(POST), 0, 0),
	M("expires_s", SECONDS, expires_s, IN(POST), 0, 86400),
	M("drain_s", SECONDS, drain_s, IN(FINISH), 0, 3600),
	M("outcome", OUTCOME, outcome, IN(RESULT), 0, 0),
	M("attempts", UINT, attempts, IN(RESULT) | IN(TROUBLE), 0, 1000000),
	M("status", UINT, status, IN(RESULT) | IN(TROUBLE), 0, 999),
	M("again_s", SECONDS, again_s, IN(TROUBLE), 0, 86400),
	M("text", OPTIONAL, text, IN(READY) | IN(TROUBLE) | IN(RESULT) | IN(REFUSED), 0, 0),
#undef M
};

#define AT(m, f, type) ((type *)(void *)((char *)(m) + (f)->offset))
#define OF(m, f, type) (*(const type *)(const void *)((const char *)(m) + (f)->offset))

/* ---- writing --------------------------------------------------------------- */

static int add_headers(json_t *obj, const struct pf_wire *m)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < m->n_headers; i++) {
		if (json_array_append_new(list, json_string(m->headers[i]))) {
			json_decref(list);
			return -ENOMEM;
		}
	}
	return json_object_set_new(obj, "headers", list) ? -ENOMEM : 0;
}

static int add_member(json_t *obj, const struct member *f, const struct pf_wire *m)
{
	switch (f->kind) {
	case U64:
		return pf_json_add_int(obj, f->key, (int64_t)OF(m, f, uint64_t));
	case UINT:
		return pf_json_add_int(obj, f->key, OF(m, f, unsigned int));
	case SECONDS:
		return pf_json_add_real(obj, f->key, OF(m, f, double), 3);
	case STRING:
	case OPTIONAL:
		return pf_json_add_string(obj, f->key, OF(m, f, char *));
	case HEADERS:
		return add_headers(obj, m);
	case OUTCOME:
		return pf_json_add_string(obj, f->key, pf_outcome_name(m->outcome));
	}
	return -EINVAL;
}

int pf_wire_write(const struct pf_wire *m, struct pf_strbuf *out)
{
	json_t *obj = json_object();
	int ret = obj ? pf_json_add_string(obj, "op", op_names[m->op]) : -ENOMEM;

	for (size_t i = 0; !ret && i < PF_ARRAY_SIZE(members); i++) {
		if (members[i].ops & 1u << m->op)
			ret = add_member(obj, &members[i], m);
	}
	if (!ret)
		return pf_json_line(obj, out);
	json_decref(obj);
	return ret;
}

/* ---- reading --------------------------------------------------------------- */

static int bad(struct pf_error *err, const char *key, const char *what)
{
	return pf_fail(err, EINVAL, "'%s' %s", key, what);
}

static int read_number(const json_t *value, const struct member *f, double *out,
		       struct pf_error *err)
{
	if (!json_is_number(value) || (f->kind != SECONDS && !json_is_integer(value)))
		return bad(err, f->key, "is missing or not such a number");
	*out = json_number_value(value);
	if (!(*out >= f->min && *out <= f->max))
		return bad(err, f->key, "is out of range");
	return 0;
}

static int read_headers(struct pf_wire *m, const json_t *list, struct pf_error *err)
{
	json_t *line;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > PF_WIRE_HEADERS_MAX)
		return bad(err, "headers", "is not a list, or too long");
	json_array_foreach(list, i, line)
	{
		const char *text = json_string_value(line);

		if (!text || strpbrk(text, "\r\n"))
			return bad(err, "headers", "has what is not one line");
		m->headers[i] = text;
	}
	m->n_headers = json_array_size(list);
	return 0;
}

static int read_string(const json_t *value, const struct member *f, const char **out,
		       struct pf_error *err)
{
	*out = json_string_value(value);
	if (*out || (f->kind == OPTIONAL && (!value || json_is_null(value))))
		return 0;
	return bad(err, f->key, "is missing or no string");
}

static int read_outcome(struct pf_wire *m, const json_t *value, struct pf_error *err)
{
	const char *name = json_string_value(value);
	int outcome = name ? pf_outcome_of(name) : -1;

	if (outcome < 0)
		return bad(err, "outcome", "is missing or not known");
	m->outcome = (enum pf_outcome)outcome;
	return 0;
}

static int read_member(struct pf_wire *m, const struct member *f, struct pf_error *err)
{
	const json_t *value = json_object_get(m->root, f->key);
	double number = 0;
	int ret;

	switch (f->kind) {
	case HEADERS:
		return read_headers(m, value, err);
	case STRING:
	case OPTIONAL:
		return read_string(value, f, AT(m, f, const char *), err);
	case OUTCOME:
		return read_outcome(m, value, err);
	default:
		break;
	}
	ret = read_number(value, f, &number, err);
	if (ret)
		return ret;
	if (f->kind == U64)
		*AT(m, f, uint64_t) = (uint64_t)number;
	else if (f->kind == UINT)
		*AT(m, f, unsigned int) = (unsigned int)number;
	else
		*AT(m, f, double) = number;
	return 0;
}

static int read_op(struct pf_wire *m, struct pf_error *err)
{
	const char *name = json_string_value(json_object_get(m->root, "op"));

	for (unsigned int op = 0; name && op < PF_WIRE_OPS; op++) {
		if (!strcmp(name, op_names[op])) {
			m->op = (enum pf_wire_op)op;
			return 0;
		}
	}
	return bad(err, "op", "is missing or not known");
}

int pf_wire_read(struct pf_wire *m, const char *line, size_t len, struct pf_error *err)
{
	json_error_t why;
	int ret;

	memset(m, 0, sizeof(*m));
	m->root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	if (!m->root)
		return pf_fail(err, EINVAL, "not JSON: %s", why.text);
	ret = read_op(m, err);
	for (size_t i = 0; !ret && i < PF_ARRAY_SIZE(members); i++) {
		if (members[i].ops & 1u << m->op)
			ret = read_member(m, &members[i], err);
	}
	if (ret)
		pf_wire_free(m);
	return ret;
}

void pf_wire_free(struct pf_wire *m)
{
	json_decref(m->root);
	memset(m, 0, sizeof(*m));
}

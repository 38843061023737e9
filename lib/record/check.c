/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of checks and the record of one. Checks nothing. */
#include "lib/record/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/record/json.h"

#define VALUE_DECIMALS 9

static const char *const names[PF_CHECKS_N] = {
#define PF_CHECK_NAME(symbol, name) [PF_CHECK_##symbol] = (name),
	PF_CHECKS(PF_CHECK_NAME)
#undef PF_CHECK_NAME
};

static const char *const statuses[PF_CHECK_STATUSES] = {
	[PF_CHECK_OK] = "ok",
	[PF_CHECK_WARN] = "warn",
	[PF_CHECK_FAIL] = "fail",
	[PF_CHECK_SKIP] = "skip",
};

#define C(member, type, unit, help) PF_FIELD(struct pf_check, member, #member, type, unit, help)

const struct pf_field pf_check_fields[] = {
	C(ts, PF_TIME, "seconds", "When it was checked, Unix time."),
	C(id, PF_STRING, "", "Name of the check, as --only takes it."),
	C(status, PF_STRING, "", "ok, warn, fail or skip."),
	C(pid, PF_INT, "", "The process it is about; null = the machine."),
	C(found, PF_NAME, "", "What was found."),
	C(why, PF_NAME, "", "What follows from it."),
	C(remedy, PF_NAME, "", "What mends it."),
};

const size_t pf_check_n_fields = PF_ARRAY_SIZE(pf_check_fields);

const char *pf_check_name(enum pf_check_id id)
{
	return names[id];
}

int pf_check_of(const char *name, size_t len)
{
	for (int i = 0; i < PF_CHECKS_N; i++) {
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return i;
	}
	return -1;
}

const char *pf_check_status_name(enum pf_check_status status)
{
	return statuses[status];
}

void pf_check_init(struct pf_check *c, enum pf_check_id id, int64_t pid)
{
	memset(c, 0, sizeof(*c));
	c->ts = pf_realtime_s();
	c->check = id;
	c->id = names[id];
	c->pid = pid;
	pf_check_judge(c, PF_CHECK_SKIP);
}

void pf_check_judge(struct pf_check *c, enum pf_check_status status)
{
	c->verdict = status;
	c->status = statuses[status];
}

void pf_check_value(struct pf_check *c, double value, const char *key, ...)
{
	struct pf_check_value *v = &c->values[c->n_values];
	va_list ap;
	int len;

	if (c->n_values == PF_CHECK_VALUES_MAX)
		return;
	va_start(ap, key);
	len = vsnprintf(v->key, sizeof(v->key), key, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(v->key))
		return;
	v->value = value;
	c->n_values++;
}

double pf_check_value_of(const struct pf_check *c, const char *key)
{
	for (size_t i = 0; i < c->n_values; i++) {
		if (!strcmp(c->values[i].key, key))
			return c->values[i].value;
	}
	return NAN;
}

/* Whole numbers as such: a reader should not have to round. */
static int add_value(json_t *obj, const struct pf_check_value *v)
{
	if (v->value == floor(v->value) && fabs(v->value) < 0x1p53)
		return pf_json_add_int(obj, v->key, (int64_t)v->value);
	return pf_json_add_real(obj, v->key, v->value, VALUE_DECIMALS);
}

json_t *pf_check_json(const struct pf_check *c)
{
	json_t *obj = pf_json_new("check"), *values = pf_json_new(NULL);
	int ret = obj && values ? 0 : -1;

	for (size_t i = 0; !ret && i < c->n_values; i++)
		ret = add_value(values, &c->values[i]);
	if (!ret)
		ret = pf_json_add_fields(obj, pf_check_fields, pf_check_n_fields, c);
	if (!ret)
		ret = json_object_set(obj, "values", values);
	json_decref(values);
	if (!ret)
		return obj;
	json_decref(obj);
	return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes to and from structs; see the header. Knows no format. */
#include "lib/base/pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/strbuf.h"

static void fail(struct pf_pack *k)
{
	k->failed = true;
}

void *pf_pack_alloc(struct pf_pack *k, size_t size)
{
	void *mem = calloc(1, size);

	if (!mem)
		k->failed = k->no_memory = true;
	return mem;
}

void pf_pack_mem(struct pf_pack *k, void *mem, size_t len)
{
	if (!pf_pack_reads(k)) {
		pf_strbuf_addmem(k->out, mem, len);
		k->failed |= k->out->failed;
		return;
	}
	if (k->failed || len > pf_pack_left(k)) {
		fail(k);
		memset(mem, 0, len);
		return;
	}
	memcpy(mem, k->at, len);
	k->at += len;
}

void pf_pack_u32(struct pf_pack *k, uint32_t *v)
{
	pf_pack_mem(k, v, sizeof(*v));
}

void pf_pack_u64(struct pf_pack *k, uint64_t *v)
{
	pf_pack_mem(k, v, sizeof(*v));
}

void pf_pack_i64(struct pf_pack *k, int64_t *v)
{
	pf_pack_mem(k, v, sizeof(*v));
}

void pf_pack_f32(struct pf_pack *k, float *v)
{
	pf_pack_mem(k, v, sizeof(*v));
}

void pf_pack_f64(struct pf_pack *k, double *v)
{
	pf_pack_mem(k, v, sizeof(*v));
}

void pf_pack_time(struct pf_pack *k, double *v)
{
	pf_pack_mem(k, v, sizeof(*v));
	if (pf_pack_reads(k))
		*v += k->shift_s;
}

unsigned int pf_pack_small(struct pf_pack *k, unsigned int v, unsigned int limit)
{
	uint8_t byte = (uint8_t)v;

	pf_pack_mem(k, &byte, sizeof(byte));
	if (byte < limit)
		return byte;
	fail(k);
	return 0;
}

void pf_pack_name(struct pf_pack *k, char *name, size_t size)
{
	uint32_t len = pf_pack_reads(k) ? 0 : (uint32_t)strnlen(name, size - 1);

	pf_pack_u32(k, &len);
	if (len >= size) {
		fail(k);
		len = 0;
	}
	pf_pack_mem(k, name, len);
	if (pf_pack_reads(k))
		name[len] = '\0';
}

static void read_text(struct pf_pack *k, char **text, size_t max)
{
	uint32_t len;

	*text = NULL;
	pf_pack_u32(k, &len);
	if (k->failed || len > max || len > pf_pack_left(k)) {
		fail(k);
		return;
	}
	*text = pf_pack_alloc(k, (size_t)len + 1);
	if (*text)
		pf_pack_mem(k, *text, len);
}

void pf_pack_text(struct pf_pack *k, char **text, size_t max)
{
	uint32_t len;

	if (!pf_pack_bool(k, *text != NULL)) {
		*text = NULL;
		return;
	}
	if (pf_pack_reads(k)) {
		read_text(k, text, max);
		return;
	}
	len = (uint32_t)strnlen(*text, max);
	pf_pack_u32(k, &len);
	pf_pack_mem(k, *text, len);
}

void pf_pack_open(struct pf_pack *k, struct pf_pack_part *part)
{
	uint64_t len = 0;

	part->begin = pf_pack_reads(k) ? 0 : k->out->len;
	pf_pack_u64(k, &len);
	if (!pf_pack_reads(k))
		return;
	if (len > pf_pack_left(k)) {
		fail(k);
		len = 0;
	}
	part->after = k->at + len;
	part->end = k->end;
	k->end = part->after;
}

void pf_pack_close(struct pf_pack *k, const struct pf_pack_part *part)
{
	uint64_t len;

	if (pf_pack_reads(k)) {
		k->at = part->after;
		k->end = part->end;
	} else if (!k->failed) {
		len = k->out->len - part->begin - sizeof(len);
		memcpy(k->out->data + part->begin, &len, sizeof(len));
	}
}

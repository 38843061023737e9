/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame of a state, and its parts; what is in them is their owners'. Opens no file. */
#include "lib/leak/state.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <zlib.h>

#include "lib/base/pack.h"
#include "lib/base/strbuf.h"
#include "lib/leak/history.h"
#include "lib/leak/leak.h"
#include "lib/leak/tell.h"

#define MAGIC		"pfleak state\r\n\032\n" /* what transfers as text would spoil */
#define MAGIC_LEN	16
#define BYTE_ORDER_MARK 0x01020304u

/* About what there will be to write. */
#define ROOM_BASE    (64 << 10)
#define ROOM_PROCESS 512

/* How many bytes of the magic say that it was one. */
#define RESEMBLES 8

enum part {
	PART_END,
	PART_PROCESSES,
	PART_TOLD,
	PART_KIN,
};

struct frame {
	char magic[MAGIC_LEN];
	uint32_t order;
	uint32_t version;
	uint32_t judge;
	uint32_t crc; /* of what follows the frame, and of the frame with 0 here */
	uint64_t len; /* of what follows */
};

_Static_assert(sizeof(struct frame) == 40, "no padding");

static uint32_t checksum(struct frame f, const void *rest)
{
	uLong crc;

	f.crc = 0;
	crc = crc32_z(0, (const Bytef *)&f, sizeof(f));
	return (uint32_t)crc32_z(crc, rest, f.len);
}

static void pack_head(struct pf_pack *k, struct pf_state_head *h)
{
	h->clock = (enum pf_state_clock)pf_pack_small(k, h->clock, PF_STATE_CLOCKS);
	pf_pack_name(k, h->boot, sizeof(h->boot));
	pf_pack_name(k, h->scope, sizeof(h->scope));
	pf_pack_f64(k, &h->ts);
	pf_pack_f64(k, &h->mono_s);
	pf_pack_u32(k, &h->processes);
	pf_pack_u32(k, &h->open);
	k->failed |= !isfinite(h->ts) || !isfinite(h->mono_s);
}

/* ---- writing --------------------------------------------------------------- */

static void write_parts(struct pf_pack *k, struct pf_leak *leak, struct pf_tell *tell)
{
	struct pf_pack_part part;

	/* Who was told what comes first: reading the processes may end an alert. */
	if (tell) {
		pf_pack_small(k, PART_TOLD, UINT8_MAX);
		pf_pack_open(k, &part);
		pf_tell__pack(tell, k);
		pf_pack_close(k, &part);
	}
	pf_pack_small(k, PART_KIN, UINT8_MAX);
	pf_pack_open(k, &part);
	pf_leak__pack_kin(leak, k);
	pf_pack_close(k, &part);
	pf_pack_small(k, PART_PROCESSES, UINT8_MAX);
	pf_pack_open(k, &part);
	pf_leak__pack(leak, k, true);
	pf_pack_close(k, &part);
	pf_pack_small(k, PART_END, UINT8_MAX);
}

int pf_state_write(struct pf_strbuf *out, const struct pf_state_head *head, struct pf_leak *leak,
		   struct pf_tell *tell)
{
	const struct pf_leak_stats *stats = pf_leak__stats(leak);
	struct frame f = { .magic = MAGIC,
			   .order = BYTE_ORDER_MARK,
			   .version = PF_STATE_VERSION,
			   .judge = PF_STATE_JUDGE };
	struct pf_state_head own = *head;
	struct pf_pack k = { .out = out };
	size_t begin = out->len;

	pf_strbuf_reserve(out, ROOM_BASE + stats->processes * ROOM_PROCESS +
				       stats->histories * sizeof(struct pf_history));
	own.processes = (uint32_t)stats->processes;
	own.open = (uint32_t)(stats->watch + stats->pending + stats->firing);
	pf_pack_mem(&k, &f, sizeof(f));
	pack_head(&k, &own);
	write_parts(&k, leak, tell);
	if (k.failed)
		return -ENOMEM;
	f.len = out->len - begin - sizeof(f);
	f.crc = checksum(f, out->data + begin + sizeof(f));
	memcpy(out->data + begin, &f, sizeof(f));
	return 0;
}

/* ---- reading --------------------------------------------------------------- */

static unsigned int likeness(const unsigned char *data, size_t len)
{
	unsigned int same = 0;

	for (size_t i = 0; i < len && i < MAGIC_LEN; i++)
		same += data[i] == (unsigned char)MAGIC[i];
	return same;
}

/* Lost blocks of a file are read as zeros. */
static bool is_blank(const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len && i < MAGIC_LEN; i++) {
		if (data[i])
			return false;
	}
	return true;
}

static enum pf_state_fault check_frame(const struct frame *f, const unsigned char *rest, size_t len,
				       const char **why)
{
	if (f->order == __builtin_bswap32(BYTE_ORDER_MARK)) {
		*why = "it was written by a machine of the other byte order";
		return PF_STATE_OLDER;
	}
	if (f->order != BYTE_ORDER_MARK) {
		*why = "it is damaged";
		return PF_STATE_DAMAGED;
	}
	if (f->len != len) {
		*why = f->len > len ? "it is cut off" : "it is longer than it says";
		return PF_STATE_DAMAGED;
	}
	if (checksum(*f, rest) != f->crc) {
		*why = "its checksum is wrong";
		return PF_STATE_DAMAGED;
	}
	if (f->version == PF_STATE_VERSION)
		return PF_STATE_FINE;
	*why = f->version > PF_STATE_VERSION ? "it was written by a newer version"
					     : "it was written by an older version";
	return f->version > PF_STATE_VERSION ? PF_STATE_NEWER : PF_STATE_OLDER;
}

static enum pf_state_fault read_frame(struct frame *f, const void *data, size_t len,
				      const char **why)
{
	if (is_blank(data, len)) {
		*why = "it is empty";
		return PF_STATE_DAMAGED;
	}
	if (likeness(data, len) < (len < RESEMBLES ? len : RESEMBLES)) {
		*why = "it is no state of pfleak";
		return PF_STATE_FOREIGN;
	}
	if (len < sizeof(*f)) {
		*why = "it is cut off";
		return PF_STATE_DAMAGED;
	}
	memcpy(f, data, sizeof(*f));
	if (memcmp(f->magic, MAGIC, MAGIC_LEN) != 0) {
		*why = "it is damaged";
		return PF_STATE_DAMAGED;
	}
	return check_frame(f, (const unsigned char *)data + sizeof(*f), len - sizeof(*f), why);
}

static void begin_reading(struct pf_pack *k, const void *data, size_t len)
{
	*k = (struct pf_pack){ .at = (const unsigned char *)data + sizeof(struct frame),
			       .end = (const unsigned char *)data + len };
}

enum pf_state_fault pf_state_check(const void *data, size_t len, struct pf_state_head *head,
				   const char **why)
{
	struct frame f;
	struct pf_pack k;
	enum pf_state_fault fault;

	*why = "";
	fault = read_frame(&f, data, len, why);
	if (fault != PF_STATE_FINE)
		return fault;
	begin_reading(&k, data, len);
	memset(head, 0, sizeof(*head));
	pack_head(&k, head);
	if (!k.failed)
		return PF_STATE_FINE;
	*why = "it is damaged";
	return PF_STATE_DAMAGED;
}

static void read_part(struct pf_pack *k, unsigned int name, struct pf_leak *leak,
		      struct pf_tell *tell, bool same_judge)
{
	struct pf_pack_part part;

	pf_pack_open(k, &part);
	if (name == PART_PROCESSES)
		pf_leak__pack(leak, k, same_judge);
	else if (name == PART_KIN)
		pf_leak__pack_kin(leak, k);
	else if (name == PART_TOLD && tell)
		pf_tell__pack(tell, k);
	pf_pack_close(k, &part);
}

int pf_state_read(const void *data, size_t len, double shift_s, struct pf_leak *leak,
		  struct pf_tell *tell)
{
	struct pf_state_head head = { 0 };
	struct frame f;
	struct pf_pack k;
	unsigned int name;

	if (len < sizeof(f))
		return -EBADMSG;
	memcpy(&f, data, sizeof(f));
	begin_reading(&k, data, len);
	pack_head(&k, &head);
	k.shift_s = shift_s;
	while (!k.failed && (name = pf_pack_small(&k, 0, UINT8_MAX)) != PART_END)
		read_part(&k, name, leak, tell, f.judge == PF_STATE_JUDGE);
	if (!k.failed) {
		pf_leak__settle(leak);
		return 0;
	}
	pf_leak__clear(leak);
	if (tell)
		pf_tell__clear(tell);
	return k.no_memory ? -ENOMEM : -EBADMSG;
}

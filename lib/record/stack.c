/* SPDX-License-Identifier: BSD-2-Clause */
/* Stack records to JSON and back. Of what it reads it takes nothing on trust. */
#include "lib/record/stack.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/strbuf.h"
#include "lib/record/json.h"
#include "lib/record/lines.h"
#include "lib/record/replay.h"

#define S(member, type, unit, help) PF_FIELD(struct pf_stack, member, #member, type, unit, help)

const struct pf_field pf_stack_fields[] = {
	S(ts, PF_TIME, "seconds", "When its last sample was taken, Unix time."),
	S(pid, PF_INT, "", "Process id in the tool's own pid namespace."),
	S(start_ts, PF_TIME, "seconds", "Start of the process, Unix time; names it with pid."),
	S(comm, PF_CHARS, "", "Name of the process, as the kernel has it."),
	S(mode, PF_STRING, "", "What bytes are: faults, growth or allocs."),
	S(class, PF_STRING, "", "Class of the faults."),
	S(bytes, PF_INT, "bytes", "Memory made resident, retained or outstanding, by mode."),
	S(kept_bytes, PF_INT, "bytes", "Of bytes, what is older than half of the window: allocs."),
	S(samples, PF_INT, "", "Samples that this was made of."),
	S(age_s, PF_REAL, "seconds", "How long the oldest of it is there."),
	S(truncated, PF_BOOL, "", "The outermost frames are not known."),
};

const size_t pf_stack_n_fields = PF_ARRAY_SIZE(pf_stack_fields);

#define F(member, type, unit, help)                                                                \
	PF_FIELD(struct pf_stack_frame, member, #member, type, unit, help)

const struct pf_field pf_stack_frame_fields[] = {
	F(symbol, PF_STRING, "", "Function, demangled."),
	F(offset, PF_INT, "bytes", "From the function's start; without one, in the module."),
	F(module, PF_STRING, "", "File, [vdso], [jit], [kernel] or a module of the kernel."),
	F(build_id, PF_STRING, "", "Build id of the file, hexadecimal."),
	F(file, PF_STRING, "", "Source file."),
	F(line, PF_INT, "", "Line in it."),
	F(inlined, PF_BOOL, "", "The function is inlined into the frame before."),
	F(kernel, PF_BOOL, "", "Runs in the kernel."),
};

const size_t pf_stack_frame_n_fields = PF_ARRAY_SIZE(pf_stack_frame_fields);

void pf_stack_init(struct pf_stack *s)
{
	memset(s, 0, sizeof(*s));
	pf_fields_init(pf_stack_fields, pf_stack_n_fields, s);
}

/* ---- writing --------------------------------------------------------------- */

static int add_ip(json_t *obj, uint64_t ip)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)ip);
	return pf_json_add_string(obj, "ip", ip ? text : NULL);
}

static json_t *frame_json(const struct pf_stack_frame *f)
{
	json_t *obj = pf_json_new(NULL);

	if (obj && !add_ip(obj, f->ip) &&
	    !pf_json_add_fields(obj, pf_stack_frame_fields, pf_stack_frame_n_fields, f))
		return obj;
	json_decref(obj);
	return NULL;
}

static json_t *frames_json(const struct pf_stack *s)
{
	json_t *frames = json_array();

	for (size_t i = 0; frames && i < s->n_frames; i++) {
		if (json_array_append_new(frames, frame_json(&s->frames[i]))) {
			json_decref(frames);
			return NULL;
		}
	}
	return frames;
}

json_t *pf_stack_json(const struct pf_stack *s)
{
	json_t *obj = pf_json_new("stack");

	if (obj && !pf_json_add_fields(obj, pf_stack_fields, pf_stack_n_fields, s) &&
	    !json_object_set_new_nocheck(obj, "frames", frames_json(s)))
		return obj;
	json_decref(obj);
	return NULL;
}

int pf_stack_line(const struct pf_stack *s, struct pf_strbuf *out)
{
	return pf_json_line(pf_stack_json(s), out);
}

/* ---- reading --------------------------------------------------------------- */

static int wrong(char why[PF_DECODE_WHY], const char *what)
{
	snprintf(why, PF_DECODE_WHY, "%s", what);
	return -EINVAL;
}

/* Hexadecimal with 0x before it, as it is written; null and nothing are 0. */
static int decode_ip(const json_t *value, uint64_t *ip, char *why)
{
	const char *text = json_string_value(value);
	char *end;

	*ip = 0;
	if (!value || json_is_null(value))
		return 0;
	if (!text || strncmp(text, "0x", 2) != 0 || !text[2] ||
	    strspn(text + 2, "0123456789abcdef") != strlen(text + 2))
		return wrong(why, "'ip' of a frame must be a string like \"0x7f00\"");
	errno = 0;
	*ip = strtoull(text + 2, &end, 16);
	return errno ? wrong(why, "'ip' of a frame has more than 64 bits") : 0;
}

static int decode_frame(const json_t *obj, struct pf_stack_frame *f, char *why)
{
	int ret;

	if (!json_is_object(obj))
		return wrong(why, "'frames' must be objects");
	memset(f, 0, sizeof(*f));
	ret = pf_decode_fields(obj, pf_stack_frame_fields, pf_stack_frame_n_fields, f, why);
	return ret ? ret : decode_ip(json_object_get(obj, "ip"), &f->ip, why);
}

static int check_required(const json_t *obj, const struct pf_stack *s, char *why)
{
	if (isnan(s->ts))
		return wrong(why, "'ts' is missing or null");
	if (s->pid == PF_UNKNOWN)
		return wrong(why, "'pid' is missing or null");
	if (isnan(s->start_ts))
		return wrong(why, "'start_ts' is missing or null");
	if (!json_is_string(json_object_get(obj, "comm")))
		return wrong(why, "'comm' is missing or null");
	if (s->bytes == PF_UNKNOWN)
		return wrong(why, "'bytes' is missing or null");
	if (!json_is_array(json_object_get(obj, "frames")))
		return wrong(why, "'frames' is missing or no array");
	return 0;
}

int pf_decode_stack(const json_t *obj, struct pf_stack *s,
		    struct pf_stack_frame frames[PF_STACK_FRAMES_MAX], char why[PF_DECODE_WHY])
{
	const json_t *list = json_object_get(obj, "frames");
	int ret;

	pf_stack_init(s);
	ret = pf_decode_fields(obj, pf_stack_fields, pf_stack_n_fields, s, why);
	if (!ret)
		ret = check_required(obj, s, why);
	if (!ret && json_array_size(list) > PF_STACK_FRAMES_MAX)
		ret = wrong(why, "'frames' are too many");
	for (size_t i = 0; !ret && i < json_array_size(list); i++)
		ret = decode_frame(json_array_get(list, i), &frames[i], why);
	if (ret)
		return ret;
	s->frames = frames;
	s->n_frames = json_array_size(list);
	return 0;
}

/* ---- recordings ------------------------------------------------------------ */

struct reading {
	struct pf_stack_reader *reader;
	struct pf_lines *lines;
	struct pf_stack_frame *frames;
};

static void complain(struct reading *r, const char *what)
{
	char text[PF_DECODE_WHY + 32];

	r->reader->n_bad++;
	snprintf(text, sizeof(text), "%s: line skipped", what);
	if (r->reader->complain)
		r->reader->complain(r->reader->ctx, pf_lines__number(r->lines), text);
}

static int take_object(struct reading *r, const json_t *obj)
{
	const char *type = json_string_value(json_object_get(obj, "type"));
	char why[PF_DECODE_WHY] = "";
	struct pf_stack s;

	if (!type) {
		complain(r, "no record: an object with a type was expected");
		return 0;
	}
	if (strcmp(type, "stack") != 0)
		return 0;
	if (pf_decode_stack(obj, &s, r->frames, why)) {
		complain(r, why);
		return 0;
	}
	r->reader->n_stacks++;
	return r->reader->stack(r->reader->ctx, &s);
}

static int take_line(struct reading *r, const char *line, size_t len, bool whole)
{
	char why[PF_DECODE_WHY];
	json_t *obj;
	int ret = pf_decode_line(line, len, whole, &obj, why);

	if (ret == -EINVAL) {
		complain(r, why);
		return 0;
	}
	if (ret || !obj)
		return ret;
	ret = take_object(r, obj);
	json_decref(obj);
	return ret;
}

static int read_all(struct reading *r, struct pf_error *err)
{
	for (;;) {
		const char *line = NULL;
		size_t len = 0;
		int ret = pf_lines__next(r->lines, &line, &len, err);

		if (ret == PF_LINE_END)
			return 0;
		if (ret < 0)
			return ret;
		if (ret == PF_LINE_LONG)
			complain(r, "longer than any record");
		else
			ret = take_line(r, line, len, ret == PF_LINE_WHOLE);
		if (ret < 0)
			return pf_fail(err, -ret, "cannot go on reading: %s", strerror(-ret));
	}
}

int pf_stack_read(const char *path, struct pf_stack_reader *reader, struct pf_error *err)
{
	struct reading r = { .reader = reader };
	int ret;

	reader->n_stacks = reader->n_bad = 0;
	r.frames = calloc(PF_STACK_FRAMES_MAX, sizeof(*r.frames));
	if (!r.frames)
		return pf_fail(err, ENOMEM, "out of memory");
	errno = EIO;
	r.lines = pf_lines__open(path, PF_REPLAY_LINE_MAX, err);
	ret = r.lines ? read_all(&r, err) : -errno;
	pf_lines__close(r.lines);
	free(r.frames);
	return ret;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Container runtimes, Kubernetes and systemd write names into cgroup paths;
 * this reads them back. Paths are what any owner of a cgroup made them: they
 * are matched whole, component by component, from the innermost out.
 */
#include "lib/proc/cgpath.h"

#include <string.h>

#include "lib/base/cleanup.h"

#define ID_LEN	 64 /* of containers, hexadecimal */
#define UUID_LEN 36
#define HASH_LEN 32 /* pods that a node makes from files are named by an MD5 sum */

/* One component and the path that leads to it. */
struct part {
	struct pf_span name; /* without \xHH escapes, in `text` */
	struct pf_span raw;
	struct pf_span before;
	char text[PF_CGROUP_NAME_MAX];
};

static void copy(char *dst, size_t size, struct pf_span s)
{
	size_t len = pf_span_len(s);

	if (len >= size)
		len = size - 1;
	memcpy(dst, s.p, len);
	dst[len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static bool is_hex(struct pf_span s, size_t len)
{
	if (pf_span_len(s) != len)
		return false;
	for (const char *p = s.p; p < s.end; p++) {
		if (hex_digit(*p) < 0)
			return false;
	}
	return true;
}

/* systemd writes bytes that unit names may not hold as \xHH. */
static void unescape(struct part *part)
{
	const char *p = part->raw.p;
	const char *end = part->raw.end;
	char *dst = part->text;

	while (p < end) {
		if (end - p >= 4 && p[0] == '\\' && p[1] == 'x' && hex_digit(p[2]) >= 0 &&
		    hex_digit(p[3]) >= 0 && (hex_digit(p[2]) || hex_digit(p[3]))) {
			*dst++ = (char)(hex_digit(p[2]) << 4 | hex_digit(p[3]));
			p += 4;
		} else {
			*dst++ = *p++;
		}
	}
	part->name = (struct pf_span){ part->text, dst };
}

/* Take the last component off the path. Longer ones than the kernel allows come out empty. */
static bool take_last(struct pf_span *path, struct pf_span *name)
{
	const char *slash;

	while (path->p < path->end && path->end[-1] == '/')
		path->end--;
	if (path->p == path->end)
		return false;
	slash = memrchr(path->p, '/', pf_span_len(*path));
	*name = (struct pf_span){ slash ? slash + 1 : path->p, path->end };
	path->end = slash ? slash : path->p;
	if (pf_span_len(*name) >= PF_CGROUP_NAME_MAX)
		name->end = name->p;
	return true;
}

static bool take_part(struct pf_span *path, struct part *part)
{
	if (!take_last(path, &part->raw))
		return false;
	part->before = *path;
	unescape(part);
	return true;
}

static bool has_parent(const struct part *part, const char *name)
{
	struct pf_span before = part->before;
	struct pf_span parent;

	return take_last(&before, &parent) && pf_span_is(parent, name);
}

static bool has_ancestor(const struct part *part, const char *name)
{
	struct pf_span before = part->before;
	struct pf_span ancestor;

	while (take_last(&before, &ancestor)) {
		if (pf_span_is(ancestor, name))
			return true;
	}
	return false;
}

static bool found(struct pf_cgroup_parts *out, struct pf_span container, const char *runtime)
{
	copy(out->container, sizeof(out->container), container);
	copy(out->runtime, sizeof(out->runtime), pf_span_of(runtime, strlen(runtime)));
	return true;
}

/*
 * "docker-ID.scope", "crio-ID". What watches over a container in a scope of
 * its own (libpod-conmon-ID, crio-conmon-ID) is not in the container.
 */
static bool match_prefixed(struct pf_span name, struct pf_cgroup_parts *out)
{
	static const struct {
		const char *prefix;
		const char *runtime;
	} known[] = {
		{ "docker-", "docker" },
		{ "cri-containerd-", "containerd" },
		{ "nerdctl-", "containerd" },
		{ "crio-", "cri-o" },
		{ "libpod-payload-", "podman" },
		{ "libpod-", "podman" },
		/* a kubelet whose cgroup driver is not the runtime's */
		{ "cri-containerd:", "containerd" },
		{ "crio:", "cri-o" },
	};

	pf_span_chop(&name, ".scope");
	for (size_t i = 0; i < PF_ARRAY_SIZE(known); i++) {
		struct pf_span id = name;

		if (pf_span_skip(&id, known[i].prefix) && is_hex(id, ID_LEN))
			return found(out, id, known[i].runtime);
	}
	return false;
}

/* "SLICE:cri-containerd:ID": match what follows the first colon. */
static bool match_colon(const struct part *part, struct pf_cgroup_parts *out)
{
	struct pf_span rest = part->name;
	struct pf_span slice;

	return pf_span_until(&rest, ':', &slice) && match_prefixed(rest, out);
}

/* On Fargate: the task's id, a dash, digits. */
static bool is_ecs_id(struct pf_span s)
{
	struct pf_span task = { s.p, s.p + HASH_LEN };
	uint64_t number;

	if (pf_span_len(s) <= HASH_LEN || !is_hex(task, HASH_LEN))
		return false;
	s.p += HASH_LEN;
	return pf_span_skip(&s, "-") && s.p < s.end && hex_digit(*s.p) >= 0 &&
	       pf_span_u64(&s, &number) && s.p == s.end;
}

/* A bare id: only where it stands tells whose. */
static bool match_bare(const struct part *part, struct pf_cgroup_parts *out)
{
	bool bare = is_hex(part->name, ID_LEN);
	bool ecs = (bare || is_ecs_id(part->name)) && has_ancestor(part, "ecs");

	if (!bare && !ecs)
		return false;
	if (has_parent(part, "docker"))
		return found(out, part->name, "docker");
	if (has_parent(part, "k8s.io"))
		return found(out, part->name, "containerd");
	if (has_parent(part, "libpod_parent"))
		return found(out, part->name, "podman");
	return found(out, part->name, ecs ? "ecs" : "");
}

/* "/lxc/NAME" before LXC 4, "/lxc.payload.NAME" since ("/lxc.payload/NAME" in between). */
static bool match_lxc(const struct part *part, struct pf_cgroup_parts *out)
{
	struct pf_span name = part->name;

	if (pf_span_skip(&name, "lxc.payload.") && name.p < name.end)
		return found(out, name, "lxc");
	if (has_parent(part, "lxc") || has_parent(part, "lxc.payload"))
		return found(out, part->name, "lxc");
	return false;
}

static bool match_garden(const struct part *part, struct pf_cgroup_parts *out)
{
	struct pf_span before = part->before;
	struct pf_span parent;

	if (pf_span_is(part->name, "good") || pf_span_is(part->name, "bad"))
		return false;
	if (!take_last(&before, &parent))
		return false;
	if (pf_span_is(parent, "good") || pf_span_is(parent, "bad")) {
		if (!take_last(&before, &parent))
			return false;
	}
	return pf_span_is(parent, "garden") && found(out, part->name, "garden");
}

static bool match_nspawn(const struct part *part, struct pf_cgroup_parts *out)
{
	struct pf_span name = part->name;

	return pf_span_skip(&name, "systemd-nspawn@") && pf_span_chop(&name, ".service") &&
	       name.p < name.end && found(out, name, "systemd-nspawn");
}

static bool match_container(const struct part *part, struct pf_cgroup_parts *out)
{
	return match_prefixed(part->name, out) || match_colon(part, out) || match_bare(part, out) ||
	       match_lxc(part, out) || match_garden(part, out) || match_nspawn(part, out);
}

/* The systemd driver writes the dashes of a uid as underscores. */
static bool take_uid(struct pf_span s, struct pf_cgroup_parts *out)
{
	size_t len = pf_span_len(s);

	if (len != UUID_LEN && len != HASH_LEN)
		return false;
	for (const char *p = s.p; p < s.end; p++) {
		if (hex_digit(*p) < 0 && *p != '-' && *p != '_')
			return false;
	}
	copy(out->pod, sizeof(out->pod), s);
	for (char *p = out->pod; *p; p++) {
		if (*p == '_')
			*p = '-';
	}
	return true;
}

/* "kubepods[-QOS]-podUID.slice", with whatever the kubelet was told to put before it. */
static bool match_pod_slice(struct pf_span name, struct pf_cgroup_parts *out)
{
	const char *at;

	if (!pf_span_chop(&name, ".slice") || !memmem(name.p, pf_span_len(name), "kubepods", 8))
		return false;
	/* A uid holds no 'p'. */
	at = memrchr(name.p, 'p', pf_span_len(name));
	if (!at || at == name.p || at[-1] != '-')
		return false;
	name.p = at;
	return pf_span_skip(&name, "pod") && take_uid(name, out);
}

static bool match_podman_pod(struct pf_span name, struct pf_cgroup_parts *out)
{
	if (!pf_span_chop(&name, ".slice") ||
	    !(pf_span_skip(&name, "machine-") || pf_span_skip(&name, "user-")) ||
	    !pf_span_skip(&name, "libpod_pod_") || !is_hex(name, ID_LEN))
		return false;
	copy(out->pod, sizeof(out->pod), name);
	return true;
}

/* "/kubepods/[QOS/]podUID", as the cgroupfs driver names them. */
static bool match_pod_dir(const struct part *part, struct pf_cgroup_parts *out)
{
	struct pf_span uid = part->name;

	return pf_span_skip(&uid, "pod") && has_ancestor(part, "kubepods") && take_uid(uid, out);
}

static void match_pod(const struct part *part, struct pf_cgroup_parts *out)
{
	struct pf_span rest = part->name;
	struct pf_span slice;
	const char *runtime = "kubepods";

	if (!pf_span_until(&rest, ':', &slice))
		slice = part->name;
	if (match_podman_pod(slice, out))
		runtime = "podman";
	else if (!match_pod_slice(slice, out) && !match_pod_dir(part, out))
		return;
	if (!out->runtime[0])
		copy(out->runtime, sizeof(out->runtime), pf_span_of(runtime, strlen(runtime)));
}

static bool is_unit(struct pf_span name)
{
	static const char *const suffixes[] = { ".service", ".scope", ".socket", ".mount",
						".swap" };

	for (size_t i = 0; i < PF_ARRAY_SIZE(suffixes); i++) {
		if (pf_span_chop(&name, suffixes[i]))
			return name.p < name.end;
	}
	return false;
}

static bool is_slice(struct pf_span name)
{
	return pf_span_chop(&name, ".slice") && name.p < name.end;
}

/* The innermost unit; a slice, which only groups units, where there is no other. */
static void match_unit(struct pf_span path, struct pf_cgroup_parts *out)
{
	struct pf_span name;
	struct pf_span slice = { NULL, NULL };

	while (take_last(&path, &name)) {
		/* systemd puts '_' before names that the kernel would claim. */
		pf_span_skip(&name, "_");
		if (is_unit(name)) {
			found(out, name, "systemd");
			return;
		}
		if (!slice.p && is_slice(name))
			slice = name;
	}
	if (slice.p)
		found(out, slice, "systemd");
}

void pf_parse_cgroup_path(const char *path, size_t len, struct pf_cgroup_parts *out)
{
	const struct pf_span whole = pf_span_of(path, len);
	struct pf_span rest = whole;
	struct part part;

	*out = (struct pf_cgroup_parts){ 0 };
	if (len > PF_CGROUP_PATH_MAX)
		return;
	while (!out->pod[0] && take_part(&rest, &part)) {
		if (part.name.p == part.name.end)
			continue;
		if (!out->container[0])
			match_container(&part, out);
		match_pod(&part, out);
	}
	if (!out->container[0] && !out->pod[0])
		match_unit(whole, out);
}

static size_t depth(struct pf_span path)
{
	struct pf_span name;
	size_t n = 0;

	while (take_last(&path, &name))
		n++;
	return n;
}

/* "memory,hugetlb" has "memory". */
static bool has_controller(struct pf_span list, const char *controller)
{
	struct pf_span one;

	while (pf_span_until(&list, ',', &one)) {
		if (pf_span_is(one, controller))
			return true;
	}
	return pf_span_is(list, controller);
}

static void take_cgroup_line(struct pf_span line, struct pf_cgroup_lines *out)
{
	struct pf_span id, list;

	if (!pf_span_until(&line, ':', &id) || !pf_span_until(&line, ':', &list) ||
	    line.p == line.end || *line.p != '/' || pf_span_len(line) > PF_CGROUP_PATH_MAX)
		return;
	/* A cgroup may really be called that; /proc does not tell the two apart. */
	pf_span_chop(&line, " (deleted)");
	if (pf_span_is(id, "0") && list.p == list.end)
		out->unified = line;
	else if (has_controller(list, "memory"))
		out->memory = line;
	else if (pf_span_is(list, "name=systemd"))
		out->systemd = line;
	else if (!out->other.p || depth(line) > depth(out->other))
		out->other = line;
}

void pf_parse_cgroup_file(const char *buf, size_t len, struct pf_cgroup_lines *out)
{
	struct pf_span rest = pf_span_of(buf, len);
	struct pf_span line;

	*out = (struct pf_cgroup_lines){ 0 };
	while (pf_span_line(&rest, &line))
		take_cgroup_line(line, out);
}

/* Is `path` strictly below `base`? */
static bool is_below(struct pf_span path, struct pf_span base)
{
	while (base.p < base.end && base.end[-1] == '/')
		base.end--;
	if (pf_span_len(path) < pf_span_len(base) + 2)
		return false;
	return !memcmp(path.p, base.p, pf_span_len(base)) && path.p[pf_span_len(base)] == '/';
}

struct pf_span pf_cgroup_choose(const struct pf_cgroup_lines *lines)
{
	const struct pf_span order[] = { lines->memory, lines->unified, lines->systemd,
					 lines->other };
	struct pf_span best = { NULL, NULL };

	for (size_t i = 0; i < PF_ARRAY_SIZE(order); i++) {
		if (order[i].p && (!best.p || is_below(order[i], best)))
			best = order[i];
	}
	return best;
}

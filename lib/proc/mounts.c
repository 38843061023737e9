/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the cgroup hierarchies in /proc/self/mountinfo and turns cgroup paths
 * into directories. Follows no path itself.
 */
#include "lib/proc/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MOUNTINFO_MAX (4 << 20) /* machines with 10,000 containers have that many mounts */

static bool is_octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' &&
	       p[2] <= '7';
}

/* The kernel writes blanks, newlines and backslashes as \ooo. False if it does not fit. */
static bool unescape(struct pf_span s, char dst[PATH_MAX])
{
	size_t n = 0;

	for (const char *p = s.p; p < s.end; n++) {
		if (n + 1 >= PATH_MAX)
			return false;
		if (s.end - p >= 4 && *p == '\\' && is_octal(p + 1)) {
			dst[n] = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			dst[n] = *p++;
		}
	}
	dst[n] = '\0';
	return true;
}

static bool has_option(struct pf_span options, const char *option)
{
	struct pf_span one;

	while (pf_span_until(&options, ',', &one)) {
		if (pf_span_is(one, option))
			return true;
	}
	return pf_span_is(options, option);
}

/* After any number of optional fields: "- TYPE SOURCE OPTIONS". */
static struct pf_cgroup_mount *which(struct pf_span rest, struct pf_cgroup_mounts *out)
{
	struct pf_span word, source, options;

	do {
		if (!pf_span_word(&rest, &word))
			return NULL;
	} while (!pf_span_is(word, "-"));
	if (!pf_span_word(&rest, &word))
		return NULL;
	if (pf_span_is(word, "cgroup2"))
		return &out->unified;
	if (!pf_span_is(word, "cgroup") || !pf_span_word(&rest, &source) ||
	    !pf_span_word(&rest, &options))
		return NULL;
	if (has_option(options, "memory"))
		return &out->memory;
	return has_option(options, "name=systemd") ? &out->systemd : NULL;
}

static void take_mount(struct pf_span line, struct pf_cgroup_mounts *out)
{
	struct pf_span word, root, point;
	struct pf_cgroup_mount found;
	struct pf_cgroup_mount *m;

	/* id, parent, device */
	for (int i = 0; i < 3; i++) {
		if (!pf_span_word(&line, &word))
			return;
	}
	if (!pf_span_word(&line, &root) || !pf_span_word(&line, &point))
		return;
	m = which(line, out);
	if (!m || *root.p != '/' || *point.p != '/')
		return;
	if (!unescape(root, found.root) || !unescape(point, found.point))
		return;
	if (!m->point[0] || strlen(found.root) <= strlen(m->root))
		*m = found;
}

void pf_parse_mountinfo(const char *buf, size_t len, struct pf_cgroup_mounts *out)
{
	struct pf_span rest = pf_span_of(buf, len);
	struct pf_span line;

	memset(out, 0, sizeof(*out));
	while (pf_span_line(&rest, &line))
		take_mount(line, out);
}

int pf_cgroup_mounts_read(int proc_fd, struct pf_cgroup_mounts *out)
{
	struct pf_readbuf buf = { 0 };
	ssize_t n = pf_readbuf__file(&buf, proc_fd, "self/mountinfo", MOUNTINFO_MAX);

	memset(out, 0, sizeof(*out));
	if (n >= 0)
		pf_parse_mountinfo(buf.data, (size_t)n, out);
	pf_readbuf__free(&buf);
	return n < 0 ? (int)n : 0;
}

/* Take `root` off the front of path, if it is a whole number of components. */
static bool take_root(struct pf_span *path, const char *root)
{
	struct pf_span s = *path;

	if (strcmp(root, "/") != 0 && !pf_span_skip(&s, root))
		return false;
	if (s.p < s.end && *s.p != '/')
		return false;
	*path = s;
	return true;
}

static bool leaves(struct pf_span path)
{
	struct pf_span part;

	while (pf_span_until(&path, '/', &part)) {
		if (pf_span_is(part, ".."))
			return true;
	}
	return pf_span_is(path, "..");
}

int pf_cgroup_dir(const struct pf_cgroup_mount *m, const char *prefix, struct pf_span path,
		  char *dst, size_t *base)
{
	int n, all;

	if (!m->point[0] || !take_root(&path, m->root))
		return -ENOENT;
	if (leaves(path))
		return -EINVAL;
	while (path.p < path.end && path.end[-1] == '/')
		path.end--;
	n = snprintf(dst, PF_CGROUP_DIR_MAX, "%s%s", prefix, m->point);
	if (n < 0 || n >= PF_CGROUP_DIR_MAX || pf_span_len(path) > PATH_MAX)
		return -ENAMETOOLONG;
	all = n + (int)pf_span_len(path);
	if (all >= PF_CGROUP_DIR_MAX)
		return -ENAMETOOLONG;
	memcpy(dst + n, path.p, pf_span_len(path));
	dst[all] = '\0';
	*base = (size_t)n;
	return all;
}

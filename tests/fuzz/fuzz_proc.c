/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything lib/proc reads is foreign text. The first byte chooses the
 * parser, so that one corpus grows for all of them; the results are checked
 * for what callers rely on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc/cgpath.h"
#include "lib/proc/limits.h"
#include "lib/proc/machine.h"
#include "lib/proc/maps.h"
#include "lib/proc/mounts.h"
#include "lib/proc/procfile.h"
#include "lib/proc/psi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void try_stat(const char *text, size_t len)
{
	struct pf_stat_line s;
	struct pf_statm_line m;

	if (!pf_parse_stat(text, len, &s))
		must(s.minflt >= 0 && s.majflt >= 0 && s.vsz_bytes >= 0 && s.cpu_ticks >= 0);
	must(memchr(s.comm, 0, sizeof(s.comm)) != NULL);
	if (!pf_parse_statm(text, len, &m))
		must(m.resident_pages >= 0 && m.shared_pages >= 0);
}

static void try_status(const char *text, size_t len)
{
	struct pf_status_lines s;
	struct pf_rlimits r;
	struct pf_machine m;
	struct pf_psi p;

	pf_parse_status(text, len, &s);
	must(s.swap_bytes == PF_UNKNOWN || s.swap_bytes >= 0);
	must(s.nspid == PF_UNKNOWN || s.nspid >= 0);
	pf_parse_rlimits(text, len, &r);
	must(r.as_bytes == PF_UNKNOWN || r.as_bytes >= 0);
	pf_parse_meminfo(text, len, &m);
	must(m.swap_free_bytes == PF_UNKNOWN || m.swap_free_bytes >= 0);
	pf_parse_psi(text, len, &p);
	must(pf_parse_memory_stat(text, len) >= 0);
	must(pf_parse_memory_limit(text, len) == PF_UNKNOWN ||
	     pf_parse_memory_limit(text, len) >= 0);
}

static void try_path(const char *text, size_t len)
{
	struct pf_cgroup_parts parts;

	pf_parse_cgroup_path(text, len, &parts);
	must(strlen(parts.container) < sizeof(parts.container));
	must(strlen(parts.pod) < sizeof(parts.pod));
	must(strlen(parts.runtime) < sizeof(parts.runtime));
}

static void try_cgroup(const char *text, size_t len)
{
	struct pf_cgroup_lines lines;
	struct pf_span path;

	pf_parse_cgroup_file(text, len, &lines);
	path = pf_cgroup_choose(&lines);
	if (!path.p)
		return;
	must(*path.p == '/' && path.p >= text && path.end <= text + len);
	try_path(path.p, pf_span_len(path));
}

static void try_mounts(const char *text, size_t len)
{
	static struct pf_cgroup_mounts mounts;
	static char dir[PF_CGROUP_DIR_MAX];
	size_t base;
	int n;

	pf_parse_mountinfo(text, len, &mounts);
	/* the same bytes as a path below what they mount */
	n = pf_cgroup_dir(&mounts.unified, "", pf_span_of(text, len), dir, &base);
	if (n >= 0)
		must(base <= (size_t)n && dir[n] == '\0');
	n = pf_cgroup_dir(&mounts.memory, "/x", pf_span_of("/a/b", 4), dir, &base);
	if (n >= 0)
		must(base >= 2 && base <= (size_t)n && dir[n] == '\0');
}

/* Line by line, as those who look for what a process has mapped do. */
static void try_maps(const char *text, size_t len)
{
	struct pf_span rest = pf_span_of(text, len), line;
	struct pf_maps_line l;

	while (pf_span_line(&rest, &line)) {
		if (!pf_maps_line(line, &l))
			continue;
		must(l.start < l.end);
		must(l.name.p >= line.p && l.name.p <= l.name.end && l.name.end == line.end);
		must(!pf_span_len(l.name) || *l.name.p != ' ');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(const char *, size_t) = { try_stat,   try_status, try_path,
								 try_cgroup, try_mounts, try_maps };
	const size_t n = sizeof(targets) / sizeof(targets[0]);

	if (size)
		targets[data[0] % n]((const char *)data + 1, size - 1);
	return 0;
}

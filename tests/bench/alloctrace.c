/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: alloctrace PID LIBRARY [FREE_OFFSET]. Traces every malloc and free of
 * the process, which has them from LIBRARY; the probe of free sits FREE_OFFSET
 * bytes behind its entry (0). Says "ready" with the bytes of its maps, and
 * detaches at the end of standard input, or with its parent.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/base/parse.h"
#include "tests/bench/alloctrace.skel.h"

static int attach_at(struct bpf_program *prog, struct bpf_link **link, pid_t pid,
		     const char *library, const char *function, uint64_t offset, bool at_return)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .func_name = function, .retprobe = at_return);

	*link = bpf_program__attach_uprobe_opts(prog, pid, library, offset, &opts);
	return *link ? 0 : -1;
}

static int attach(struct pf_alloctrace_bpf *skel, pid_t pid, const char *library, uint64_t offset)
{
	if (!skel || pf_alloctrace_bpf__load(skel))
		return -1;
	return attach_at(skel->progs.pf_full_free, &skel->links.pf_full_free, pid, library, "free",
			 offset, false) ||
	       attach_at(skel->progs.pf_full_return, &skel->links.pf_full_return, pid, library,
			 "malloc", 0, true) ||
	       attach_at(skel->progs.pf_full_malloc, &skel->links.pf_full_malloc, pid, library,
			 "malloc", 0, false);
}

/* What the kernel says in fdinfo. */
static uint64_t map_bytes(struct pf_alloctrace_bpf *skel)
{
	char path[64], line[128];
	uint64_t all = 0, bytes;
	struct bpf_map *map;
	FILE *f;

	bpf_object__for_each_map(map, skel->obj)
	{
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			line[strcspn(line, "\n")] = '\0';
			if (!strncmp(line, "memlock:\t", 9) &&
			    !pf_parse_u64(line + 9, 0, UINT64_MAX, &bytes))
				all += bytes;
		}
		if (f)
			fclose(f);
	}
	return all;
}

int main(int argc, char **argv)
{
	struct pf_alloctrace_bpf *skel;
	uint64_t pid, offset = 0;
	char byte;

	if (argc < 3 || pf_parse_u64(argv[1], 1, INT32_MAX, &pid) ||
	    (argc > 3 && pf_parse_u64(argv[3], 0, 4096, &offset))) {
		fprintf(stderr, "usage: alloctrace PID LIBRARY [FREE_OFFSET]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	skel = pf_alloctrace_bpf__open();
	if (attach(skel, (pid_t)pid, argv[2], offset)) {
		fprintf(stderr, "alloctrace: cannot attach\n");
		return 1;
	}
	printf("ready: %ju bytes of maps\n", (uintmax_t)map_bytes(skel));
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) == 1)
		;
	pf_alloctrace_bpf__destroy(skel);
	return 0;
}

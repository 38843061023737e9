/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: empty [rss]. Attaches the program at faults that does nothing, with
 * "rss" also the one at changes of memory counters; says "ready" and detaches
 * at the end of standard input, or with its parent.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/bench/empty.skel.h"

static int attach(struct pf_empty_bpf *skel, bool rss)
{
	if (!skel)
		return -1;
	bpf_program__set_autoload(skel->progs.pf_empty_rss, rss);
	return pf_empty_bpf__load(skel) ? -1 : pf_empty_bpf__attach(skel);
}

int main(int argc, char **argv)
{
	struct pf_empty_bpf *skel;
	char byte;
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	skel = pf_empty_bpf__open();
	ret = attach(skel, argc > 1 && !strcmp(argv[1], "rss"));
	if (ret) {
		fprintf(stderr, "empty: cannot attach tp_btf programs\n");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) == 1)
		;
	pf_empty_bpf__destroy(skel);
	return 0;
}

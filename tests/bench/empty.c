/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaches the program that does nothing, says "ready" and detaches at the end
 * of standard input, or with its parent.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/bench/empty.skel.h"

int main(void)
{
	struct pf_empty_bpf *skel;
	char byte;
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	skel = pf_empty_bpf__open_and_load();
	ret = skel ? pf_empty_bpf__attach(skel) : -1;
	if (ret) {
		fprintf(stderr, "empty: cannot attach a tp_btf program to page_fault_user\n");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) == 1)
		;
	pf_empty_bpf__destroy(skel);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: deny CALL ERRNO COMMAND...
 *
 * Run COMMAND where a seccomp filter has the system call CALL (bpf,
 * perf_event_open, capset) fail with ERRNO (EPERM, ENOSYS), as container
 * runtimes and service managers do.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct word {
	const char *name;
	unsigned int value;
};

static const struct word calls[] = {
	{ "bpf", SYS_bpf },
	{ "perf_event_open", SYS_perf_event_open },
	{ "capset", SYS_capset },
	{ NULL, 0 },
};

static const struct word errors[] = {
	{ "EPERM", EPERM },
	{ "ENOSYS", ENOSYS },
	{ NULL, 0 },
};

static const struct word *find(const struct word *words, const char *name)
{
	for (; words->name; words++) {
		if (!strcmp(words->name, name))
			return words;
	}
	return NULL;
}

/* Root needs no no_new_privs for this; with it file capabilities would not be tested. */
static int deny(unsigned int call, unsigned int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	const struct word *call = argc > 3 ? find(calls, argv[1]) : NULL;
	const struct word *error = argc > 3 ? find(errors, argv[2]) : NULL;

	if (!call || !error) {
		fprintf(stderr, "usage: deny bpf|perf_event_open|capset EPERM|ENOSYS COMMAND...\n");
		return 2;
	}
	if (deny(call->value, error->value)) {
		perror("deny");
		return 1;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}

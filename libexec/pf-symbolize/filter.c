/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter, through libseccomp. Opens nothing, hence no file can be opened after it. */
#include "libexec/pf-symbolize/filter.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>

#include "lib/base/cleanup.h"

static int allow_plain(scmp_filter_ctx filter)
{
	static const int calls[] = {
		/* memory */
		SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
		/* files that are open; duplicates of them */
		SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(fstat),
		SCMP_SYS(newfstatat), SCMP_SYS(dup), SCMP_SYS(fcntl), SCMP_SYS(close),
		/* the socket */
		SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
		/* the C library */
		SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(exit), SCMP_SYS(exit_group)
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < PF_ARRAY_SIZE(calls); i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return ret;
}

/* Memory that may not be run: the third argument of both is its protection. */
static int allow_data(scmp_filter_ctx filter)
{
	int ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	return ret ? ret
		   : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int ret;

	if (!filter)
		return -ENOMEM;
	ret = allow_plain(filter);
	if (!ret)
		ret = allow_data(filter);
	if (!ret)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	return ret;
}

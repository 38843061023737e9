/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands in /proc/PID/stat, statm and status. Pure: bytes in, numbers
 * out; nothing here opens a file.
 */
#ifndef PF_LIB_PROC_PROCFILE_H
#define PF_LIB_PROC_PROCFILE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/record/field.h"
#include "lib/record/sample.h"

struct pf_stat_line {
	int64_t pid;
	char comm[PF_COMM_LEN];
	char state;
	int64_t ppid;
	uint64_t flags;
	int64_t minflt;
	int64_t majflt;
	int64_t cpu_ticks; /* user + system */
	int64_t num_threads;
	uint64_t start_ticks;
	int64_t vsz_bytes;
};

/* /proc/PID/stat. The name may hold anything, ") S 1" too: it ends at the last ')'. 0, -EBADMSG. */
int pf_parse_stat(const char *buf, size_t len, struct pf_stat_line *out);

struct pf_statm_line {
	int64_t size_pages;
	int64_t resident_pages;
	int64_t shared_pages; /* file + shmem; anonymous = resident - shared */
};

int pf_parse_statm(const char *buf, size_t len, struct pf_statm_line *out); /* 0, -EBADMSG */

/* What /proc/PID/status has; a missing line leaves PF_UNKNOWN. Never fails. */
struct pf_status_lines {
	int64_t uid;
	int64_t nspid; /* the last, innermost one */
	int64_t vsz_bytes;
	int64_t data_bytes;
	int64_t rss_bytes;
	int64_t rss_anon_bytes;
	int64_t rss_file_bytes;
	int64_t rss_shmem_bytes;
	int64_t swap_bytes;
};

void pf_parse_status(const char *buf, size_t len, struct pf_status_lines *out);

#endif

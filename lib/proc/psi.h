/* SPDX-License-Identifier: BSD-2-Clause */
/* Pressure stall information for memory: how long tasks waited for it. */
#ifndef PF_LIB_PROC_PSI_H
#define PF_LIB_PROC_PSI_H

#include <stddef.h>
#include <stdint.h>

/* some: at least one task waited; full: none could run meanwhile. */
struct pf_psi {
	double some_avg10; /* percent of the last 10 s; NaN = unknown */
	double full_avg10;
	int64_t some_total_us; /* since boot; PF_UNKNOWN */
	int64_t full_total_us;
};

/*
 * proc_root/pressure/memory. 0, or -errno with everything unknown: -ENOENT
 * (kernel < 4.20 or built without), -EOPNOTSUPP (switched off, psi=1 on the
 * kernel's command line is missing), -EBADMSG.
 */
int pf_psi_read(const char *proc_root, struct pf_psi *out);

int pf_parse_psi(const char *buf, size_t len, struct pf_psi *out); /* 0, -EBADMSG */

#endif

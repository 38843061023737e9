/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines to the system's log, by its socket: syslog(3) would wait for a logger
 * that is stuck, and cannot tell that a line was lost.
 */
#ifndef PF_LIB_NOTIFY_SYSLOG_H
#define PF_LIB_NOTIFY_SYSLOG_H

struct pf_channel;

struct pf_syslog {
	const char *path;
	int facility;
	int fd; /* -1 = not open: opened when needed, again after a failure */
};

void pf_syslog_init(struct pf_syslog *s, const struct pf_channel *c);
void pf_syslog_close(struct pf_syslog *s);

/*
 * One line of printable text with a priority of syslog(3). 0 or -errno:
 * -EAGAIN when the logger does not keep up. Never waits.
 */
int pf_syslog_send(struct pf_syslog *s, int priority, const char *line);

#endif

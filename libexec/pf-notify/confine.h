/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving up what a program that talks to the network has no use for. */
#ifndef PF_LIBEXEC_NOTIFY_CONFINE_H
#define PF_LIBEXEC_NOTIFY_CONFINE_H

struct pf_error;

/*
 * For good: no capabilities, no new privileges by exec, no core dumps, no
 * files written, no tracer of our own user, bounded memory and descriptors.
 * Descriptors above 2 are closed. Whoever starts us has done most of it
 * already; this is for whoever has not. 0 or -errno with *err filled.
 */
int confine(struct pf_error *err);

#endif

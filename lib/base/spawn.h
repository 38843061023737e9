/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting a program that is not to be trusted with what we have: its own
 * session and process group, three descriptors and no more, an environment of
 * the caller's making, no privileges it could gain. Never a shell.
 */
#ifndef PF_LIB_BASE_SPAWN_H
#define PF_LIB_BASE_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pf_error;

#define PF_GROUPS_MAX 64

/* Whom to run as. */
struct pf_user {
	uid_t uid;
	gid_t gid;
	gid_t groups[PF_GROUPS_MAX];
	int n_groups;
};

/* The user of that name. 0, or -errno with *err filled. */
int pf_user_find(struct pf_user *user, const char *name, struct pf_error *err);

struct pf_spawn {
	const char *path; /* absolute */
	char *const *argv;
	char *const *envp;
	int fds[3];		    /* become 0, 1, 2; -1 = /dev/null */
	const struct pf_user *user; /* NULL = ours */
	bool confined;	   /* without any capability, and without gaining one by exec; a user who
			* cannot be had, as in a namespace that has only one, is no reason to
			* fail then */
	bool ends_with_us; /* killed when the thread that started it dies, however */
};

/*
 * The pid, which is its process group too, or -errno. That the program could
 * not be run shows as exit status PF_SPAWN_FAILED, after a line on its
 * descriptor 2: nobody waits for it here.
 */
#define PF_SPAWN_FAILED 127
pid_t pf_spawn(const struct pf_spawn *s);

/* Close all descriptors from this one on. */
void pf_close_from(int first);

/*
 * Kill it and its process group. It may not have made the group yet, when there
 * is only itself. Only before it is waited for: then its number is nobody's.
 */
void pf_spawn_kill(pid_t pid);

/* A pipe whose ends close on exec; ours does not block. -errno. */
int pf_spawn_pipe(int fds[2], int ours);

#endif

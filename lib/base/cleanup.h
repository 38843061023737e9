/* SPDX-License-Identifier: BSD-2-Clause */
/* Scope-bound release of local memory, files and descriptors. */
#ifndef PF_LIB_BASE_CLEANUP_H
#define PF_LIB_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void pf_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void pf_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void pf_cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void pf_cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define _cleanup_(fn)	   __attribute__((cleanup(fn)))
#define _cleanup_free_	   _cleanup_(pf_cleanup_free)
#define _cleanup_close_	   _cleanup_(pf_cleanup_close)
#define _cleanup_fclose_   _cleanup_(pf_cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(pf_cleanup_closedir)

#define PF_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif

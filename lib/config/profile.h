/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Profiles: named sets of values between the defaults and the file's own.
 * `default` and `production` are built in; others are in the file, and may
 * extend one another.
 */
#ifndef PF_LIB_CONFIG_PROFILE_H
#define PF_LIB_CONFIG_PROFILE_H

#include "lib/config/apply.h"

#define PF_PROFILES_DEPTH 8 /* of one that extends another, and so on */

/*
 * Apply the profile of that name, those it extends first, and check all the others in the file.
 * file: the top of the tree. place: where it is asked for. The layer and the name in *apply are
 * ours.
 */
void pf_profile_apply(const struct pf_apply *apply, const struct pf_yaml_node *file,
		      const char *name, const struct pf_place *place, void *settings,
		      struct pf_origin *origins);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks as one tree by what their frames are called: the flame graph's. */
#ifndef PF_LIB_STACK_TREE_H
#define PF_LIB_STACK_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/stack/stacks.h"

enum pf_node_kind {
	PF_NODE_PROCESS,
	PF_NODE_USER,
	PF_NODE_INLINED,
	PF_NODE_JIT,
	PF_NODE_UNNAMED,
	PF_NODE_KERNEL,
};

struct pf_node {
	const char *label; /* as pf_label_frame */
	enum pf_node_kind kind;
	uint64_t gross_bytes; /* of all stacks through it; in a diff of changes without sign */
	int64_t net_bytes;    /* with sign */
	int64_t samples;
	uint32_t depth;		 /* 0 is the one root, 1 are processes */
	struct pf_node *child;	 /* the heaviest one */
	struct pf_node *sibling; /* the next lighter one */
};

#define PF_TREE_NODES_MAX (1u << 19) /* what is beyond counts for its parent only */

struct pf_tree;

/* NULL without memory. */
struct pf_tree *pf_tree__new(struct pf_stacks *stacks);
void pf_tree__free(struct pf_tree *t);

const struct pf_node *pf_tree__root(const struct pf_tree *t);

#endif

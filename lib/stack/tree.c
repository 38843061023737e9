/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes in a hash table by parent and label while it grows, then in order of weight. */
#include "lib/stack/tree.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1 /* without memory an addition fails, not the program */
#include <uthash.h>

#include "lib/base/cleanup.h"
#include "lib/record/arena.h"
#include "lib/stack/label.h"

struct keyed {
	struct pf_node node;
	UT_hash_handle hh;
	char key[]; /* the parent's address, then the label */
};

struct pf_tree {
	struct pf_arena arena;
	struct pf_node root;
	struct keyed *nodes;
	bool failed;
};

static enum pf_node_kind kind_of(const struct pf_stack_frame *f)
{
	if (f->kernel)
		return PF_NODE_KERNEL;
	if (!f->symbol)
		return PF_NODE_UNNAMED;
	if (f->module && strcmp(f->module, "[jit]") == 0)
		return PF_NODE_JIT;
	return f->inlined ? PF_NODE_INLINED : PF_NODE_USER;
}

static struct pf_node *add_child(struct pf_tree *t, struct pf_node *parent, const char *label,
				 const char *key, size_t key_len)
{
	struct keyed *k;

	if (HASH_COUNT(t->nodes) >= PF_TREE_NODES_MAX)
		return NULL;
	k = pf_arena_alloc(&t->arena, sizeof(*k) + key_len);
	if (!k) {
		t->failed = true;
		return NULL;
	}
	memset(k, 0, sizeof(*k));
	memcpy(k->key, key, key_len);
	k->node.label = pf_arena_strdup(&t->arena, label);
	k->node.depth = parent->depth + 1;
	HASH_ADD_KEYPTR(hh, t->nodes, k->key, key_len, k);
	if (!k->node.label || !k->hh.tbl) {
		t->failed = true;
		return NULL;
	}
	k->node.sibling = parent->child;
	parent->child = &k->node;
	return &k->node;
}

/* NULL: there is no room. */
static struct pf_node *child_of(struct pf_tree *t, struct pf_node *parent, const char *label,
				enum pf_node_kind kind)
{
	char key[sizeof(parent) + PF_LABEL_MAX];
	const size_t len = sizeof(parent) + strlen(label);
	struct pf_node *n;
	struct keyed *k;

	memcpy(key, &parent, sizeof(parent));
	memcpy(key + sizeof(parent), label, len - sizeof(parent));
	HASH_FIND(hh, t->nodes, key, len, k);
	if (k)
		return &k->node;
	n = add_child(t, parent, label, key, len);
	if (n)
		n->kind = kind;
	return n;
}

static void weigh(struct pf_node *n, const struct pf_stack *s)
{
	const int64_t bytes = s->bytes == PF_UNKNOWN ? 0 : s->bytes;

	n->gross_bytes += (uint64_t)(bytes < 0 ? -bytes : bytes);
	n->net_bytes += bytes;
	n->samples += s->samples == PF_UNKNOWN ? 0 : s->samples;
}

static void add_stack(struct pf_tree *t, const struct pf_stack *s)
{
	static const struct pf_stack_frame cut = { .symbol = "[truncated]" };
	struct pf_node *n = &t->root;
	char label[PF_LABEL_MAX];

	weigh(n, s);
	n = child_of(t, n, pf_label_name(label, s->comm), PF_NODE_PROCESS);
	if (n)
		weigh(n, s);
	if (n && s->truncated) {
		n = child_of(t, n, pf_label_frame(label, &cut), PF_NODE_UNNAMED);
		if (n)
			weigh(n, s);
	}
	for (size_t i = 0; n && i < s->n_frames; i++) {
		n = child_of(t, n, pf_label_frame(label, &s->frames[i]), kind_of(&s->frames[i]));
		if (n)
			weigh(n, s);
	}
}

static int by_weight(const void *a, const void *b)
{
	const struct pf_node *x = *(struct pf_node *const *)a, *y = *(struct pf_node *const *)b;

	if (x->gross_bytes != y->gross_bytes)
		return x->gross_bytes < y->gross_bytes ? 1 : -1;
	return strcmp(x->label, y->label);
}

static void sort_children(struct pf_tree *t, struct pf_node *parent)
{
	_cleanup_free_ struct pf_node **all = NULL;
	size_t n = 0, i = 0;

	for (struct pf_node *c = parent->child; c; c = c->sibling)
		n++;
	if (n < 2)
		return;
	all = calloc(n, sizeof(struct pf_node *));
	if (!all) {
		t->failed = true;
		return;
	}
	for (struct pf_node *c = parent->child; c; c = c->sibling)
		all[i++] = c;
	qsort(all, n, sizeof(struct pf_node *), by_weight);
	parent->child = all[0];
	for (i = 0; i < n; i++)
		all[i]->sibling = i + 1 < n ? all[i + 1] : NULL;
}

struct pf_tree *pf_tree__new(struct pf_stacks *stacks)
{
	struct pf_tree *t = calloc(1, sizeof(*t));
	size_t n;
	const struct pf_stack *const *all = pf_stacks__sorted(stacks, &n);
	struct keyed *k, *next;

	if (!t)
		return NULL;
	t->root.label = "all";
	for (size_t i = 0; i < n; i++)
		add_stack(t, all[i]);
	sort_children(t, &t->root);
	HASH_ITER (hh, t->nodes, k, next)
		sort_children(t, &k->node);
	if (!t->failed && (all || !pf_stacks__count(stacks)))
		return t;
	pf_tree__free(t);
	return NULL;
}

void pf_tree__free(struct pf_tree *t)
{
	if (!t)
		return;
	HASH_CLEAR(hh, t->nodes);
	pf_arena_free(&t->arena);
	free(t);
}

const struct pf_node *pf_tree__root(const struct pf_tree *t)
{
	return &t->root;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A healthy program that looks like a leak at first: it fills a cache of
 * bounded size, then serves from it and replaces entries one for one.
 */
#include <stdint.h>
#include "examples/demo.h"

enum {
	ENTRY_BYTES = 16 * 1024,
	LOOKUPS_PER_TICK = 20,
};

struct entry {
	uint64_t key;
	char value[ENTRY_BYTES - sizeof(uint64_t)];
};

struct cache {
	struct demo demo;
	struct entry **slots;
	uint64_t count; /* slots */
	uint64_t filled;
	uint64_t hits;
	uint64_t misses;
	unsigned short random[3];
};

static struct entry *load_entry(const struct cache *cache, uint64_t key)
{
	struct entry *entry = demo_alloc(&cache->demo, sizeof(*entry));

	entry->key = key;
	memset(entry->value, (int)key, sizeof(entry->value));
	return entry;
}

/* Keys come in order while it warms up, so it is full when the rate says so. */
static void warm_up(struct cache *cache)
{
	while (cache->filled < cache->count &&
	       cache->filled * ENTRY_BYTES < cache->demo.due_bytes) {
		cache->slots[cache->filled] = load_entry(cache, cache->filled);
		cache->filled++;
	}
}

static void look_up(struct cache *cache, uint64_t key)
{
	struct entry **slot = &cache->slots[key % cache->count];

	if (*slot && (*slot)->key == key) {
		cache->hits++;
		return;
	}
	cache->misses++;
	free(*slot);
	*slot = load_entry(cache, key);
}

static void serve(struct cache *cache)
{
	for (int i = 0; i < LOOKUPS_PER_TICK; i++)
		look_up(cache, nrand48(cache->random) % (cache->count * 2));
}

int main(int argc, char **argv)
{
	struct cache cache = {
		.demo = { .name = "cache_warmer",
			  .purpose = "fills a bounded cache, then serves from it; healthy",
			  .rate_help = "how fast the cache fills, in MB per second",
			  .rate_mb_s = 8,
			  .size_mb = 96,
			  .tick_ms = 10,
			  .max_mb = 1500 },
		.random = { 3, 2, 1 },
	};

	demo_begin(&cache.demo, argc, argv);
	cache.count = (uint64_t)cache.demo.size_mb * DEMO_MB / ENTRY_BYTES;
	cache.slots = demo_alloc(&cache.demo, cache.count * sizeof(*cache.slots));
	while (demo_tick(&cache.demo)) {
		warm_up(&cache);
		if (cache.filled == cache.count)
			serve(&cache);
	}
	printf("cache_warmer: %llu hits, %llu misses\n", (unsigned long long)cache.hits,
	       (unsigned long long)cache.misses);
	while (cache.filled)
		free(cache.slots[--cache.filled]);
	free(cache.slots);
	return demo_end(&cache.demo);
}

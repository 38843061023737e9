/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A healthy program that does next to nothing: it holds some memory, looks at
 * it now and then, and never grows.
 */
#include "examples/demo.h"

static unsigned long check_books(const char *books, size_t bytes)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < bytes; i += 4096)
		sum += (unsigned char)books[i];
	return sum;
}

int main(int argc, char **argv)
{
	struct demo demo = {
		.name = "idler",
		.purpose = "holds some memory and hardly moves; healthy",
		.size_mb = 16,
		.tick_ms = 500,
		.max_mb = 500,
	};
	unsigned long ticks = 0, sum = 0;
	size_t bytes;
	char *books;

	demo_begin(&demo, argc, argv);
	bytes = demo.size_mb * DEMO_MB;
	books = demo_alloc(&demo, bytes);
	memset(books, 1, bytes);
	while (demo_tick(&demo)) {
		sum += check_books(books, bytes);
		ticks++;
	}
	printf("idler: checked the books %lu times, sum %lu\n", ticks, sum);
	free(books);
	return demo_end(&demo);
}

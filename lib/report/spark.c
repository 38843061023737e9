/* SPDX-License-Identifier: BSD-2-Clause */
/* Values as marks of eight heights; see the header. Knows no terminal. */
#include "lib/report/spark.h"

#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MARKS 8
#define NOISE 0.04f

static const char *mark(unsigned int height, bool blocks)
{
	static const char *const block[MARKS] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const ascii[MARKS] = { "_", ".", "-", "=", "+", "*", "%", "#" };

	return blocks ? block[height] : ascii[height];
}

char *pf_spark(char dst[PF_SPARK_SIZE], const float *value, size_t n, bool blocks)
{
	float least = INFINITY, most = 0, range;
	size_t len = 0;

	if (n > PF_SPARK_COLUMNS)
		n = PF_SPARK_COLUMNS;
	for (size_t i = 0; i < n; i++) {
		least = fminf(least, value[i]);
		most = fmaxf(most, value[i]);
	}
	range = fmaxf(most - least, NOISE * most);
	dst[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		float part = range > 0 ? (value[i] - least) / range : 0;

		len += (size_t)snprintf(dst + len, PF_SPARK_SIZE - len, "%s",
					mark((unsigned int)fminf(MARKS - 1, part * MARKS), blocks));
	}
	return dst;
}

bool pf_spark_blocks(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

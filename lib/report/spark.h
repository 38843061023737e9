/* SPDX-License-Identifier: BSD-2-Clause */
/* A row of values as a small line of text, a column each: "▁▁▂▃▅█". */
#ifndef PF_LIB_REPORT_SPARK_H
#define PF_LIB_REPORT_SPARK_H

#include <stdbool.h>
#include <stddef.h>

#define PF_SPARK_COLUMNS 13
#define PF_SPARK_SIZE	 (PF_SPARK_COLUMNS * 3 + 1)

/*
 * The first n values, at most PF_SPARK_COLUMNS, from the least (the lowest mark) to the greatest. What
 * moves within 4 % of it is noise: then the marks are lower, and lowest all for no change. blocks:
 * with block characters (UTF-8), else in ASCII. Returns dst; "" for no values.
 */
char *pf_spark(char dst[PF_SPARK_SIZE], const float *value, size_t n, bool blocks);

/* Does the locale's character set have block characters? */
bool pf_spark_blocks(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits that programs declare for themselves. */
#include "tests/unit/test_proc.h"

#include "lib/base/cleanup.h"
#include "lib/proc/ceiling.h"

#define MIB (1024LL * 1024)

static void test_declared(void **state)
{
	static const struct {
		const char *cmdline; /* blanks stand for NUL */
		const char *environ; /* ';' does */
		int64_t bytes;
		bool heap;
		const char *source;
	} cases[] = {
		{ "java -Xmx512m -jar a.jar", "", 512 * MIB, true, "-Xmx" },
		{ "/usr/bin/java -Xmx1g -Xmx2G x", "", 2048 * MIB, true, "-Xmx" },
		{ "java x", "A=1;JAVA_TOOL_OPTIONS=-ea -Xmx64m;B=2", 64 * MIB, true, "-Xmx" },
		{ "java -Xmx1g x", "JAVA_TOOL_OPTIONS=-Xmx64m", 1024 * MIB, true, "-Xmx" },
		{ "node --max-old-space-size=256 a.js", "", 256 * MIB, true,
		  "--max-old-space-size" },
		{ "node a.js", "NODE_OPTIONS=--max_old_space_size=100", 100 * MIB, true,
		  "--max-old-space-size" },
		{ "prometheus", "GOMEMLIMIT=750MiB", 750 * MIB, true, "GOMEMLIMIT" },
		{ "redis-server --port 1 --maxmemory 96mb", "", 96 * MIB, false, "maxmemory" },
		{ "redis-server --maxmemory 104857600", "", 100 * MIB, false, "maxmemory" },
		{ "memcached -p 1 -m 64 -t 2", "", 64 * MIB, false, "-m" },
		{ "/usr/sbin/mariadbd --innodb-buffer-pool-size=64M", "", 64 * MIB, false,
		  "innodb-buffer-pool-size" },
		{ "varnishd -s malloc,64m -l 16m", "", 64 * MIB, false, "-s malloc" },
		{ "varnishd -s Transient=malloc,64m", "", PF_UNKNOWN, false, NULL },
		/* others' words, no sizes, and what makes no sense */
		{ "python -m 64", "", PF_UNKNOWN, false, NULL },
		{ "tool --maxmemory 96mb", "", PF_UNKNOWN, false, NULL },
		{ "java -Xmx x", "", PF_UNKNOWN, false, NULL },
		{ "java -Xmx99999999999999999999g", "", PF_UNKNOWN, false, NULL },
		{ "memcached -m", "", PF_UNKNOWN, false, NULL },
		{ "go", "GOMEMLIMIT=off", PF_UNKNOWN, false, NULL },
		{ "", "", PF_UNKNOWN, false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		char line[128], env[128];
		struct pf_ceiling got;

		strcpy(line, cases[i].cmdline);
		strcpy(env, cases[i].environ);
		for (char *c = line; *c || c < line + strlen(cases[i].cmdline); c++)
			*c = *c == ' ' ? '\0' : *c;
		for (size_t j = 0; j < strlen(cases[i].environ); j++)
			env[j] = env[j] == ';' ? '\0' : env[j];
		pf_parse_ceiling(line, strlen(cases[i].cmdline), env, strlen(cases[i].environ),
				 &got);
		assert_int_equal(got.bytes, cases[i].bytes);
		assert_int_equal(got.heap, cases[i].heap);
		if (cases[i].source)
			assert_string_equal(got.source, cases[i].source);
		else
			assert_null(got.source);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_declared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

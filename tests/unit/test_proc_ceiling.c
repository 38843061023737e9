/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits that programs declare for themselves. */
#include "tests/unit/test_proc.h"

#include "lib/base/cleanup.h"
#include "lib/proc/ceiling.h"

#define MIB (1024LL * 1024)

#define NONE PF_UNKNOWN

/* As pf_parse_ceiling, with blanks for NUL in the command line and ';' in the environment. */
static struct pf_ceiling parse(const char *cmdline, const char *environ,
			       const struct pf_around *around)
{
	char line[128], env[128];
	struct pf_ceiling got;

	strcpy(line, cmdline);
	strcpy(env, environ);
	for (size_t i = 0; i < strlen(cmdline); i++)
		line[i] = line[i] == ' ' ? '\0' : line[i];
	for (size_t i = 0; i < strlen(environ); i++)
		env[i] = env[i] == ';' ? '\0' : env[i];
	pf_parse_ceiling(line, strlen(cmdline), env, strlen(environ), around, &got);
	return got;
}

static void check_source(const struct pf_ceiling *got, const char *source)
{
	if (source)
		assert_string_equal(got->source, source);
	else
		assert_null(got->source);
}

static void test_declared(void **state)
{
	static const struct pf_around nothing = { NONE, NONE, NONE };
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
		{ "java -XX:MaxHeapSize=1g x", "JDK_JAVA_OPTIONS=-Xmx64m", 64 * MIB, true, "-Xmx" },
		{ "app", "A=1;DOTNET_GCHeapHardLimit=0xC800000", 200 * MIB, true,
		  "GCHeapHardLimit" },
		{ "app", "DOTNET_GCHeapHardLimit=c800000", 200 * MIB, true, "GCHeapHardLimit" },
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
		{ "app", "DOTNET_GCHeapHardLimit=-c800000", PF_UNKNOWN, false, NULL },
		{ "app", "DOTNET_GCHeapHardLimit=c800000z", PF_UNKNOWN, false, NULL },
		{ "java -XX:MaxRAMPercentage=50 x", "", PF_UNKNOWN, false, NULL },
		{ "", "", PF_UNKNOWN, false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_ceiling got = parse(cases[i].cmdline, cases[i].environ, &nothing);

		assert_int_equal(got.bytes, cases[i].bytes);
		assert_int_equal(got.heap, cases[i].heap);
		check_source(&got, cases[i].source);
	}
}

/* What OpenJDK 17 and Node.js 20 print of themselves in such a cgroup. */
static void test_fitted_in(void **state)
{
	static const struct {
		const char *cmdline;
		struct pf_around around; /* container, machine, RLIMIT_AS; in MB */
		int64_t mb;
		const char *source;
	} cases[] = {
		{ "java x", { 128, 24000, NONE }, 64, "JVM in a cgroup" },
		{ "java x", { 240, 24000, NONE }, 120, "JVM in a cgroup" },
		{ "java x", { 400, 24000, NONE }, 124, "JVM in a cgroup" },
		{ "/usr/bin/java x", { 2048, 24000, NONE }, 512, "JVM in a cgroup" },
		{ "java x", { 8192, 24000, 3000 }, 1500, "JVM in a cgroup" },
		{ "java x", { NONE, 24000, NONE }, NONE, NULL },
		{ "java -Xmx1g x", { 2048, 24000, NONE }, 1024, "-Xmx" },
		{ "java -Xmx1g -XX:MaxRAMPercentage=50 x", { 512, 24000, NONE }, 1024, "-Xmx" },
		{ "java -XX:MaxRAMPercentage=75.0 x",
		  { 400, 24000, NONE },
		  300,
		  "MaxRAMPercentage" },
		{ "java -XX:MaxRAMPercentage=75 x",
		  { NONE, 24000, NONE },
		  18000,
		  "MaxRAMPercentage" },
		{ "java -XX:MaxRAMPercentage=750 x", { 400, 24000, NONE }, 124, "JVM in a cgroup" },
		{ "node a.js", { 128, 24000, NONE }, 256, "Node.js in a cgroup" },
		{ "node a.js", { 2048, 24000, NONE }, 1024, "Node.js in a cgroup" },
		{ "node a.js", { 20000, 24000, NONE }, 4096, "Node.js in a cgroup" },
		{ "dotnet a.dll", { 400, 24000, NONE }, 300, ".NET in a cgroup" },
		/* others run into it */
		{ "node_exporter", { 2048, 24000, NONE }, NONE, NULL },
		{ "python3 a.py", { 2048, 24000, NONE }, NONE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < PF_ARRAY_SIZE(cases); i++) {
		struct pf_around around = cases[i].around;
		int64_t *bytes[] = { &around.container_bytes, &around.machine_bytes,
				     &around.as_bytes };
		struct pf_ceiling got;

		for (size_t j = 0; j < PF_ARRAY_SIZE(bytes); j++)
			*bytes[j] *= *bytes[j] == NONE ? 1 : MIB;
		got = parse(cases[i].cmdline, "", &around);
		assert_int_equal(got.bytes == NONE ? NONE : got.bytes / MIB, cases[i].mb);
		check_source(&got, cases[i].source);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_declared),
		cmocka_unit_test(test_fitted_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that tell of the machine: configuration, distribution, one line, smaps. */
#include <errno.h>
#include <stdint.h>
#include <zlib.h>

#include "lib/base/cleanup.h"
#include "lib/proc/kconfig.h"
#include "lib/proc/line.h"
#include "lib/proc/osrelease.h"
#include "lib/proc/smaps.h"
#include "tests/unit/test_proc.h"

/* ---- configuration ---------------------------------------------------------- */

static const char config[] = "#\n# Linux\n#\nCONFIG_BPF=y\nCONFIG_BPF_JIT=m\n"
			     "# CONFIG_PSI is not set\nCONFIG_HZ=250\nCONFIG_NAME=\"a b\"\n";

static struct pf_kconfig *open_config(const struct tree *t)
{
	char proc[PATH_MAX], boot[PATH_MAX], modules[PATH_MAX];

	return pf_kconfig__open(tree_path(t, "proc", proc), tree_path(t, "boot", boot),
				tree_path(t, "modules", modules), "6.1");
}

static void check_config(struct pf_kconfig *k)
{
	char value[32], small[4];

	assert_non_null(k);
	assert_string_equal(pf_kconfig__get(k, "BPF", value, sizeof(value)), "y");
	assert_string_equal(pf_kconfig__get(k, "BPF_JIT", value, sizeof(value)), "m");
	assert_string_equal(pf_kconfig__get(k, "PSI", value, sizeof(value)), "n");
	assert_string_equal(pf_kconfig__get(k, "HZ", value, sizeof(value)), "250");
	assert_string_equal(pf_kconfig__get(k, "NAME", small, sizeof(small)), "\"a ");
	assert_string_equal(pf_kconfig__get(k, "BP", value, sizeof(value)), "n");
	assert_string_equal(pf_kconfig__get(k, "", value, sizeof(value)), "n");
	pf_kconfig__close(k);
}

static void test_kconfig(void **state)
{
	unsigned char packed[512];
	uLongf len = sizeof(packed);
	struct tree t;

	(void)state;
	tree_make(&t);
	assert_null(open_config(&t));
	assert_int_equal(errno, ENOENT);
	tree_put(&t, "boot/config-6.1", config);
	check_config(open_config(&t));
	/* zlib's own form is not gzip's: no configuration, and the next one is taken */
	assert_int_equal(compress(packed, &len, (const Bytef *)config, sizeof(config) - 1), Z_OK);
	tree_put_bytes(&t, "proc/config.gz", (const char *)packed, len);
	check_config(open_config(&t));
	tree_put(&t, "boot/config-6.1", "nothing of the kind");
	assert_null(open_config(&t));
	assert_int_equal(errno, EBADMSG);
	tree_put(&t, "modules/6.1/config", config);
	check_config(open_config(&t));
	tree_remove(&t);
}

/* ---- distribution -------------------------------------------------------------- */

static enum pf_os_family family(const char *text)
{
	struct pf_os os;
	struct tree t;

	tree_make(&t);
	tree_put(&t, "etc/os-release", text);
	assert_int_equal(pf_os_read(t.root, &os), 0);
	assert_non_null(pf_os_kernel_command(&os));
	assert_non_null(strstr(pf_os_boot_argument(&os), "%s"));
	assert_non_null(pf_os_debug_command(&os));
	tree_remove(&t);
	return os.family;
}

static void test_osrelease(void **state)
{
	struct pf_os os;
	struct tree t;

	(void)state;
	assert_int_equal(family("ID=debian\n"), PF_OS_DEBIAN);
	assert_int_equal(family("ID=\"linuxmint\"\nID_LIKE='ubuntu debian'\n"), PF_OS_DEBIAN);
	assert_int_equal(family("ID=\"opensuse-leap\"\n"), PF_OS_SUSE);
	assert_int_equal(family("ID=suseless\n"), PF_OS_UNKNOWN);
	assert_int_equal(family("ID_LIKE=fedora\nID=mine\n"), PF_OS_FEDORA);
	assert_int_equal(family(""), PF_OS_UNKNOWN);
	tree_make(&t);
	assert_int_equal(pf_os_read(t.root, &os), -ENOENT);
	tree_put(&t, "usr/lib/os-release", "PRETTY_NAME=\"A B\"\nID=alpine\n");
	assert_int_equal(pf_os_read(t.root, &os), 0);
	assert_string_equal(os.name, "A B");
	assert_int_equal(os.family, PF_OS_ALPINE);
	tree_remove(&t);
}

/* ---- one line ----------------------------------------------------------------------- */

static void test_lines(void **state)
{
	char line[8];
	int64_t n = 7;
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_put(&t, "a", "long enough\nand more\n");
	tree_put(&t, "n", "-12\n");
	tree_put(&t, "bad", "12x\n");
	tree_put(&t, "choice", "a [b] c\n");
	tree_put(&t, "empty", "");
	assert_int_equal(pf_proc_line(t.root, "a", line, sizeof(line)), 0);
	assert_string_equal(line, "long en");
	assert_int_equal(pf_proc_line(t.root, "empty", line, sizeof(line)), 0);
	assert_string_equal(line, "");
	assert_int_equal(pf_proc_line(t.root, "none", line, sizeof(line)), -ENOENT);
	assert_int_equal(pf_proc_number(t.root, "n", &n), 0);
	assert_int_equal(n, -12);
	assert_int_equal(pf_proc_number(t.root, "bad", &n), -EBADMSG);
	assert_int_equal(n, -12);
	assert_int_equal(pf_proc_choice(t.root, "choice", line, sizeof(line)), 0);
	assert_string_equal(line, "b");
	assert_int_equal(pf_proc_choice(t.root, "n", line, sizeof(line)), -EBADMSG);
	tree_remove(&t);
}

/* ---- smaps --------------------------------------------------------------------------- */

static const char smaps[] =
	"55d0-55d1 r-xp 00000000 08:01 42    /bin/a b\n"
	"Size:                  4 kB\nRss:                   4 kB\nSwap:                  0 kB\n"
	"Rss of nobody: 7 kB\nVmFlags: rd ex\n"
	"55e0-55f0 rw-p 00000000 00:00 0     [heap]\n"
	"Size:                 64 kB\nRss:                  32 kB\nSwap:                  8 kB\n"
	"7f00-7f10 rw-p 00000000 00:00 0 \n"
	"Size:               4096 kB\nRss:                2048 kB\nAnonHugePages:      2048 kB\n"
	"7f20-7f30 rw-s 00000000 00:01 9     /memfd:x (deleted)\n"
	"Size:                 16 kB\nRss:                  12 kB\n"
	"7ffd-7ffe rw-p 00000000 00:00 0     [stack]\n"
	"Size:                132 kB\nRss:                  20 kB\n"
	"7fff-8000 r-xp 00000000 00:00 0     [anon: mine]\n"
	"Rss: 18446744073709551615 kB\nSize: junk\n";

static void test_smaps(void **state)
{
	struct pf_smaps s;
	struct tree t;

	(void)state;
	tree_make(&t);
	tree_put(&t, "12/smaps", smaps);
	assert_int_equal(pf_smaps_read(t.root, 12, &s), 0);
	assert_int_equal(s.mappings, 6);
	assert_int_equal(s.rss_bytes[PF_MAP_FILE], 4096);
	assert_int_equal(s.rss_bytes[PF_MAP_HEAP], 32 << 10);
	assert_int_equal(s.size_bytes[PF_MAP_HEAP], 64 << 10);
	assert_int_equal(s.rss_bytes[PF_MAP_ANON], INT64_MAX); /* held, not wrapped around */
	assert_int_equal(s.rss_bytes[PF_MAP_SHMEM], 12 << 10);
	assert_int_equal(s.rss_bytes[PF_MAP_STACK], 20 << 10);
	assert_int_equal(s.swap_bytes, 8 << 10);
	assert_int_equal(s.huge_bytes, 2048 << 10);
	tree_put(&t, "13/smaps", "");
	assert_int_equal(pf_smaps_read(t.root, 13, &s), -ESRCH);
	assert_int_equal(pf_smaps_read(t.root, 14, &s), -ENOENT);
	tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kconfig),
		cmocka_unit_test(test_osrelease),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_smaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads os-release. Runs no package manager. */
#include "lib/proc/osrelease.h"

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/proc/scan.h"

#define FILE_MAX 65536

static const struct {
	const char *id;
	enum pf_os_family family;
} ids[] = {
	{ "debian", PF_OS_DEBIAN }, { "ubuntu", PF_OS_DEBIAN }, { "fedora", PF_OS_FEDORA },
	{ "rhel", PF_OS_FEDORA },   { "centos", PF_OS_FEDORA }, { "amzn", PF_OS_FEDORA },
	{ "suse", PF_OS_SUSE },	    { "opensuse", PF_OS_SUSE }, { "sles", PF_OS_SUSE },
	{ "arch", PF_OS_ARCH },	    { "alpine", PF_OS_ALPINE },
};

static const struct {
	const char *kernel;
	const char *boot;
	const char *debug;
} commands[PF_OS_FAMILIES] = {
	[PF_OS_UNKNOWN] = { "install a newer kernel of your distribution",
			    "add %s to the kernel's command line and boot",
			    "install the program's debug symbols" },
	[PF_OS_DEBIAN] = { "apt-get install linux-image-generic || apt-get install "
			   "linux-image-$(dpkg --print-architecture)",
			   "add %s to GRUB_CMDLINE_LINUX in /etc/default/grub, then: update-grub "
			   "&& reboot",
			   "apt-get install PACKAGE-dbgsym (from the distribution's debug archive)" },
	[PF_OS_FEDORA] = { "dnf upgrade kernel", "grubby --update-kernel=ALL --args=%s && reboot",
			   "dnf debuginfo-install PACKAGE" },
	[PF_OS_SUSE] = { "zypper install kernel-default",
			 "add %s to GRUB_CMDLINE_LINUX in /etc/default/grub, then: "
			 "grub2-mkconfig -o /boot/grub2/grub.cfg && reboot",
			 "zypper install PACKAGE-debuginfo" },
	[PF_OS_ARCH] = { "pacman -Syu linux",
			 "add %s to GRUB_CMDLINE_LINUX in /etc/default/grub, then: "
			 "grub-mkconfig -o /boot/grub/grub.cfg && reboot",
			 "install the package's -debug package, or build it with debug info" },
	[PF_OS_ALPINE] = { "apk add linux-lts",
			   "add %s to default_kernel_opts in /etc/update-extlinux.conf, then: "
			   "update-extlinux && reboot",
			   "apk add PACKAGE-dbg" },
};

static void copy_value(struct pf_span s, char *dst, size_t size)
{
	size_t len;

	if (pf_span_skip(&s, "\""))
		pf_span_chop(&s, "\"");
	else if (pf_span_skip(&s, "'"))
		pf_span_chop(&s, "'");
	len = pf_span_len(s) < size ? pf_span_len(s) : size - 1;
	memcpy(dst, s.p, len);
	dst[len] = '\0';
}

/* Of one word; "opensuse-leap" begins with one that is known. */
static enum pf_os_family family_of(struct pf_span word)
{
	for (size_t i = 0; i < PF_ARRAY_SIZE(ids); i++) {
		struct pf_span rest = word;

		if (pf_span_skip(&rest, ids[i].id) && (!pf_span_len(rest) || *rest.p == '-'))
			return ids[i].family;
	}
	return PF_OS_UNKNOWN;
}

static void take_family(struct pf_os *os, const char *words)
{
	struct pf_span rest = pf_span_of(words, strlen(words)), word;

	while (!os->family && pf_span_word(&rest, &word))
		os->family = family_of(word);
}

int pf_os_read(const char *root, struct pf_os *out)
{
	char like[128] = "";
	struct pf_readbuf buf = { 0 };
	struct pf_span rest, line;
	ssize_t n = pf_readbuf__below(&buf, root, "etc/os-release", FILE_MAX);

	memset(out, 0, sizeof(*out));
	if (n < 0)
		n = pf_readbuf__below(&buf, root, "usr/lib/os-release", FILE_MAX);
	rest = pf_span_of(buf.data, n > 0 ? (size_t)n : 0);
	while (pf_span_line(&rest, &line)) {
		if (pf_span_skip(&line, "ID="))
			copy_value(line, out->id, sizeof(out->id));
		else if (pf_span_skip(&line, "PRETTY_NAME="))
			copy_value(line, out->name, sizeof(out->name));
		else if (pf_span_skip(&line, "ID_LIKE="))
			copy_value(line, like, sizeof(like));
	}
	take_family(out, out->id);
	take_family(out, like);
	pf_readbuf__free(&buf);
	return n < 0 ? (int)n : 0;
}

const char *pf_os_kernel_command(const struct pf_os *os)
{
	return commands[os->family].kernel;
}

const char *pf_os_boot_argument(const struct pf_os *os)
{
	return commands[os->family].boot;
}

const char *pf_os_debug_command(const struct pf_os *os)
{
	return commands[os->family].debug;
}

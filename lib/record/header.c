/* SPDX-License-Identifier: BSD-2-Clause */
/* The header record's field table, and what this machine has to say for it. */
#include "lib/record/header.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define H(member, type, unit, help) PF_FIELD(struct pf_header, member, #member, type, unit, help)

const struct pf_field pf_header_fields[] = {
	H(tool, PF_STRING, "", "Tool that wrote the recording."),
	H(version, PF_STRING, "", "Its version."),
	H(ts, PF_TIME, "seconds", "Start of the run, Unix time."),
	H(host, PF_NAME, "", "Name of the machine."),
	H(boot_id, PF_NAME, "", "The kernel's id of this boot."),
	H(kernel, PF_NAME, "", "Kernel release."),
	H(arch, PF_NAME, "", "Machine architecture."),
	H(backend, PF_STRING, "", "How faults were traced."),
	H(snapshot, PF_STRING, "", "Where the counters came from: iter or proc."),
	H(memory_bytes, PF_INT, "bytes", "Memory of the machine, swap included."),
	H(interval_s, PF_REAL, "seconds", "Interval asked for."),
	H(sample, PF_INT, "",
	  "One in this many fault events was counted; 0 = --sample auto, null = no tracing."),
	H(options, PF_STRING, "", "The command line as typed."),
};

const size_t pf_header_n_fields = PF_ARRAY_SIZE(pf_header_fields);

/* First line of a small file; empty when it cannot be read. */
static void read_line(const char *path, char *dst, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, dst, size - 1);

	dst[n > 0 ? n : 0] = '\0';
	dst[strcspn(dst, "\n")] = '\0';
}

void pf_header_fill_host(struct pf_header *h, const char *proc_root)
{
	struct utsname u;
	char path[PATH_MAX];

	h->host[0] = h->boot_id[0] = h->kernel[0] = h->arch[0] = '\0';
	if (uname(&u) == 0) {
		snprintf(h->host, sizeof(h->host), "%s", u.nodename);
		snprintf(h->kernel, sizeof(h->kernel), "%s", u.release);
		snprintf(h->arch, sizeof(h->arch), "%s", u.machine);
	}
	if ((size_t)snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", proc_root) <
	    sizeof(path))
		read_line(path, h->boot_id, sizeof(h->boot_id));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Software events of all CPUs. An event dies silently when its CPU goes
 * offline, and stays dead when it comes back: hence the kernel's messages on
 * devices, which miss nothing, beside the list of CPUs that are online.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "lib/base/caps.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/parse.h"
#include "lib/observe/bpf_util.h"
#include "lib/observe/cpus.h"

#define CPU_PATH "/devices/system/cpu/cpu"
#define CPUS_MAX 65536

struct pf_cpus {
	const struct bpf_program *program;
	struct bpf_link **links; /* by CPU; NULL = no event */
	int n;			 /* CPUs that the machine can have */
	int netlink_fd;
	uint64_t gaps;
};

static int open_event(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_ADDR,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* The link owns the event. -ENODEV = the CPU is not there. */
static int give_event(struct pf_cpus *c, int cpu)
{
	int fd = open_event(cpu), ret;

	if (fd < 0)
		return -errno;
	c->links[cpu] = bpf_program__attach_perf_event(c->program, fd);
	if (c->links[cpu])
		return 0;
	ret = -errno;
	close(fd);
	return ret;
}

static void take_event(struct pf_cpus *c, int cpu)
{
	bpf_link__destroy(c->links[cpu]);
	c->links[cpu] = NULL;
}

static int open_netlink(void)
{
	struct sockaddr_nl all = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&all, sizeof(all))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int give_events(struct pf_cpus *c, struct pf_error *err)
{
	int given = 0, ret = 0;

	for (int cpu = 0; cpu < c->n; cpu++) {
		ret = give_event(c, cpu);
		if (ret && ret != -ENODEV)
			break;
		given += !ret;
	}
	if (given && (!ret || ret == -ENODEV))
		return 0;
	ret = ret ? ret : -ENODEV;
	return pf_bpf_fail_needs(err, ret, "count the software event page-faults", PF_CAP(PERFMON),
				 PF_CHECK_PERF_EVENT);
}

static bool event_allowed(void *ctx)
{
	int fd = open_event(0);

	(void)ctx;
	if (fd < 0)
		return errno == ENODEV;
	close(fd);
	return true;
}

uint64_t pf_cpus_caps(void)
{
	static const uint64_t sets[] = { 0, PF_CAP(PERFMON), PF_CAP(SYS_ADMIN) };

	return pf_caps_least(sets, PF_ARRAY_SIZE(sets), event_allowed, NULL);
}

struct pf_cpus *pf_cpus__open(const struct bpf_program *program, struct pf_error *err)
{
	struct pf_cpus *c = calloc(1, sizeof(*c));
	int ret;

	if (c) {
		c->netlink_fd = -1;
		c->program = program;
		c->n = libbpf_num_possible_cpus();
		c->links = c->n > 0 && c->n <= CPUS_MAX ? calloc((size_t)c->n, sizeof(*c->links))
							: NULL;
	}
	if (!c || !c->links) {
		pf_cpus__close(c);
		pf_fail(err, ENOMEM, "out of memory");
		errno = ENOMEM;
		return NULL;
	}
	c->netlink_fd = open_netlink(); /* before the events: whoever comes in between is told of */
	ret = give_events(c, err);
	if (ret) {
		pf_cpus__close(c);
		errno = -ret;
		return NULL;
	}
	return c;
}

void pf_cpus__close(struct pf_cpus *c)
{
	if (!c)
		return;
	for (int cpu = 0; c->links && cpu < c->n; cpu++)
		bpf_link__destroy(c->links[cpu]);
	if (c->netlink_fd >= 0)
		close(c->netlink_fd);
	free(c->links);
	free(c);
}

int pf_cpus__fd(const struct pf_cpus *c)
{
	return c->netlink_fd;
}

uint64_t pf_cpus__gaps(const struct pf_cpus *c)
{
	return c->gaps;
}

/* It has lived without an event, or with a dead one, for a moment. */
static void came(struct pf_cpus *c, int cpu)
{
	int ret;

	take_event(c, cpu);
	ret = give_event(c, cpu);
	if (ret == -ENODEV)
		return; /* gone again */
	c->gaps++;
	if (ret)
		pf_warn("CPU %d came online and cannot be watched: %s (see pfdiag --only "
			"perf-event)",
			cpu, strerror(-ret));
	else
		pf_info("CPU %d came online", cpu);
}

/* "online@/devices/system/cpu/cpu3" and so on; everything else is not for us. */
static void take_message(struct pf_cpus *c, const char *text)
{
	const char *at = strchr(text, '@');
	uint64_t cpu;

	if (!at || strncmp(at + 1, CPU_PATH, strlen(CPU_PATH)) ||
	    pf_parse_u64(at + 1 + strlen(CPU_PATH), 0, (uint64_t)c->n - 1, &cpu))
		return;
	if (!strncmp(text, "online@", strlen("online@")))
		came(c, (int)cpu);
	else if (!strncmp(text, "offline@", strlen("offline@")))
		take_event(c, (int)cpu);
}

/* Messages were dropped: every CPU that is there gets a new event. */
static void renew_all(struct pf_cpus *c)
{
	for (int cpu = 0; cpu < c->n; cpu++)
		came(c, cpu);
}

void pf_cpus__follow(struct pf_cpus *c)
{
	struct sockaddr_nl from;
	socklen_t len = sizeof(from);
	char text[4096];
	ssize_t n;

	if (c->netlink_fd < 0)
		return;
	for (;;) {
		n = recvfrom(c->netlink_fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from,
			     &len);
		if (n < 0 && errno == ENOBUFS)
			renew_all(c);
		else if (n < 0 && errno != EINTR)
			return;
		if (n <= 0 || from.nl_pid) /* 0 = the kernel: others may write to us too */
			continue;
		text[n] = '\0';
		take_message(c, text);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The sample's field table: its order is the order of the written record. */
#include "lib/record/sample.h"

#include <math.h>

#include "lib/base/cleanup.h"

#define S(member, type, unit, help) PF_FIELD(struct pf_sample, member, #member, type, unit, help)

const struct pf_field pf_sample_fields[] = {
	S(ts, PF_TIME, "seconds", "End of the interval, Unix time."),
	S(interval_s, PF_REAL, "seconds", "Length of the interval."),
	S(pid, PF_INT, "", "Process id in the tool's own pid namespace."),
	S(nspid, PF_INT, "", "Process id in the process's innermost pid namespace."),
	S(ppid, PF_INT, "", "Parent's process id; 0 = outside the tool's pid namespace."),
	S(start_ts, PF_TIME, "seconds", "Start of the process, Unix time; names it with pid."),
	S(comm, PF_CHARS, "", "Name of the process, as the kernel has it."),
	S(exe, PF_STRING, "", "File name of the program, when readable."),
	S(uid, PF_INT, "", "Real user id."),
	S(cgroup, PF_STRING, "", "Path of the control group."),
	S(container, PF_STRING, "", "Container id."),
	S(runtime, PF_STRING, "", "What runs the container, or systemd for a unit."),
	S(pod, PF_STRING, "", "Kubernetes pod uid."),
	S(faults, PF_INT, "faults", "Page faults in the interval: minor + major."),
	S(minor, PF_INT, "faults", "Faults served without reading a file or swap."),
	S(major, PF_INT, "faults", "Faults that had to read a file or swap."),
	S(user, PF_INT, "faults", "Fault events taken in user mode, as traced."),
	S(kernel, PF_INT, "faults", "Fault events the kernel took on user memory, as traced."),
	S(anon, PF_INT, "faults", "Fault events that added anonymous memory."),
	S(file, PF_INT, "faults", "Fault events that mapped pages of a file."),
	S(shmem, PF_INT, "faults", "Fault events that mapped shared memory."),
	S(swapin, PF_INT, "faults", "Fault events that brought pages back from swap."),
	S(cow, PF_INT, "faults", "Fault events that made a page private by a write."),
	S(other, PF_INT, "faults", "Fault events of no other class."),
	S(read, PF_INT, "faults", "Fault events caused by reading."),
	S(write, PF_INT, "faults", "Fault events caused by writing."),
	S(exec, PF_INT, "faults", "Fault events caused by running code."),
	S(sampled, PF_INT, "", "One in this many fault events was counted, figures scaled."),
	S(rss_bytes, PF_INT, "bytes", "Resident memory: anonymous + file + shared."),
	S(rss_anon_bytes, PF_INT, "bytes", "Resident anonymous memory: heap, stack."),
	S(rss_file_bytes, PF_INT, "bytes", "Resident pages of mapped files."),
	S(rss_shmem_bytes, PF_INT, "bytes", "Resident shared memory."),
	S(rss_error_bytes, PF_INT, "bytes", "The resident figures may be off by this much."),
	S(swap_bytes, PF_INT, "bytes", "Anonymous memory swapped out."),
	S(vsz_bytes, PF_INT, "bytes", "Virtual size: address space in use."),
	S(exited, PF_BOOL, "", "The process died in this interval; its counts are final."),
};

const size_t pf_sample_n_fields = PF_ARRAY_SIZE(pf_sample_fields);

void pf_sample_init(struct pf_sample *s)
{
	*s = (struct pf_sample){ .mono_s = NAN, .rss_delta_bytes = PF_UNKNOWN };
	pf_fields_init(pf_sample_fields, pf_sample_n_fields, s);
}

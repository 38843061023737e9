/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of all checks. --list, the page and the completions say what it says. */
#include "tools/pfdiag/check.h"

#define KERNEL	"kernel"
#define MACHINE "machine"
#define RIGHTS	"rights"
#define WAYS	"ways"
#define TOOLS	"tools"
#define PROOF	"proof"
#define STATUS	"status"
#define PROCESS "of-process"

#define FILES  PFDIAG_FILES
#define SLOW   PFDIAG_SLOW
#define OF_PID PFDIAG_PROCESS
#define TIME   PFDIAG_TIME

#define CHECK(symbol, in, how, text, ...)                                                          \
	[PF_CHECK_##symbol] = { .id = PF_CHECK_##symbol,                                           \
				.group = (in),                                                     \
				.flags = (how),                                                    \
				.purpose = (text),                                                 \
				.answer = __VA_ARGS__ }

const struct pfdiag_check pfdiag_checks[PF_CHECKS_N] = {
	CHECK(KERNEL, KERNEL, FILES, "Is the kernel new enough?", pfdiag_kernel),
	CHECK(ARCH, KERNEL, 0, "Is this a machine that was tested?", pfdiag_arch),
	CHECK(CONFIG, KERNEL, FILES, "Was the kernel built with what is needed?", pfdiag_config),
	CHECK(BPF, KERNEL, 0, "Does the kernel let us ask for BPF at all?", pfdiag_bpf),
	CHECK(JIT, KERNEL, 0, "Are BPF programs compiled, or interpreted at every fault?",
	      pfdiag_jit),
	CHECK(BTF, KERNEL, FILES, "Does the kernel describe its types, as most programs need?",
	      pfdiag_btf),
	CHECK(LOCKDOWN, KERNEL, FILES, "Does lockdown forbid reading kernel memory?",
	      pfdiag_lockdown),

	CHECK(TRACEFS, MACHINE, FILES, "Is tracefs there for classic tracepoints?", pfdiag_tracefs),
	CHECK(TRACEPOINTS, MACHINE, FILES, "Does this kernel have tracepoints at page faults?",
	      pfdiag_tracepoints),
	CHECK(CGROUP, MACHINE, FILES, "Which cgroup hierarchies are there for names and limits?",
	      pfdiag_cgroup),
	CHECK(PSI, MACHINE, FILES, "Does the kernel tell of memory pressure?", pfdiag_psi),
	CHECK(THP, MACHINE, FILES, "Can one fault bring a huge page?", pfdiag_thp),
	CHECK(PROC, MACHINE, 0, "Does /proc show this pid namespace, and all of it?", pfdiag_proc),
	CHECK(INSTALL, MACHINE, 0, "Are the programs that the tools call where they look for them?",
	      pfdiag_install),
	CHECK(TRACERS, MACHINE, 0, "Who else traces with BPF?", pfdiag_tracers),

	CHECK(CAP_BPF, RIGHTS, 0, "Is CAP_BPF in force, to load programs and make maps?",
	      pfdiag_capability),
	CHECK(CAP_PERFMON, RIGHTS, 0, "Is CAP_PERFMON in force, to trace the kernel?",
	      pfdiag_capability),
	CHECK(CAP_SYS_PTRACE, RIGHTS, 0,
	      "Is CAP_SYS_PTRACE in force, for the names of other users' programs?",
	      pfdiag_capability),
	CHECK(CAP_SYS_ADMIN, RIGHTS, 0,
	      "Is CAP_SYS_ADMIN in force, for --overhead and old kernels?", pfdiag_capability),
	CHECK(CAP_SYS_RESOURCE, RIGHTS, 0,
	      "Is CAP_SYS_RESOURCE in force, to raise limits on old kernels?", pfdiag_capability),
	CHECK(CAP_DAC_READ_SEARCH, RIGHTS, 0,
	      "Is CAP_DAC_READ_SEARCH in force, where tracefs is root's alone?", pfdiag_capability),
	CHECK(CAP_CHECKPOINT_RESTORE, RIGHTS, 0,
	      "Is CAP_CHECKPOINT_RESTORE in force, for the files that processes have mapped?",
	      pfdiag_capability),
	CHECK(UNPRIVILEGED_BPF, RIGHTS, FILES, "Who may load BPF programs?",
	      pfdiag_unprivileged_bpf),
	CHECK(PERF_PARANOID, RIGHTS, FILES, "Who may open perf events?", pfdiag_perf_paranoid),
	CHECK(KPTR_RESTRICT, RIGHTS, FILES, "Are the kernel's addresses shown?",
	      pfdiag_kptr_restrict),
	CHECK(MEMLOCK, RIGHTS, 0, "Does RLIMIT_MEMLOCK bound the memory of BPF maps?",
	      pfdiag_memlock),
	CHECK(OPEN_FILES, RIGHTS, 0, "Are there enough file descriptors?", pfdiag_open_files),
	CHECK(SECCOMP, RIGHTS, FILES, "Is a seccomp filter in force?", pfdiag_seccomp),
	CHECK(NAMESPACES, RIGHTS, FILES, "Are we in a container, or in namespaces of our own?",
	      pfdiag_namespaces),

	CHECK(ITER, WAYS, 0, "Can all tasks be read in one pass of BPF?", pfdiag_source),
	CHECK(TP_BTF, WAYS, 0, "Do the typed tracepoints of page faults work?", pfdiag_backend),
	CHECK(FENTRY, WAYS, 0,
	      "Do programs around the kernel's fault handler work (fentry, fexit)?",
	      pfdiag_backend),
	CHECK(TRACEPOINT, WAYS, 0, "Do the classic tracepoints of page faults work?",
	      pfdiag_backend),
	CHECK(PERF_EVENT, WAYS, 0, "Does the software event page-faults work with a program on it?",
	      pfdiag_backend),
	CHECK(TASK_STORAGE, WAYS, 0, "Can counters be kept with the tasks they count for?",
	      pfdiag_source),
	CHECK(RING_BUFFER, WAYS, 0, "Do processes that die tell through a ring buffer?",
	      pfdiag_source),
	CHECK(COUNTERS, WAYS, SLOW, "Do the kernel's own totals work, with nothing at a fault?",
	      pfdiag_source),
	CHECK(PROC_PASS, WAYS, 0, "Do readings from /proc work, where BPF is not to be had?",
	      pfdiag_fallback),
	CHECK(HASH, WAYS, SLOW, "Does the fallback for task storage work, a hash table?",
	      pfdiag_fallback),
	CHECK(PERF_BUFFER, WAYS, SLOW, "Does the fallback for the ring work, a buffer of each CPU?",
	      pfdiag_fallback),
	CHECK(PLAIN, WAYS, SLOW, "Do the programs for kernels without BTF work?", pfdiag_fallback),
	CHECK(RSS, WAYS, SLOW, "Can each CPU's part of a process's memory be added up?",
	      pfdiag_fallback),
	CHECK(UPROBE, WAYS, TIME,
	      "Can functions of programs be probed, as pfstack --mode allocs does?", pfdiag_uprobe),
	CHECK(KPROBE, WAYS, TIME, "Can functions of the kernel be probed, which no tool needs?",
	      pfdiag_kprobe),

	CHECK(PFSTAT, TOOLS, 0, "What will pfstat use here, and why nothing better?",
	      pfdiag_choice),
	CHECK(PFLEAK, TOOLS, 0, "What will pfleak use here, and why nothing better?",
	      pfdiag_choice),
	CHECK(PFSTACK, TOOLS, TIME, "What will pfstack use here, and why nothing better?",
	      pfdiag_pfstack),

	CHECK(EXACT, PROOF, SLOW | TIME,
	      "Does each backend count a known number of faults exactly?", pfdiag_exact),
	CHECK(COST, PROOF, SLOW | TIME, "What does each backend add to a fault?", pfdiag_cost),
	CHECK(LOSS, PROOF, SLOW | TIME,
	      "Is a storm of processes that die shown, and what is lost counted?", pfdiag_loss),

	CHECK(SYSTEM, STATUS, 0, "How is the machine's memory?", pfdiag_system),
	CHECK(TOP, STATUS, SLOW, "Who faults most at the moment?", pfdiag_top,
	      .begin = pfdiag_top_begin),

	CHECK(PROCESS, PROCESS, OF_PID, "What is it, and since when?", pfdiag_process),
	CHECK(CONTAINER, PROCESS, OF_PID, "Which container and namespaces is it in?",
	      pfdiag_container),
	CHECK(LIMITS, PROCESS, OF_PID, "How much memory is left for it?", pfdiag_limits),
	CHECK(SMAPS, PROCESS, OF_PID | TIME, "What is its memory made of?", pfdiag_smaps),
	CHECK(ALLOCATOR, PROCESS, OF_PID | TIME, "Which allocator and runtime has it?",
	      pfdiag_allocator),
	CHECK(FRAME_POINTERS, PROCESS, OF_PID | TIME, "Does its code keep frame pointers?",
	      pfdiag_frame_pointers),
	CHECK(UNWIND_TABLES, PROCESS, OF_PID | TIME, "Does its program have unwind tables?",
	      pfdiag_unwind_tables),
	CHECK(DEBUG_INFO, PROCESS, OF_PID | TIME, "Are there symbols, debug info and a build id?",
	      pfdiag_debug_info),
	CHECK(PERF_MAP, PROCESS, OF_PID | TIME,
	      "Does it tell the names of code that it makes as it runs?", pfdiag_perf_map),
	CHECK(STACKS, PROCESS, OF_PID | SLOW | TIME, "Would pfstack give good stacks of it?",
	      pfdiag_stacks),
};

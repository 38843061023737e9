/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: trial CASES OUT TOOL [ARG]...
 *
 * Runs a tracer over oracles (tests/workloads/oracle.h has the protocol): brings up all
 * that the file CASES names, starts TOOL with its stdout in the file OUT, waits until it
 * says on stderr that it is ready, goes through the lines of CASES, ends TOOL with
 * SIGTERM, and only then lets the oracles leave. A line of CASES is
 *
 *	COMMAND [ARG]...   an oracle; words end at blanks
 *	@CPU COMMAND ...   the same, on that CPU from when it is told to go
 *	!COMMAND [ARG]...  has to succeed
 *	=tick              waits until TOOL has printed twice more
 *
 * Says on stdout, one a line, what a judge needs and judges nothing:
 *
 *	@say TEXT          from TOOL's stderr
 *	@case N LINE       the Nth line of CASES is done next
 *	@claim N JSON      what its oracle said but for being ready
 *	@gone N STATUS     how its oracle ended; -SIGNAL for a signal
 *	@tool STATUS       how TOOL ended
 *
 * Without a ready TOOL there are no cases. What hangs is ended by an alarm. The status is
 * MOVED when an oracle took a fault that it does not know of, and so knows nothing: an
 * emulated processor may report one twice. That is no fault of TOOL's; ask again.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_CASES = 64,
	MAX_WORDS = 16,
	LIMIT_S = 400, /* for all of it, emulated on a machine that may be busy */
	POLL_NS = 20 * 1000 * 1000,
	MOVED = 3, /* ORACLE_MOVED of tests/workloads/oracle.h */
};

struct child {
	pid_t pid;
	FILE *in;  /* to its stdin, NULL = none */
	FILE *out; /* from its stdout, of TOOL its stderr */
};

struct one {
	char line[512];
	struct child oracle; /* pid 0 where the line names none */
};

struct trial {
	struct child tool;
	const char *out;
	int n;
	struct one cases[MAX_CASES];
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("@say trial: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	exit(1);
}

static void open_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
}

static void __attribute__((noreturn)) become(char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static struct child start_tool(const char *out, char **argv)
{
	int err[2], file = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct child tool = { 0 };

	open_pipe(err);
	if (file < 0)
		die("%s: %s", out, strerror(errno));
	tool.pid = fork();
	if (tool.pid == 0) {
		dup2(file, STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		become(argv);
	}
	close(file);
	close(err[1]);
	tool.out = fdopen(err[0], "r");
	return tool;
}

static struct child start_oracle(char **argv)
{
	int in[2], out[2];
	struct child oracle = { 0 };

	open_pipe(in);
	open_pipe(out);
	oracle.pid = fork();
	if (oracle.pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		become(argv);
	}
	close(in[0]);
	close(out[1]);
	oracle.in = fdopen(in[1], "w");
	oracle.out = fdopen(out[0], "r");
	return oracle;
}

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			die("waitpid: %s", strerror(errno));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Relays what TOOL says until a line has WORD; false when it has no more to say. */
static bool relay_until(struct child *tool, const char *word)
{
	static char line[8192];

	while (fgets(line, sizeof(line), tool->out)) {
		line[strcspn(line, "\n")] = '\0';
		printf("@say %s\n", line);
		if (word && strstr(line, word))
			return true;
	}
	return false;
}

static void say(struct child *oracle, const char *word)
{
	fprintf(oracle->in, "%s\n", word);
	fflush(oracle->in);
}

static bool is_oracle(const char *line)
{
	return line[0] && line[0] != '!' && line[0] != '=';
}

static void split(char *line, char **words)
{
	int n = 0;

	for (char *w = strtok(line, " "); w && n < MAX_WORDS - 1; w = strtok(NULL, " "))
		words[n++] = w;
	words[n] = NULL;
}

/* Until it is ready, or has ended. */
static void bring_up(struct one *one)
{
	char text[sizeof(one->line)], *words[MAX_WORDS];
	static char said[8192];

	strcpy(text, one->line);
	split(text, words);
	one->oracle = start_oracle(words + (words[0][0] == '@'));
	while (fgets(said, sizeof(said), one->oracle.out)) {
		if (strstr(said, "\"ready\":true"))
			return;
	}
}

static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(pid, sizeof(set), &set))
		die("CPU %d: %s", cpu, strerror(errno));
}

static void run_oracle(struct one *one, int number)
{
	static char line[8192];
	struct child *oracle = &one->oracle;

	if (one->line[0] == '@')
		pin(oracle->pid, (int)strtol(one->line + 1, NULL, 10));
	say(oracle, "go");
	while (fgets(line, sizeof(line), oracle->out)) {
		printf("@claim %d %s", number, line);
		if (strstr(line, "\"parked\":true"))
			return;
	}
}

static void run_command(char *line)
{
	char *words[MAX_WORDS];
	int status;
	pid_t pid;

	split(line, words);
	pid = fork();
	if (pid == 0)
		become(words);
	status = status_of(pid);
	if (status)
		die("%s ended with %d", words[0], status);
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_size;
}

static void await_tick(const char *out)
{
	for (int i = 0; i < 2; i++) {
		off_t before = size_of(out);

		while (size_of(out) == before)
			nanosleep(&(struct timespec){ 0, POLL_NS }, NULL);
	}
}

static void run_case(struct trial *t, int number)
{
	struct one *one = &t->cases[number];

	printf("@case %d %s\n", number, one->line);
	fflush(stdout);
	if (one->line[0] == '!')
		run_command(one->line + 1);
	else if (!strcmp(one->line, "=tick"))
		await_tick(t->out);
	else
		run_oracle(one, number);
}

static void read_cases(struct trial *t, const char *path)
{
	FILE *file = fopen(path, "re");
	struct one *one = t->cases;

	if (!file)
		die("%s: %s", path, strerror(errno));
	for (; t->n < MAX_CASES && fgets(one->line, sizeof(one->line), file); one++, t->n++) {
		one->line[strcspn(one->line, "\n")] = '\0';
		if (is_oracle(one->line))
			bring_up(one);
	}
	if (fgetc(file) != EOF)
		die("%s: more than %d cases", path, MAX_CASES);
	fclose(file);
}

static void end_tool(struct trial *t)
{
	kill(t->tool.pid, SIGTERM);
	relay_until(&t->tool, NULL);
	printf("@tool %d\n", status_of(t->tool.pid));
}

/* True = one of them did not know of all of its faults. */
static bool end_oracles(struct trial *t)
{
	bool moved = false;

	for (int i = 0; i < t->n; i++) {
		struct child *oracle = &t->cases[i].oracle;
		int status;

		if (!oracle->pid)
			continue;
		say(oracle, "done");
		fclose(oracle->in); /* one that never heard "go" leaves at the end of its input */
		status = status_of(oracle->pid);
		printf("@gone %d %d\n", i, status);
		moved |= status == MOVED;
	}
	return moved;
}

int main(int argc, char **argv)
{
	static struct trial trial;
	bool ready;

	if (argc < 4)
		die("usage: trial CASES OUT TOOL [ARG]...");
	signal(SIGPIPE, SIG_IGN);
	alarm(LIMIT_S);
	setvbuf(stdout, NULL, _IOLBF, 0);
	trial.out = argv[2];
	read_cases(&trial, argv[1]);
	trial.tool = start_tool(argv[2], argv + 3);
	ready = relay_until(&trial.tool, ": ready");
	for (int i = 0; ready && i < trial.n; i++)
		run_case(&trial, i);
	end_tool(&trial);
	return end_oracles(&trial) ? MOVED : 0;
}

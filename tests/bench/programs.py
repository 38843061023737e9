# SPDX-License-Identifier: BSD-2-Clause
"""Programs that are measured: started, waited for by what they say, taken down.

Ends only what it started. Nothing it starts outlives the `with` it was started in.
"""
import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time

READY_S = 30
STOP_S, ASK_AGAIN_S = 30, 5


class Failed(Exception):
    """Something could not be run; the text says what and why."""


class ToolFailed(Failed):
    """It was the program that is measured, so the others can go on."""


class Program:
    """One in the background. Its output goes to files, as a full pipe would stop it."""

    def __init__(self, argv, ready=None, stdin=subprocess.DEVNULL, stdout=None):
        self.argv = argv
        self.ready = ready
        self.stdin = stdin
        self.stdout = stdout
        self.files = []
        self.process = None

    def _file(self):
        self.files.append(tempfile.TemporaryFile('w+', encoding='utf-8', errors='replace'))
        return self.files[-1]

    def __enter__(self):
        self.out = self.stdout or self._file()
        self.err = self._file()
        try:
            self.process = subprocess.Popen(self.argv, stdin=self.stdin, stdout=self.out,
                                            stderr=self.err, text=True)
            if self.ready:
                self.wait_for(self.ready)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe:
                    pipe.close()
        for file in self.files:
            file.close()

    @property
    def pid(self):
        return self.process.pid

    def said(self, file):
        """All of it; the file's position is the child's too, so it is not moved."""
        size = os.fstat(file.fileno()).st_size
        return os.pread(file.fileno(), size, 0).decode('utf-8', 'replace')

    def wait_for(self, words):
        due = time.monotonic() + READY_S
        while not any(re.search(words, self.said(f), re.M) for f in self.files):
            if self.process.poll() is not None or time.monotonic() > due:
                raise ToolFailed(f'{self.argv[0]} did not say {words}: {self.said(self.err)[-300:].strip()}')
            time.sleep(0.005)

    def stop(self):
        """End it in good order; what it printed. Asks again: bpftrace forgets what comes early."""
        status = None
        for _ in range(STOP_S // ASK_AGAIN_S):
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self.process.wait(ASK_AGAIN_S)
                break
        else:
            raise ToolFailed(f'{self.argv[0]} does not stop')
        if status:
            raise ToolFailed(f'{self.argv[0]}: exit status {status}: {self.said(self.err)[-300:].strip()}')
        return '' if self.stdout else self.said(self.out)

    def close_stdin(self):
        """For those that end with their standard input."""
        self.process.stdin.close()
        if self.process.wait(STOP_S):
            raise ToolFailed(f'{self.argv[0]}: exit status {self.process.returncode}')


def cpu_seconds(argv):
    """User and system time of one run from start to end, its output thrown away."""
    with tempfile.TemporaryFile('w+', encoding='utf-8', errors='replace') as err:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            err.seek(0)
            raise ToolFailed(f'{argv[0]}: exit status {process.returncode}: {err.read()[-300:].strip()}')
    return usage.ru_utime + usage.ru_stime


def cpu_per_snapshot(argv, snapshots):
    """What each snapshot after the first one costs: start and end cancel out."""
    one = cpu_seconds([*argv, '1'])
    return (cpu_seconds([*argv, str(snapshots)]) - one) / (snapshots - 1)


def steady_cpu_per_snapshot(argv, ready, interval, snapshots):
    """The same for long intervals, from the kernel's account of a running process, which
    no start-up time disturbs: from the middle of one interval to that of a later one."""
    with Program(argv, ready) as tool:
        time.sleep(1.5 * interval)
        before = run_seconds(tool.pid)
        time.sleep(snapshots * interval)
        took = run_seconds(tool.pid) - before
        tool.stop()
    return took / snapshots


def run_seconds(pid):
    """Time on a CPU so far, main thread."""
    with open(f'/proc/{pid}/schedstat', encoding='utf-8') as stat:
        return int(stat.read().split()[0]) / 1e9


def first_byte_seconds(argv):
    """From exec to the first byte on standard output."""
    begin = time.monotonic()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        byte = os.read(process.stdout.fileno(), 1)
        took = time.monotonic() - begin
        # A polite signal can come too early: bpftrace then forgets it.
        process.kill()
    if not byte:
        raise ToolFailed(f'{argv[0]} printed nothing')
    return took


def resident_mb(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as status:
        return int(re.search(r'^VmRSS:\s+(\d+) kB', status.read(), re.M).group(1)) / 1024

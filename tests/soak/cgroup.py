# SPDX-License-Identifier: BSD-2-Clause
"""Cgroups for the programs of the soak: who is in one is known whatever it forks."""
import contextlib
import os
import signal
import time

END_S = 15


def root():
    """Where the memory controller is: that is the cgroup the tools tell."""
    v1 = '/sys/fs/cgroup/memory'
    return v1 if os.path.exists(v1 + '/cgroup.procs') else '/sys/fs/cgroup'


class Cgroup:
    """`path` as the tools print it; made here, gone after end()."""

    def __init__(self, path):
        self.path = path
        self.directory = root() + path
        self.procs = os.path.join(self.directory, 'cgroup.procs')
        os.makedirs(self.directory, exist_ok=True)

    def pids(self):
        with open(self.procs, encoding='utf-8') as file:
            return [int(line) for line in file]

    def signal(self, number):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self):
        """Ask all in it to end, then make them."""
        self.signal(signal.SIGTERM)
        due = time.monotonic() + END_S
        while self.pids():
            if time.monotonic() > due:
                self.signal(signal.SIGKILL)
            time.sleep(0.05)
        self.remove()

    def remove(self):
        due = time.monotonic() + END_S
        while True:
            try:
                os.rmdir(self.directory)
                return
            except OSError:
                if time.monotonic() > due:
                    raise
                time.sleep(0.05)

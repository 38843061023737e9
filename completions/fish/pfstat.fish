# SPDX-License-Identifier: BSD-2-Clause
source (status dirname)/pftools.fish

__pftools_shared pfstat 'table json csv prom'
complete -c pfstat -l by -x -a 'pid comm cgroup container user' -d 'One line per what'
complete -c pfstat -l hist -d 'Add a histogram of the processes\' fault rates'
complete -c pfstat -l label-pid -d 'With -o prom: a series per process, not per name'
complete -c pfstat -l total -d 'Add the sum of all processes, and memory pressure'
complete -c pfstat -l warn -x -d 'Mark and count processes with more faults a second'

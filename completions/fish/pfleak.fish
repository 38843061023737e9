# SPDX-License-Identifier: BSD-2-Clause
source (status dirname)/pftools.fish

__pftools_shared pfleak 'table json prom'
complete -c pfleak -l check-config -d 'Say what is wrong with the configuration'
complete -c pfleak -l confidence -x -d 'Alert from this confidence on, 51 to 100'
complete -c pfleak -l config -r -F -d 'Read this configuration'
complete -c pfleak -l explain -d 'Show what was asked of a process and the points it gave'
complete -c pfleak -l grace -x -d 'No alert for processes younger than this'
complete -c pfleak -l label-pid -d 'With -o prom: a series per process, not per name'
complete -c pfleak -l list -d 'List every process followed'
complete -c pfleak -l max-processes -x -d 'Follow at most this many'
complete -c pfleak -l min-size -x -d 'No alert below this RSS and swap'
complete -c pfleak -l no-config -d 'Read no configuration'
complete -c pfleak -l print-config -d 'Print every setting and where it comes from'
complete -c pfleak -l profile -x -a 'default production' -d 'Begin with these values'
complete -c pfleak -l stacks -x -a '(__fish_complete_directories)' -d 'Keep stacks of alerted processes in this directory'
complete -c pfleak -l strict -d 'A watch makes the exit status 1 too'

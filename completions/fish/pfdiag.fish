# SPDX-License-Identifier: BSD-2-Clause
source (status dirname)/pftools.fish

# Names of checks and groups, commas between: what stands before the last one is kept.
function __pfdiag_checks
    set -l before (commandline -ct | string replace -rf '^(?:--(?:only|skip)=)?(.*,)?[^,]*$' '$1')
    for name in (command pfdiag --list 2>/dev/null | string match -rg '^ {0,2}([a-z][a-z-]*)(?: |$)')
        echo $before$name
    end
end

__pftools_report pfdiag 'table json prom'
complete -c pfdiag -s p -l pid -x -a '(__fish_complete_list , __fish_complete_pids)' -d 'Check these processes'
complete -c pfdiag -s d -l duration -x -d 'How long the top faulters are watched'
complete -c pfdiag -l list -d 'Print every check with what it is for'
complete -c pfdiag -l only -x -a '(__pfdiag_checks)' -d 'Only these checks, or groups'
complete -c pfdiag -l skip -x -a '(__pfdiag_checks)' -d 'Not these checks, or groups'
complete -c pfdiag -l quick -d 'Only what takes no time'
complete -c pfdiag -l within -x -d 'Skip what is not done by then'
complete -c pfdiag -l root -r -F -d 'Read files of another machine'

# SPDX-License-Identifier: BSD-2-Clause
# What the fish completions of all tools share.

function __pftools_columns --argument-names tool
    command $tool --columns help 2>/dev/null | string match -rg '^[* ] ([a-z][a-z0-9_]*) '
end

# Names with an optional sign, commas between: what stands before the last one is kept.
function __pftools_column_list --argument-names tool
    set -l before (commandline -ct | string replace -rf '^(?:--columns=)?(.*,)?([+-]?)[^,]*$' '$1$2')
    for key in (__pftools_columns $tool) help
        echo $before$key
    end
end

# Of a tool that makes one report.
function __pftools_report --argument-names tool formats
    complete -c $tool -f
    complete -c $tool -s o -l output -x -a $formats -d 'Output format'
    complete -c $tool -s O -l output-file -r -F -d 'Write there instead of standard output'
    complete -c $tool -l json-schema -d 'Print the JSON Schema of the records'
    complete -c $tool -l color -x -a 'auto always never' -d 'When to use colours'
    complete -c $tool -s v -l verbose -d 'Say what is being used'
    complete -c $tool -s h -l help -d 'Print help'
    complete -c $tool -l usage -d 'Print a short usage message'
    complete -c $tool -s V -l version -d 'Print the version'
end

function __pftools_shared --argument-names tool formats
    __pftools_report $tool $formats
    complete -c $tool -s p -l pid -x -a '(__fish_complete_list , __fish_complete_pids)' -d 'Only these processes'
    complete -c $tool -s c -l cgroup -x -d 'Only this cgroup, or container by the beginning of its id'
    complete -c $tool -s C -l comm -x -d 'Only processes of this name (pattern)'
    complete -c $tool -s u -l user -x -a '(__fish_complete_users)' -d 'Only this user\'s processes'
    complete -c $tool -s d -l duration -x -d 'Stop after this time'
    complete -c $tool -l once -d 'One interval, then stop'
    complete -c $tool -s n -l top -x -d 'At most this many lines an interval, 0 = all'
    complete -c $tool -s s -l sort -x -a "(__pftools_columns $tool)" -d 'Sort by this column, largest first'
    complete -c $tool -l columns -x -a "(__pftools_column_list $tool)" -d 'Columns in this order; +KEY and -KEY change the default'
    complete -c $tool -s T -l timestamps -d 'Begin each line of a table with the time'
    complete -c $tool -l watch -d 'Redraw one screen; q ends it'
    complete -c $tool -l backend -x -a 'auto fexit tp_btf tracepoint perf counters' -d 'What counts fault events'
    complete -c $tool -l sample -x -a auto -d 'Count one fault event in N, or auto, and scale'
    complete -c $tool -l no-exits -d 'Do not report processes that die between intervals'
    complete -c $tool -l record -r -F -d 'Also append every sample to a file'
    complete -c $tool -l replay -r -F -d 'Take samples from a recording, - = standard input'
    complete -c $tool -l overhead -d 'Show the tool\'s own cost at the end'
end

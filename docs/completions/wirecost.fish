# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_wirecost_global_optspecs
    string join \n h/help V/version
end

function __fish_wirecost_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_wirecost_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_wirecost_using_subcommand
    set -l cmd (__fish_wirecost_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c wirecost -n "__fish_wirecost_needs_command" -s h -l help -d 'Print help'
complete -c wirecost -n "__fish_wirecost_needs_command" -s V -l version -d 'Print version'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "run" -d 'Run scenarios: a table on stdout, a record and a report on disk'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "serve" -d 'Run the reference server'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "report" -d 'Write the report of one or more records'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "calibrate" -d 'Hold the instruments against what is known beforehand: clock, timers, TCP, injected delays, stalls and faults'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "compare" -d 'Say what changed between two runs of one scenario'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "list" -d 'List transports, scenarios or records'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "validate" -d 'Check scenarios and say everything that is wrong with them'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "schema" -d 'Print a JSON schema, for editors and checks'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "doctor" -d 'Say what this machine allows, and what to change'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "man" -d 'Print the manual page'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "trial" -d 'One trial, started by `run`: an order on stdin, events on stdout'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "fleet" -d 'A share of a trial\'s clients, started by `trial`: an order and commands on stdin, events on stdout'
complete -c wirecost -n "__fish_wirecost_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l trials -d 'Trials of each cell, instead of the scenario\'s' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l seed -d 'Seed of the plan, instead of the scenario\'s' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l out -d 'Folder for records' -r -F
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l baseline -d 'The arm that others are compared to' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l wire -d 'Where packets go, instead of the scenario\'s' -r -f -a "auto\t'Private if possible'
private\t'A network namespace for each trial'
host\t'The host\'s loopback'"
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l fail-if -d 'Exit 99 if this holds, such as \'websocket.delivery.p99 > 50ms\' (may be repeated)' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l allow-remote -d 'A host that is not this machine and that the scenario\'s targets may be on; load is sent there (may be repeated)' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l live -d 'Serve a page on loopback while the run goes on; its address is told on stderr (any free port, unless one is named)' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l alias -d 'A short word for this machine in the record\'s name' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l resume -d 'Finish the newest unfinished run of the same plan'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l dry-run -d 'Show the plan and start nothing'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l verify -d 'One short trial of each cell, to see that everything works; the numbers mean nothing, and no condition is judged'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -s q -l quiet -d 'Only errors and the path of the record'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l json -d 'The record as JSON on stdout instead of the table'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l no-color -d 'No colours (also NO_COLOR, TERM=dumb)'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l allow-void -d 'Exit 0 even if a gate voided a trial, and run none again'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l no-repeat -d 'Do not run a trial again that late senders or the machine have voided (else once, up to one trial in ten)'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l capture -d 'Keep a packet capture of every trial (needs dumpcap; for bytes, not for latency)'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l miscount -d 'Count a byte too many in each frame, to see the gate fail'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -l no-calibrate -d 'Do without the short calibration before the first trial'
complete -c wirecost -n "__fish_wirecost_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l bind -d 'Address to listen on; port 0 is any free one [default: 127.0.0.1:0; with --conformance localhost:3000]' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l tls-options -d 'TLS settings as a YAML mapping, such as \'{version: "1.2", resume: on}\'' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l ring -d 'Messages that a room keeps for readers that come late' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l max-connections -d 'Most connections at a time' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l ping-interval -d 'Engine.IO: time between two pings, such as 300ms [default: 25s]' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l ping-timeout -d 'Engine.IO: time to wait for the answer [default: 20s]' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l max-payload -d 'Engine.IO: longest polling body and WebSocket message from a client, such as 2MiB [default: 1MB]' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l connect-timeout -d 'Socket.IO: time to connect to a namespace in [default: 45s]' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l cores -d 'Cores to run on, such as 0,1' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l tls -d 'Speak TLS, with a certificate made at start'
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l conformance -d 'Be what the Engine.IO and Socket.IO test suites expect: echo at /engine.io/, port 3000 of both loopbacks, fast heartbeats'
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l demo -d 'Serve a page at / that shows the transports side by side, and its namespace /test'
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -l control -d 'Obey commands on stdin (how `run` drives it)'
complete -c wirecost -n "__fish_wirecost_using_subcommand serve" -s h -l help -d 'Print help'
complete -c wirecost -n "__fish_wirecost_using_subcommand report" -l format -d 'What to write' -r -f -a "html\t'The whole report, one self-contained page'
md\t'Tables for a job summary'
csv\t'One observation a row'
junit\t'Thresholds and gates as test results'
text\t'The table of the terminal'
png\t'A picture a chart, in a folder'"
complete -c wirecost -n "__fish_wirecost_using_subcommand report" -s o -l output -d 'Where to write it; if absent, html of one record and png go beside it, all else to stdout. A folder for png' -r -F
complete -c wirecost -n "__fish_wirecost_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirecost -n "__fish_wirecost_using_subcommand calibrate" -l wire -d 'Where packets go' -r -f -a "auto\t'Private if possible'
private\t'A network namespace for each trial'
host\t'The host\'s loopback'"
complete -c wirecost -n "__fish_wirecost_using_subcommand calibrate" -l short -d 'One transport where any would do, and shorter: seconds instead of minutes'
complete -c wirecost -n "__fish_wirecost_using_subcommand calibrate" -s q -l quiet -d 'Nothing but the result'
complete -c wirecost -n "__fish_wirecost_using_subcommand calibrate" -l json -d 'JSON on stdout instead of the table'
complete -c wirecost -n "__fish_wirecost_using_subcommand calibrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirecost -n "__fish_wirecost_using_subcommand compare" -l format -d 'How to print it' -r -f -a "text\t'A table for the terminal'
md\t'Tables for a job summary'
json\t'Everything, for programs'
junit\t'Rows as test results'"
complete -c wirecost -n "__fish_wirecost_using_subcommand compare" -l margin -d 'Differences below this count as none' -r
complete -c wirecost -n "__fish_wirecost_using_subcommand compare" -l force -d 'Compare them even if machine, kernel, build or plan differ'
complete -c wirecost -n "__fish_wirecost_using_subcommand compare" -l fail-if-worse -d 'Exit 99 if a metric is worse beyond margin and doubt'
complete -c wirecost -n "__fish_wirecost_using_subcommand compare" -l no-color -d 'No colours (also NO_COLOR, TERM=dumb)'
complete -c wirecost -n "__fish_wirecost_using_subcommand compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirecost -n "__fish_wirecost_using_subcommand list" -l dir -d 'Where to look (scenarios, results)' -r -F
complete -c wirecost -n "__fish_wirecost_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirecost -n "__fish_wirecost_using_subcommand validate" -s h -l help -d 'Print help'
complete -c wirecost -n "__fish_wirecost_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wirecost -n "__fish_wirecost_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c wirecost -n "__fish_wirecost_using_subcommand completions" -s h -l help -d 'Print help'
complete -c wirecost -n "__fish_wirecost_using_subcommand man" -s h -l help -d 'Print help'
complete -c wirecost -n "__fish_wirecost_using_subcommand trial" -s h -l help -d 'Print help'
complete -c wirecost -n "__fish_wirecost_using_subcommand fleet" -s h -l help -d 'Print help'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "run" -d 'Run scenarios: a table on stdout, a record and a report on disk'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "serve" -d 'Run the reference server'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "report" -d 'Write the report of one or more records'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "calibrate" -d 'Hold the instruments against what is known beforehand: clock, timers, TCP, injected delays, stalls and faults'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "compare" -d 'Say what changed between two runs of one scenario'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "list" -d 'List transports, scenarios or records'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "validate" -d 'Check scenarios and say everything that is wrong with them'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "schema" -d 'Print a JSON schema, for editors and checks'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "doctor" -d 'Say what this machine allows, and what to change'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "completions" -d 'Print completions for a shell'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "man" -d 'Print the manual page'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "trial" -d 'One trial, started by `run`: an order on stdin, events on stdout'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "fleet" -d 'A share of a trial\'s clients, started by `trial`: an order and commands on stdin, events on stdout'
complete -c wirecost -n "__fish_wirecost_using_subcommand help; and not __fish_seen_subcommand_from run serve report calibrate compare list validate schema doctor completions man trial fleet help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'

#compdef wirecost

autoload -U is-at-least

_wirecost() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_wirecost_commands" \
"*::: :->wirecost" \
&& ret=0
    case $state in
    (wirecost)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:wirecost-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
'--trials=[Trials of each cell, instead of the scenario'\''s]:N:_default' \
'--seed=[Seed of the plan, instead of the scenario'\''s]:N:_default' \
'--out=[Folder for records]:DIR:_files' \
'--baseline=[The arm that others are compared to]:ARM:_default' \
'--wire=[Where packets go, instead of the scenario'\''s]:WIRE:((auto\:"Private if possible"
private\:"A network namespace for each trial"
host\:"The host'\''s loopback"))' \
'*--fail-if=[Exit 99 if this holds, such as '\''websocket.delivery.p99 > 50ms'\'' (may be repeated)]:EXPR:_default' \
'*--allow-remote=[A host that is not this machine and that the scenario'\''s targets may be on; load is sent there (may be repeated)]:HOST:_default' \
'--live=[Serve a page on loopback while the run goes on; its address is told on stderr (any free port, unless one is named)]::PORT:_default' \
'--alias=[A short word for this machine in the record'\''s name]:WORD:_default' \
'--resume[Finish the newest unfinished run of the same plan]' \
'--dry-run[Show the plan and start nothing]' \
'(--trials --fail-if)--verify[One short trial of each cell, to see that everything works; the numbers mean nothing, and no condition is judged]' \
'-q[Only errors and the path of the record]' \
'--quiet[Only errors and the path of the record]' \
'--json[The record as JSON on stdout instead of the table]' \
'--no-color[No colours (also NO_COLOR, TERM=dumb)]' \
'--allow-void[Exit 0 even if a gate voided a trial, and run none again]' \
'--no-repeat[Do not run a trial again that late senders or the machine have voided (else once, up to one trial in ten)]' \
'--capture[Keep a packet capture of every trial (needs dumpcap; for bytes, not for latency)]' \
'--miscount[Count a byte too many in each frame, to see the gate fail]' \
'--no-calibrate[Do without the short calibration before the first trial]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::files -- Scenario files:_files' \
&& ret=0
;;
(serve)
_arguments "${_arguments_options[@]}" : \
'--bind=[Address to listen on; port 0 is any free one \[default\: 127.0.0.1\:0; with --conformance localhost\:3000\]]:BIND:_default' \
'--tls-options=[TLS settings as a YAML mapping, such as '\''{version\: "1.2", resume\: on}'\'']:YAML:_default' \
'--ring=[Messages that a room keeps for readers that come late]:N:_default' \
'--max-connections=[Most connections at a time]:N:_default' \
'--ping-interval=[Engine.IO\: time between two pings, such as 300ms \[default\: 25s\]]:TIME:_default' \
'--ping-timeout=[Engine.IO\: time to wait for the answer \[default\: 20s\]]:TIME:_default' \
'--max-payload=[Engine.IO\: longest polling body and WebSocket message from a client, such as 2MiB \[default\: 1MB\]]:SIZE:_default' \
'--connect-timeout=[Socket.IO\: time to connect to a namespace in \[default\: 45s\]]:TIME:_default' \
'*--cores=[Cores to run on, such as 0,1]:CORES:_default' \
'--tls[Speak TLS, with a certificate made at start]' \
'--conformance[Be what the Engine.IO and Socket.IO test suites expect\: echo at /engine.io/, port 3000 of both loopbacks, fast heartbeats]' \
'--demo[Serve a page at / that shows the transports side by side, and its namespace /test]' \
'--control[Obey commands on stdin (how \`run\` drives it)]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(report)
_arguments "${_arguments_options[@]}" : \
'--format=[What to write]:FORMAT:((html\:"The whole report, one self-contained page"
md\:"Tables for a job summary"
csv\:"One observation a row"
junit\:"Thresholds and gates as test results"
text\:"The table of the terminal"
png\:"A picture a chart, in a folder"))' \
'-o+[Where to write it; if absent, html of one record and png go beside it, all else to stdout. A folder for png]:FILE:_files' \
'--output=[Where to write it; if absent, html of one record and png go beside it, all else to stdout. A folder for png]:FILE:_files' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::records -- Records\: folders that hold a record.json:_files' \
&& ret=0
;;
(calibrate)
_arguments "${_arguments_options[@]}" : \
'--wire=[Where packets go]:WIRE:((auto\:"Private if possible"
private\:"A network namespace for each trial"
host\:"The host'\''s loopback"))' \
'--short[One transport where any would do, and shorter\: seconds instead of minutes]' \
'-q[Nothing but the result]' \
'--quiet[Nothing but the result]' \
'--json[JSON on stdout instead of the table]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(compare)
_arguments "${_arguments_options[@]}" : \
'--format=[How to print it]:FORMAT:((text\:"A table for the terminal"
md\:"Tables for a job summary"
json\:"Everything, for programs"
junit\:"Rows as test results"))' \
'--margin=[Differences below this count as none]:PERCENT:_default' \
'--force[Compare them even if machine, kernel, build or plan differ]' \
'--fail-if-worse[Exit 99 if a metric is worse beyond margin and doubt]' \
'--no-color[No colours (also NO_COLOR, TERM=dumb)]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':base -- The record that is compared to:_files' \
':new -- The record that is judged:_files' \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
'--dir=[Where to look (scenarios, results)]:DIR:_files' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::what -- What to list:((transports\:"The transports that there are"
scenarios\:"Scenario files and their questions"
results\:"Records, with their questions and trials"))' \
&& ret=0
;;
(validate)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
'*::files -- Scenario files:_files' \
&& ret=0
;;
(schema)
_arguments "${_arguments_options[@]}" : \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::of -- Of what:((scenario\:"Scenario files"
record\:"record.json"
reference\:"Scenario files, as the Markdown page docs/scenario.md"))' \
&& ret=0
;;
(doctor)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
':shell -- Which shell:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(trial)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(fleet)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_wirecost__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:wirecost-help-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(serve)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(report)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(calibrate)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(compare)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(validate)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(schema)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(doctor)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(trial)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(fleet)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_wirecost_commands] )) ||
_wirecost_commands() {
    local commands; commands=(
'run:Run scenarios\: a table on stdout, a record and a report on disk' \
'serve:Run the reference server' \
'report:Write the report of one or more records' \
'calibrate:Hold the instruments against what is known beforehand\: clock, timers, TCP, injected delays, stalls and faults' \
'compare:Say what changed between two runs of one scenario' \
'list:List transports, scenarios or records' \
'validate:Check scenarios and say everything that is wrong with them' \
'schema:Print a JSON schema, for editors and checks' \
'doctor:Say what this machine allows, and what to change' \
'completions:Print completions for a shell' \
'man:Print the manual page' \
'trial:One trial, started by \`run\`\: an order on stdin, events on stdout' \
'fleet:A share of a trial'\''s clients, started by \`trial\`\: an order and commands on stdin, events on stdout' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'wirecost commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__calibrate_commands] )) ||
_wirecost__subcmd__calibrate_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost calibrate commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__compare_commands] )) ||
_wirecost__subcmd__compare_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost compare commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__completions_commands] )) ||
_wirecost__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost completions commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__doctor_commands] )) ||
_wirecost__subcmd__doctor_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost doctor commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__fleet_commands] )) ||
_wirecost__subcmd__fleet_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost fleet commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help_commands] )) ||
_wirecost__subcmd__help_commands() {
    local commands; commands=(
'run:Run scenarios\: a table on stdout, a record and a report on disk' \
'serve:Run the reference server' \
'report:Write the report of one or more records' \
'calibrate:Hold the instruments against what is known beforehand\: clock, timers, TCP, injected delays, stalls and faults' \
'compare:Say what changed between two runs of one scenario' \
'list:List transports, scenarios or records' \
'validate:Check scenarios and say everything that is wrong with them' \
'schema:Print a JSON schema, for editors and checks' \
'doctor:Say what this machine allows, and what to change' \
'completions:Print completions for a shell' \
'man:Print the manual page' \
'trial:One trial, started by \`run\`\: an order on stdin, events on stdout' \
'fleet:A share of a trial'\''s clients, started by \`trial\`\: an order and commands on stdin, events on stdout' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'wirecost help commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__calibrate_commands] )) ||
_wirecost__subcmd__help__subcmd__calibrate_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help calibrate commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__compare_commands] )) ||
_wirecost__subcmd__help__subcmd__compare_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help compare commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__completions_commands] )) ||
_wirecost__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help completions commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__doctor_commands] )) ||
_wirecost__subcmd__help__subcmd__doctor_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help doctor commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__fleet_commands] )) ||
_wirecost__subcmd__help__subcmd__fleet_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help fleet commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__help_commands] )) ||
_wirecost__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help help commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__list_commands] )) ||
_wirecost__subcmd__help__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help list commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__man_commands] )) ||
_wirecost__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help man commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__report_commands] )) ||
_wirecost__subcmd__help__subcmd__report_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help report commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__run_commands] )) ||
_wirecost__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help run commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__schema_commands] )) ||
_wirecost__subcmd__help__subcmd__schema_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help schema commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__serve_commands] )) ||
_wirecost__subcmd__help__subcmd__serve_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help serve commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__trial_commands] )) ||
_wirecost__subcmd__help__subcmd__trial_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help trial commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__help__subcmd__validate_commands] )) ||
_wirecost__subcmd__help__subcmd__validate_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost help validate commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__list_commands] )) ||
_wirecost__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost list commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__man_commands] )) ||
_wirecost__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost man commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__report_commands] )) ||
_wirecost__subcmd__report_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost report commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__run_commands] )) ||
_wirecost__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost run commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__schema_commands] )) ||
_wirecost__subcmd__schema_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost schema commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__serve_commands] )) ||
_wirecost__subcmd__serve_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost serve commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__trial_commands] )) ||
_wirecost__subcmd__trial_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost trial commands' commands "$@"
}
(( $+functions[_wirecost__subcmd__validate_commands] )) ||
_wirecost__subcmd__validate_commands() {
    local commands; commands=()
    _describe -t commands 'wirecost validate commands' commands "$@"
}

if [ "$funcstack[1]" = "_wirecost" ]; then
    _wirecost "$@"
else
    compdef _wirecost wirecost
fi

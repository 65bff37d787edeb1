#!/bin/sh
# The commands together, on what `rr record` really records.
# recorded.sh RR JSON_CHECK
. "$(dirname "$0")/lib.sh"
json_check=$2
root=$_RR_TRACE_DIR
tab=$(printf '\t')

# --- record: status, signals, silence ---
want_ok "$rr" record true
want [ ! -s "$tmp/out" ]
want [ "$(readlink "$root/latest-trace")" = true-0 ]
want [ ! -e "$root/true-0/incomplete" ]
want [ "$(stat -c %a "$root/true-0")" = 700 ]
want_status 1 "$rr" record false
want_status 7 "$rr" record -n sh -c 'exit 7'
# The shell reports a death by signal N as 128 + N: rr itself must have died of it.
for signal in 15 9 11 6; do
	want_status $((128 + signal)) "$rr" record sh -c "kill -$signal \$\$"
done
want_ok "$rr" echo -n hello
want [ "$(cat "$tmp/out")" = hello ]
want_ok "$rr" record -- sh -c 'echo "$0 $*"' --log=x -c5
want [ "$(cat "$tmp/out")" = '--log=x -c5' ]
want_ok "$rr" record -v ADDED=yes -v=MORE=1 sh -c 'echo $ADDED $MORE $RUNNING_UNDER_RR'
want [ "$(cat "$tmp/out")" = 'yes 1 1' ]

"$rr" record -v LD_SHOW_AUXV=1 date >"$tmp/out"
want grep -q '^AT_SYSINFO_EHDR' "$tmp/out"
"$rr" record --unmap-vdso -v LD_SHOW_AUXV=1 date >"$tmp/out"
want [ "$(grep -c '^AT_' "$tmp/out")" -gt 10 ]
want [ "$(grep -c '^AT_SYSINFO_EHDR' "$tmp/out")" = 0 ]
cp "$tmp/out" "$tmp/recorded"
want_ok "$rr" replay -a
want cmp -s "$tmp/out" "$tmp/recorded"

# --- forms of options, numbers, masks of the environment ---
for option in -c5 -c=5 '-c 5' -c0x5 --num-cpu-ticks=5 '--num-cpu-ticks 5'; do
	# shellcheck disable=SC2086 # some are two words
	want_ok "$rr" record $option true
done
want_ok "$rr" record --num-cores=0x7 nproc
want [ "$(cat "$tmp/out")" = 7 ]
want_ok "$rr" record --asan --tsan --scarce-fds -v ASAN_OPTIONS=a=1 sh -c 'echo $ASAN_OPTIONS'
want [ "$(cat "$tmp/out")" = a=1 ]
want_status 0 "$rr" -M record sh -c 'echo one; echo two >&2'
want grep -Eq '^\[rr [0-9]+ [0-9]+\]one$' "$tmp/out"
want grep -Eq '^\[rr [0-9]+ [0-9]+\]two$' "$tmp/err"
want_ok "$rr" record -i USR1 sh -c 'kill -USR1 $$; echo on'
want_ok "$rr" record -t 10 sh -c 'kill -USR1 $$; echo on'
want [ "$(cat "$tmp/out")" = on ]
want_status 4 "$rr" record -w sh -c '(sleep 0.2; echo late) & exit 4'
want [ "$(cat "$tmp/out")" = late ]
want_status 1 "$rr" record "$rr" record true
want grep -q 'inside a recording already: use --nested=ignore' "$tmp/err"

# --- signals to rr: SIGTERM is the program's for five seconds, SIGINT its own affair ---
begin_recording()
{
	rm -f "$tmp/ready"
	"$rr" record "$@" >"$tmp/ready" 2>"$tmp/err" &
	recorder=$!
	until [ -s "$tmp/ready" ]; do
		sleep 0.05
	done
}

begin_recording sh -c 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'
kill -INT $recorder
want kill -0 $recorder
kill -TERM $recorder
wait $recorder
want [ $? -eq 3 ]
begin_recording sh -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
start=$(date +%s)
kill -TERM $recorder
wait $recorder 2>"$tmp/err"
want [ $? -eq 137 ]
want [ $(($(date +%s) - start)) -ge 4 ]
want_status 137 "$rr" replay -a

# --- where the trace goes ---
want_ok "$rr" record -o "$tmp/mine" true
want [ -f "$tmp/mine/version" ]
want_error 69 "$tmp/mine" "$rr" record -o "$tmp/mine" true
"$rr" record -p 9 true 9>"$tmp/name" </dev/null
want [ -d "$(cat "$tmp/name")" ]

# --- what cannot be started leaves no trace behind ---
"$rr" ls >"$tmp/before"
: >"$tmp/plain"
want_error 69 '/nonexistent' "$rr" record /nonexistent
want_error 69 'no-such-program' "$rr" record no-such-program
want_error 69 "$tmp" "$rr" record "$tmp"
want_error 69 "$tmp/plain" "$rr" record "$tmp/plain"
"$rr" ls >"$tmp/after"
want cmp -s "$tmp/before" "$tmp/after"

# --- a tree of processes, looked at ---
want_status 3 "$rr" record sh -c '(exit 5) & wait $!; ls / >/dev/null; exit 3'
want_ok "$rr" ps
want grep -Eq "^[0-9]+$tab--${tab}3${tab}sh -c " "$tmp/out"
want grep -Eq "^[0-9]+$tab[0-9]+${tab}5$tab\(forked without exec\)$" "$tmp/out"
want grep -Eq "^[0-9]+$tab[0-9]+${tab}0${tab}ls /$" "$tmp/out"
want_ok "$rr" dump
want [ "$(cut -d ' ' -f 1 "$tmp/out" | sort -nc 2>&1 | wc -l)" -eq 0 ]
want grep -Eq ' exec +/.*sh \([0-9]+ mappings?\)$' "$tmp/out"
want grep -Eq ' exit status 3$' "$tmp/out"
want grep -Eq ': new process [0-9]+$' "$tmp/out"
want grep -q 'openat(AT_FDCWD, ' "$tmp/out"
events=$(wc -l <"$tmp/out")
want_ok "$rr" dump end
want [ "$(cut -d ' ' -f 1 "$tmp/out")" -eq "$events" ]
want_ok "$rr" dump -s
want grep -Eq "^events: $events, tasks: 3, " "$tmp/out"
want_ok "$rr" dump -rmpeb
want [ "$(grep -c '^event=' "$tmp/out")" -eq "$events" ]
want_ok "$rr" traceinfo
want "$json_check" <"$tmp/out"
want grep -q "\"events\": $events," "$tmp/out"
want_output ' 3  sh -c ' "$rr" ls -l

# --- replay ---
want_status 3 "$rr" replay -a
want [ ! -s "$tmp/out" ]
want_ok "$rr" record echo said
want_ok "$rr" replay -a
want [ "$(cat "$tmp/out")" = said ]
want_ok "$rr" replay -qa
want [ ! -s "$tmp/out" ]
want_ok "$rr" replay --autopilot echo-1
want [ "$(cat "$tmp/out")" = said ]
want_ok "$rr" "$root/echo-1" -a
want [ "$(cat "$tmp/out")" = said ]
want_output '^\[rr [0-9]+ [0-9]+\] ?said$' "$rr" replay -a -M
want_ok "$rr" replay -a -g 2
want [ ! -s "$tmp/out" ]
want_error 1 'there is no event 9999: the recording ends with' "$rr" replay -a -g 9999
for signal in 9 11; do
	want_status $((128 + signal)) "$rr" record sh -c "kill -$signal \$\$"
	want_status $((128 + signal)) "$rr" replay -a
done

# --- rerun: a line behind each event, of a task that is there ---
want_ok "$rr" record -n sh -c 'echo a; (exit 3); echo b'
want_ok "$rr" dump
cp "$tmp/out" "$tmp/dump"
want_ok "$rr" rerun --event-regs=event,tid,ip,gp_x16,ymm_x16
cp "$tmp/out" "$tmp/rerun"
want [ "$(sed 's/ *[+-].*//; s/  */ /' "$tmp/dump" | head -n 40)" = \
	"$(sed 's/event:\([0-9]*\) tid:\([0-9]*\) .*/\1 \2/' "$tmp/rerun" | head -n 40)" ]
want [ "$(wc -l <"$tmp/rerun")" -ge $(($(wc -l <"$tmp/dump") - 1)) ]
want_ok "$rr" rerun --event-regs=event,tid,ip,gp_x16,ymm_x16
want cmp -s "$tmp/out" "$tmp/rerun"
# What the recorder saw behind the call, and the debugger shows.
want_ok "$rr" dump -r 8
register=$(sed -n 's/.* regs\.rbx=\(0x[0-9a-f]*\) .*/\1/p' "$tmp/out")
want_ok "$rr" rerun -s 8 -e 8 --event-regs=event,rbx
want [ "$(cat "$tmp/out")" = "event:8 rbx:$register" ]
want_ok "$rr" rerun -r -s 2 -e 3 --event-regs=event,eflags,xmm0,ymm0
want [ "$(wc -c <"$tmp/out")" -eq $((2 * (8 + 8 + 16 + 32))) ]
want_ok "$rr" rerun -e 2 --singlestep=icount,ip
want [ "$(wc -l <"$tmp/out")" -gt 10 ]
want [ "$(sed -n 's/icount:\([0-9]*\) ip:0x[0-9a-f]*$/\1/p' "$tmp/out" | sort -nc 2>&1)" = '' ]
want_error 1 'what is to be printed\?.*; usage: rr rerun' "$rr" rerun
want_error 1 "'nonsense' is no register" "$rr" rerun --event-regs=ip,nonsense
want_error 1 'no event 9999 ' "$rr" rerun -s 9999 --event-regs=ip

# --- rm, mv ---
want_ok "$rr" mv echo-1 kept
want_ok "$rr" replay -a kept
want [ "$(cat "$tmp/out")" = said ]
# shellcheck disable=SC2046 # names without blanks
want_ok "$rr" rm $("$rr" ls)
want [ ! -L "$root/latest-trace" ]
want_ok "$rr" ls
want [ ! -s "$tmp/out" ]
finish

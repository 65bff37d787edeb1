#!/bin/bash
# The recorder is killed (kill -9) in mid-run: nothing of the tracees is left, and the trace replays
# up to its last whole block, says that it is incomplete, and ends with status 71.
# usage: killed-recorder.sh RR
rr=$(realpath "$1")
. "$(dirname "$(realpath "$0")")/workdir.sh"

: >out
marker="rr-killed-$$"
"$rr" record bash -c "i=0; while :; do echo line \$i; /bin/true $marker; i=\$((i + 1)); done" >out 2>err &
pid=$!
long_enough() {
	[[ $(wc -l <out) -gt 200 ]]
}
wait_until long_enough || fail "nothing was recorded: $(tail -n 3 err)"
kill -9 $pid
wait $pid 2>/dev/null
sleep 0.3
pgrep -f "[w]hile.*$marker" >/dev/null && fail "tracees live on: $(pgrep -af "[w]hile.*$marker")"
[[ -e traces/latest-trace/incomplete ]] || fail "the trace has no mark that it is incomplete"

timeout 120 "$rr" replay -a >replay.out 2>replay.err </dev/null
status=$?
lines=$(wc -l <replay.out)
echo "recorded $(wc -l <out) lines, replayed $lines, status $status: $(cat replay.err)"
[[ $status = 71 ]] || fail "replay ended with status $status: $(tail -n 5 replay.err)"
[[ $(grep -vc '^rr: warning: ' replay.err) = 1 && $(wc -l <replay.err) -le 2 ]] || fail "too many lines"
grep -qiE 'incomplete|ends|cut|killed' replay.err || fail "does not say that the trace is incomplete"
head -c "$(stat -c %s replay.out)" out | cmp - replay.out || fail "what was replayed is not what was recorded"
"$rr" dump >/dev/null 2>dump.err
echo "dump: status $?: $(tail -n 1 dump.err)"

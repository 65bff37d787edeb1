#!/bin/bash
# A signal arrives right behind each instruction that counts a tick, the one that uses up the last
# tick included: the program's result is right, the signals are handled, and it replays.
# usage: interrupted-counts.sh RR PROGRAM
rr=$(realpath "$1") program=$(realpath "$2")
. "$(dirname "$(realpath "$0")")/workdir.sh"

mkfifo go hold
timeout 60 "$rr" record -n "$program" compute <go >out 2>err &
recorder=$!
exec 3>go 4<>hold
wait_until test -s out || fail "the program did not start: $(tail -n 3 err)"
pid=$(head -n 1 out)
"$program" arm "$pid" <hold >armed 3>&- 4>&- &
wait_until test -s armed
[[ $(cat armed) = armed ]] || {
	echo "SKIPPED: $(cat armed)"
	kill $recorder
	exit 77
}
echo >&3
wait $recorder
status=$?
exec 4>&-
[[ $status = 0 ]] || fail "recording ended with status $status: $(tail -n 3 err)"
signals=$(sed -n 's/ signals$//p' out)
echo "$signals signals"
[[ $signals -gt 100 ]] || fail "$(tail -n 3 out)"

timeout 60 "$rr" replay -a >replay.out 2>replay.err </dev/null || fail "replay: $(tail -n 8 replay.err)"
cmp out replay.out || fail "what was replayed is not what was recorded"

#!/bin/bash
# Repeat what must be shown: every program and every case N times with busy loops competing, and what
# must happen when things go wrong. Says each result as it comes; the last line is the sum.
# usage: soak.sh BUILD [N]
build=$(realpath "$1") n=${2:-20}
here=$(dirname "$(realpath "$0")")
export CAPTURE=$build/tests/run-captured
passed=0 failed=0 skipped=0 busy=()
trap 'kill "${busy[@]}" 2>/dev/null' EXIT
trap 'exit 130' INT TERM

count() {
	case $1 in
	0) passed=$((passed + 1)) ;;
	77) skipped=$((skipped + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
}

for case in "$here"/suite/cases/*.case; do
	"$here/suite/run-suite.sh" "$build/rr" -n "$n" --load "$(basename "$case" .case)"
	count $?
done
for ((i = 0; i < $(nproc); i++)); do
	nice -n 5 bash -c 'while :; do :; done' &
	busy+=($!)
done
# repeat COMMAND...: N times or until it fails; shows the end of the last run.
repeat() {
	local status
	for ((i = 1; i <= n; i++)); do
		SEED=$i "$@" >"$build/soak.log" 2>&1
		status=$?
		[[ $status = 0 ]] || break
	done
	tail -n $((status ? 20 : 1)) "$build/soak.log"
	count $status
}

export LIMIT=60
for program in "$build"/tests/programs/*; do
	[[ -f $program && -x $program && $program != */@(fatal_signal|random_actions) && $program != *.so ]] || continue
	repeat "$here/run-program.sh" "$build/rr" traced "$program"
done
for sig in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 29 30 31 34 64; do
	repeat "$here/run-program.sh" "$build/rr" traced "$build/tests/programs/fatal_signal" $sig
done
for mode in default traced chaos turns turn-each; do
	repeat "$here/run-program.sh" "$build/rr" $mode "$build/tests/programs/random_actions"
done
for script in refused-starts killed-recorder full-disk damaged-traces; do
	echo "$script:"
	repeat "$here/suite/$script.sh" "$build/rr"
done
echo "$passed passed, $failed failed, $skipped skipped"
[[ $failed = 0 ]]

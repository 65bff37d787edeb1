#!/bin/sh
# Build and run every test; the last line is the sum: N passed, N failed, N skipped.
# usage: tools/check.sh BUILD ASAN-BUILD
build=$1
asan=$2
start=$(date +%s)
status=0
passed=0 failed=0 skipped=0

count() {
	grep -oE '"result": "('"$2"')"' "$1" | wc -l
}

# run BUILD ARGS...: build $targets there and test. A build that fails counts as one failure, so that the
# last line always tells the truth.
run() {
	dir=$1
	shift
	log=$dir/meson-logs/testlog
	rm -f "$log.json"
	if ! ninja -C "$dir" $targets >"$dir/build.log" 2>&1; then
		tail -n 40 "$dir/build.log"
		echo "FAIL: building $dir"
		failed=$((failed + 1)) status=1
		return
	fi
	meson test -C "$dir" --print-errorlogs "$@" </dev/null || status=1
	[ -f "$log.json" ] || {
		failed=$((failed + 1)) status=1
		return
	}
	passed=$((passed + $(count "$log.json" 'OK|EXPECTEDFAIL')))
	failed=$((failed + $(count "$log.json" 'FAIL|TIMEOUT|ERROR|UNEXPECTEDPASS|INTERRUPT')))
	skipped=$((skipped + $(count "$log.json" 'SKIP')))
	grep -h '^SKIPPED' "$log.txt" | sort -u
}

targets=all
run "$build"
# Only what its tests need; meson builds the rest of that. Leaks do not count: what lives as long as
# the process is left to its exit.
targets=rr
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
run "$asan" --suite asan
echo "time: $(($(date +%s) - start)) s"
[ "$failed" = 0 ] || status=1
echo "$passed passed, $failed failed, $skipped skipped"
exit $status

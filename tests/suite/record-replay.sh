# Sourced by tests that record a program several times while something happens outside: `rr` and the directory
# `work` are theirs. Each function ends the test where something is wrong.

# record_once I LIMIT ARG...: recording I, `rr record ARG...`
record_once() {
	local i=$1 limit=$2 status
	shift 2
	timeout "$limit" "$rr" record "$@" >"$work/recorded" 2>"$work/err"
	status=$?
	[[ $status = 0 && -s $work/recorded ]] || {
		echo "FAIL: recording $i: status $status: $(tail -n 1 "$work/err")"
		exit 1
	}
}

# replay_once I LIMIT: it says the same again
replay_once() {
	local i=$1 limit=$2 status
	timeout "$limit" "$rr" replay -a >"$work/replayed" 2>"$work/err"
	status=$?
	[[ $status = 0 ]] && cmp -s "$work/recorded" "$work/replayed" || {
		echo "FAIL: replay $i: status $status: $(grep -m 1 diverged "$work/err" || tail -n 1 "$work/err");" \
			"$(<"$work/recorded") became $(<"$work/replayed")"
		exit 1
	}
}

#!/bin/bash
# Real programs: prepare a case's input, record it, take the input away, replay it from `/`, and
# require the same stdout, stderr and exit status, and that the replay changed no file.
# usage: run-suite.sh RR [-n TIMES] [--load] [CASE...]     RR may be `none`: natively only
#
# A case (cases/NAME.case) is a few lines of bash:
#   needs='a b'   programs without which it is SKIPPED      limit=N    seconds for one run (default 60)
#   prepare()     makes the input, in the current directory  command=() what to record, run there
#   outside()     what happens outside of the recording while it runs
#   change()      what becomes of the input before the replay (default: it is deleted)
#   expect=       the status of the recording (default: exit 0)
#   needs_landing=1 it takes very long to replay without quick landings: likewise
#   needs_ticks=1 it hangs without preemption: natively only, and then SKIPPED, until features.sh has that
set -u

here=$(dirname "$(realpath "$0")")
. "$here/../features.sh"
rr=$1 times=1 load=
shift
while [[ ${1:-} == -* ]]; do
	case $1 in
	-n) times=$2; shift ;;
	--load) load=1 ;;
	*) echo "run-suite: unknown option $1" >&2; exit 2 ;;
	esac
	shift
done
[[ $rr = none ]] || rr=$(realpath "$rr")
capture=$(realpath "${CAPTURE:-$(dirname "$rr")/tests/run-captured}")
work=
busy=()

cleanup() {
	[[ ${#busy[@]} = 0 ]] || kill "${busy[@]}" 2>/dev/null
	[[ -z $work ]] || { chmod -R u+rwx "$work"; rm -rf "$work"; } 2>/dev/null
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [[ $load ]]; then
	for ((i = 0; i < $(nproc); i++)); do
		nice -n 5 bash -c 'while :; do :; done' &
		busy+=($!)
	done
fi

status_of() {
	cat "$work/$1.status"
}

show() {
	echo "--- $name: $1: $(status_of "$1"), last lines of stderr and stdout:"
	tail -n 12 "$work/$1.err"
	tail -n 4 "$work/$1.out"
}

failed() {
	echo "FAIL $name: $*"
	return 1
}

# Everything a replay could have touched, but for times of reading.
snapshot() {
	find "$work/input" "$work/home" "$work/tmp" "$work/traces" -printf '%p %y %s %i %m %T@ %C@\n' |
		sort >"$1"
}

captured() {
	local what=$1
	shift
	"$capture" "$limit" "$work/$what.status" "$work/$what.out" "$work/$what.err" "$@" 3>&-
}

record() {
	local runner=()
	[[ $rr = none ]] || runner=("$rr" record)
	captured record "${runner[@]}" "${command[@]}" &
	local pid=$!
	if declare -F outside >/dev/null; then
		outside >"$work/outside.log" 2>&1 || {
			tail -n 5 "$work/outside.log"
			echo "the outside met an error"
			show_later=1
		}
	fi
	wait "$pid" 2>/dev/null
}

replay() {
	snapshot "$work/before"
	(cd / && captured replay "$rr" replay -a)
	snapshot "$work/after"
	[[ $(status_of replay) = "$(status_of record)" ]] || {
		show replay
		failed "replay: expected $(status_of record)"
		return
	}
	for stream in out err; do
		cmp -s "$work/record.$stream" "$work/replay.$stream" && continue
		diff -a "$work/record.$stream" "$work/replay.$stream" | head -n 8
		failed "std$stream of the replay differs from the recording's"
		return
	done
	cmp -s "$work/before" "$work/after" || {
		diff "$work/before" "$work/after" | head -n 8
		failed "the replay changed files"
	}
}

once() {
	mkdir -p "$work"/{input,home,tmp}
	cd "$work/input" || return
	prepare >"$work/prepare.log" 2>&1 || {
		tail -n 5 "$work/prepare.log"
		failed "cannot prepare"
		return
	}
	record
	[[ $(status_of record) = "$expect" && ! $show_later ]] || {
		show record
		failed "record: expected $expect"
		return
	}
	change
	[[ $rr = none ]] || replay
}

run_case() {
	local missing='' show_later='' lacks='' rr=$rr
	name=$1 needs='' needs_ticks='' needs_landing='' limit=60 expect='exit 0' command=()
	unset -f outside
	prepare() { :; }
	change() { rm -rf "$work"/input/* "$work"/input/.[!.]* "$work"/tmp/*; }
	# shellcheck disable=SC1090
	. "$here/cases/$name.case" || return
	for p in $needs; do
		command -v "$p" >/dev/null || missing="$missing $p"
	done
	if [[ $missing ]]; then
		echo "SKIPPED $name: no$missing here"
		return 77
	fi
	[[ $needs_ticks && $have_ticks != yes && $rr != none ]] && lacks=ticks rr=none
	[[ $needs_landing && $have_quick_landing != yes && $rr != none ]] && lacks='quick landings' rr=none
	for ((i = 1; i <= times; i++)); do
		work=$(mktemp -d "${TMPDIR:-/tmp}/rr-suite.XXXXXX")
		(
			export HOME=$work/home TMPDIR=$work/tmp _RR_TRACE_DIR=$work/traces LC_ALL=C.UTF-8
			once
		) || return 1
		cleanup_work
	done
	if [[ $lacks ]]; then
		echo "SKIPPED $name: passes natively; recorded it needs $lacks"
		return 77
	fi
	echo "PASS $name ($times times$([[ ! $load ]] || echo ', under load'))"
}

cleanup_work() {
	chmod -R u+rwx "$work"
	rm -rf "$work"
	work=
}

ulimit -c 0
exec 3>&1
[[ $# -gt 0 ]] || set -- $(cd "$here/cases" && ls -- *.case | sed 's/\.case$//')
result=0
for case; do
	start=$SECONDS
	run_case "$case"
	case $? in
	0) ;;
	77) [[ $# -gt 1 ]] || result=77 ;;
	*) result=1 ;;
	esac
	[[ -z $work ]] || cleanup_work
	[[ $# -le 1 ]] || echo "     $((SECONDS - start)) s"
done
exit $result

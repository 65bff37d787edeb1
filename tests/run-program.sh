#!/bin/bash
# Run one test program: natively, then recorded, then replayed REPEAT times (default 1) after its
# directory is gone; stdout, stderr and exit status of every replay must be the recording's.
# usage: run-program.sh RR MODE BINARY [ARGS...]
#   RR     the rr to test, or `none` to run natively only
#   MODE   how to record: see mode_options below
# The program's first comment says what it needs: `modes: M ...; needs: N ...; exit: STATUS`.
# What needs something of rr's that features.sh does not have yet is run natively only.
set -u

rr=$1 mode=$2 binary=$(realpath "$3")
shift 3
here=$(dirname "$(realpath "$0")")
. "$here/features.sh"
name=$(basename "$binary")
capture=${CAPTURE:-$(dirname "$binary")/../run-captured}
limit=${LIMIT:-30}
[[ $mode != simulated ]] || limit=${LIMIT:-120}

skipped() {
	echo "SKIPPED $name ($mode): $*"
	exit 77
}

failed() {
	echo "FAIL $name ($mode): $*"
	exit 1
}

# The options of `rr record` for each mode of the matrix.
case $mode in
native) rr=none options= ;;
traced) options=-n ;;
turns) options='-n -c 30' ;; # slices of a few ticks
default) options= ;;
turn-each) options=-s ;; # a turn ends with each event
chaos) options='-h --syscall-buffer-size=4' ;; # which is full often
simulated) options=--ticks=simulated have_ticks=yes ;; # small programs only: a step for each instruction
breakpoint) # the kernel's count of one place, for all that a PMU needs but the PMU
	options=--ticks=breakpoint:$(nm "$binary" | sed -n 's/^0*\([0-9a-f]*\) t ticks_here$/0x\1/p')
	have_ticks=yes
	;;
pmu)
	options=--ticks=pmu have_ticks=yes
	"$rr" doctor | grep -q '^ok *PMU' || skipped "$("$rr" doctor | sed -n 's/^missing *PMU *//p')"
	;;
*) skipped "this rr has no mode $mode" ;;
esac

header=$(sed 's/^ [*] //; /\*\//q' "$here/programs/${name%%.*}".[cS]* | tr '\n' ' ')
field() {
	sed -nE "s/.*[;.] *$1: *([^;*]*).*/\1/p" <<<"$header" | sed 's/ *$//'
}

modes=$(field modes)
[[ $modes ]] || failed "its first comment names no modes"
[[ $modes == later* && $mode != native ]] && skipped "$modes"
lacks=
needs=$(field needs)
# Where nothing says what is a function, or code may be written to, there are no safepoints.
[[ $name == signal_loop.@(stripped|writable) ]] && needs+=' quick-landing'
for need in $needs; do
	case $need in
	root) [[ $(id -u) = 0 ]] || skipped "needs root" ;;
	*)
		has=have_${need//-/_}
		[[ ${!has:-} ]] || failed "unknown need: $need"
		[[ ${!has} = yes ]] || lacks=$need
		;;
	esac
done

work=$(mktemp -d "${TMPDIR:-/tmp}/rr-program.XXXXXX")
trap 'rm -rf "$work"' EXIT
ulimit -c 0
export _RR_TRACE_DIR=$work/traces HOME=$work TEST_MODE=$mode

# run WHAT DIRECTORY COMMAND...: leaves $work/WHAT.{status,out,err}.
run() {
	local what=$1 dir=$2
	shift 2
	(cd "$dir" && exec "$capture" "$limit" "$work/$what.status" "$work/$what.out" \
		"$work/$what.err" "$@") || failed "$what: cannot run $1"
}

status_of() {
	cat "$work/$1.status"
}

show() {
	echo "--- $1: $(status_of "$1"), last lines of stderr and stdout:"
	tail -n 12 "$work/$1.err"
	tail -n 4 "$work/$1.out"
}

same() {
	cmp -s "$work/record.$2" "$work/$1.$2" && return
	diff -a "$work/record.$2" "$work/$1.$2" | head -n 8
	show "$1"
	failed "$1: std$2 differs from the recording's"
}

expected=$(field exit)
mkdir "$work/native.d" "$work/record.d"
run native "$work/native.d" "$binary" "$@"
case $(status_of native) in
"exit 77") skipped "$(tail -n 1 "$work/native.out")" ;;
"${expected:=exit 0}") ;;
*) [[ $expected = any ]] || {
	show native
	failed "natively: expected $expected"
} ;;
esac
if [[ $rr = none ]]; then
	echo "PASS $name ($mode)"
	exit 0
fi
[[ ! $lacks ]] || skipped "passes natively; recorded it needs $lacks"

rr=$(realpath "$rr")
# shellcheck disable=SC2086
run record "$work/record.d" "$rr" record $options "$binary" "$@"
[[ $(status_of record) = "$(status_of native)" ]] || {
	show record
	failed "record: expected $(status_of native)"
}
chmod -R u+rwx "$work/record.d"
rm -rf "$work/record.d"
for ((i = 1; i <= ${REPEAT:-1}; i++)); do
	run replay / "$rr" replay -a
	[[ $(status_of replay) = "$(status_of record)" ]] || {
		show replay
		failed "replay: expected $(status_of record)"
	}
	same replay out
	same replay err
done
echo "PASS $name ($mode)"

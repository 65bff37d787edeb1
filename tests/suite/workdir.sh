# Sourced by tests that watch a recording while it runs: a directory of their own to work in, with
# no traces yet, and what they end and wait with.
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-$(basename "$0" .sh).XXXXXX")
trap 'rm -rf "$work"' EXIT
export _RR_TRACE_DIR=$work/traces HOME=$work
cd "$work" || exit 2

fail() {
	echo "FAIL: $*"
	exit 1
}

# Wait until the command is true: half a minute at most.
wait_until() {
	for ((i = 0; i < 300; i++)); do
		"$@" && return
		sleep 0.1
	done
	"$@"
}

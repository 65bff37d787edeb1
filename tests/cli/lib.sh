# What the tests of the command line share. `rr` is the binary under test, $tmp a directory of ours.

rr=$(realpath "$1")
[ -x "$rr" ] || { echo "no program $rr"; exit 1; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rr-cli-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
export _RR_TRACE_DIR="$tmp/traces"
export _RR_CACHE_DIR="$tmp/cache"
unset RR_LOG RR_LOG_FILE RUNNING_UNDER_RR
checks=0
failures=0

fail()
{
	failures=$((failures + 1))
	echo "FAILED: $*"
	echo "  status $status, stdout:"
	head -n 5 "$tmp/out" | sed 's/^/    /'
	echo "  stderr:"
	head -n 5 "$tmp/err" | sed 's/^/    /'
	[ "$failures" -lt 20 ] || { echo "too many failures"; exit 1; }
}

# Run a command; its output is in $tmp/out and $tmp/err, its status in $status.
run()
{
	checks=$((checks + 1))
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
}

# want_error STATUS PATTERN COMMAND...: that status, nothing on stdout, one line on stderr which begins with
# `rr: ` and matches the extended regular expression.
want_error()
{
	want=$1 pattern=$2
	shift 2
	run "$@"
	[ "$status" -eq "$want" ] || fail "status $want wanted: $*"
	[ ! -s "$tmp/out" ] || fail "no output wanted: $*"
	[ "$(wc -l <"$tmp/err")" -eq 1 ] || fail "one line wanted on stderr: $*"
	grep -q '^rr: ' "$tmp/err" || fail "prefix 'rr: ' wanted: $*"
	grep -Eq -e "$pattern" "$tmp/err" || fail "'$pattern' wanted on stderr: $*"
}

# want_ok COMMAND...: status 0 and nothing on stderr.
want_ok()
{
	run "$@"
	[ "$status" -eq 0 ] || fail "status 0 wanted: $*"
	[ ! -s "$tmp/err" ] || fail "nothing wanted on stderr: $*"
}

# want_output PATTERN COMMAND...: as want_ok, and a line of stdout matches.
want_output()
{
	pattern=$1
	shift
	want_ok "$@"
	grep -Eq -e "$pattern" "$tmp/out" || fail "'$pattern' wanted on stdout: $*"
}

# want_status STATUS COMMAND...
want_status()
{
	want=$1
	shift
	run "$@"
	[ "$status" -eq "$want" ] || fail "status $want wanted: $*"
}

# want COMMAND...: a condition, on what the last run left.
want()
{
	checks=$((checks + 1))
	"$@" || fail "not so: $*"
}

finish()
{
	echo "$checks checks, $failures failed"
	[ "$failures" -eq 0 ]
	exit
}

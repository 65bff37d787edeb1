# Sourced: a script of gdb's against a server of ours, behind lib.sh.

# with_server TRACE LIMIT SCRIPT PATTERN: serves the trace, runs SCRIPT (beside the caller) in gdb for LIMIT
# seconds at most, shows the lines of its output with PATTERN. The server is $SERVER; it ends with gdb.
with_server()
{
	"$rr" replay -q -s 0 "$1" >/dev/null 2>"$tmp/serving" &
	export SERVER=$!
	for _ in $(seq 600); do
		line=$(sed -n 's/.*connect with: //p' "$tmp/serving")
		[ -z "$line" ] || break
		sleep 0.1
	done
	run bash -c "timeout $2 $line -nx -batch -iex 'set debuginfod enabled off' -x '$here/$3' 2>&1"
	grep -a "$4" "$tmp/out"
}

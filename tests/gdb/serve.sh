#!/bin/bash
# rr replay around the debugger: serving without starting gdb, clients that come and go, where a replay
# starts, front ends, and that nothing is left behind.
# usage: serve.sh RR
set -u
here=$(dirname "$(realpath "$0")")
. "$here/../features.sh"
[ "$have_gdb" = yes ] || { echo "SKIPPED gdb serve: no gdb with Python"; exit 77; }
command -v python3 >/dev/null || { echo "SKIPPED gdb serve: no python3"; exit 77; }
. "$here/../cli/lib.sh"
export HOME=$tmp LC_ALL=C
ulimit -c 0
cd "$here/programs" || exit 1
for program in c tree spin crash calls; do
	gcc -g -O0 -o "$tmp/$program" $program.c || exit 1
	(exec "$rr" record -n -o "$tmp/$program-trace" "$tmp/$program") >/dev/null 2>&1
done

# serve OPTIONS...: $server is its pid, $port where it listens.
serve()
{
	"$rr" replay -s 0 "$@" >"$tmp/served" 2>"$tmp/serving" &
	server=$!
	for _ in $(seq 600); do
		port=$(sed -n 's/^rr: serving on 127.0.0.1:\([0-9]*\);.*/\1/p' "$tmp/serving")
		[ -z "$port" ] || return
		sleep 0.1
	done
	echo "FAILED: it does not serve"; cat "$tmp/serving"; exit 1
}

# The server ends by itself, with that status.
want_end()
{
	checks=$((checks + 1))
	for _ in $(seq 300); do
		[ -e "/proc/$server" ] || break
		sleep 0.1
	done
	[ ! -e "/proc/$server" ] || fail "the server should have ended"
	wait "$server"
	[ $? = "$1" ] || fail "the server should have ended with $1"
}

client()
{
	timeout 300 python3 "$here/client.py" "$port" "$@"
}

# debug OPTIONS... -- COMMANDS...: rr replay with these gdb commands; output in $tmp/out.
debug()
{
	options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	commands=()
	for command; do
		commands+=(-ex "$command")
	done
	run timeout 120 "$rr" replay "${options[@]}" -- -nx -batch -iex 'set debuginfod enabled off' "${commands[@]}"
	cat "$tmp/err" >>"$tmp/out" # where gdb writes what `monitor` says
}

# --- serving ---
serve "$tmp/c-trace"
want client vanish
want_end 0
serve "$tmp/spin-trace"
run client interrupt
want grep -qx interrupted "$tmp/out"
want_end 0
serve "$tmp/spin-trace"
want client leave
want_end 0
serve -k "$tmp/c-trace"
run client connects 1000 "$server"
want grep -q '^1000 connects' "$tmp/out"
want client end
want_end 0

# What is printed connects; without our sysroot the files come through the connection.
serve "$tmp/c-trace"
line=$(sed -n 's/.*connect with: //p' "$tmp/serving")
run bash -c "timeout 60 $line -nx -batch -ex 'break twice' -ex continue -ex 'print n'"
want grep -q '= 55$' "$tmp/out"
want_end 0
serve "$tmp/c-trace"
mv "$tmp/c" "$tmp/away"
run timeout 60 gdb -nx -batch -ex "target extended-remote 127.0.0.1:$port" -ex 'break twice' -ex continue \
	-ex 'print n'
want grep -q '= 55$' "$tmp/out"
want_end 0
# The program is gone: gdb gets the trace's copy.
debug "$tmp/c-trace" -- 'break twice' continue 'print n'
want grep -q '= 55$' "$tmp/out"
want grep -q "warning: $tmp/c is not what was recorded" "$tmp/err"
# Asked to, all files come from there.
debug --serve-files "$tmp/c-trace" -- 'break twice' continue 'print n' 'info sharedlibrary'
want grep -q '= 55$' "$tmp/out"
want grep -q 'target:/.*libc' "$tmp/out"
want bash -c "! grep -q 'not what was recorded' '$tmp/err'"
mv "$tmp/away" "$tmp/c"

# --- output, status ---
debug "$tmp/c-trace" -- 'handle SIGUSR1 nostop noprint' continue
want grep -qx 'sum 830 total 110 handled 1' "$tmp/out"
debug -q "$tmp/c-trace" -- 'handle SIGUSR1 nostop noprint' continue
want bash -c "! grep -q '^sum 830' '$tmp/out'"
debug "$tmp/c-trace" -- 'handle SIGUSR1 nostop noprint' 'break main' continue continue 'run 0' continue continue
want bash -c "[ \$(grep -c '^sum 830' '$tmp/out') = 2 ]"
run timeout 60 "$rr" replay "$tmp/c-trace" -- -nx -batch -ex 'quit 7'
want [ "$status" = 7 ]

# --- a function that does not return, called by gdb ---
run bash -c "printf '%s\n' 'break puts' continue 'set unwindonsignal on' 'python import os, signal, threading' \
	'python threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()' \
	'print never_returns()' 'print value' continue quit |
	timeout 60 '$rr' replay '$tmp/calls-trace' -- -nx"
want grep -q 'Program received signal SIGINT' "$tmp/out"
want grep -q '= 2$' "$tmp/out"
want grep -qx 'value 12' "$tmp/out"

# --- where it starts ---
debug -g 20 "$tmp/c-trace" -- when
want grep -q '^Completed event: 20$' "$tmp/out"
want_error 1 'there is no event 999999' "$rr" replay -g 999999 "$tmp/c-trace"
debug -e "$tmp/c-trace" -- bt
want grep -q '_exit' "$tmp/out"
debug -e "$tmp/crash-trace" -- 'print $_siginfo.si_signo' 'reverse-stepi'
want grep -q '= 11$' "$tmp/out"
pids=($("$rr" ps "$tmp/tree-trace" | sed 1d | cut -f1))
debug -f "${pids[1]}" "$tmp/tree-trace" -- 'info inferiors' 'tbreak in_forked' continue 'print stage'
want grep -q "process ${pids[1]} " "$tmp/out"
want grep -q '= 1$' "$tmp/out"
debug -p "${pids[2]}" "$tmp/tree-trace" -- 'info inferiors' 'break main' continue 'print argc'
want grep -q "process ${pids[2]} " "$tmp/out"
want grep -q '= 2$' "$tmp/out"
debug -p tree "$tmp/tree-trace" -- 'info inferiors'
want grep -q "process ${pids[0]} " "$tmp/out"
want_error 1 'no process executed nothing' "$rr" replay -p nothing "$tmp/tree-trace"
want_error 1 'no process 1 was forked' "$rr" replay -f 1 "$tmp/tree-trace"

# --- front ends ---
printf '%s\n' -break-insert\ twice -exec-continue -gdb-exit >"$tmp/mi"
timeout 60 "$rr" replay -q -i=mi "$tmp/c-trace" -- -nx <"$tmp/mi" >"$tmp/out" 2>"$tmp/err"
want grep -q '^\*stopped,reason="breakpoint-hit"' "$tmp/out"
printf '%s\n' 'break twice' continue >"$tmp/script"
timeout 60 "$rr" replay -q --fullname -o -nx -x "$tmp/script" "$tmp/c-trace" -- -batch </dev/null >"$tmp/out" 2>"$tmp/err"
want grep -q 'c.c:20:' "$tmp/out"

finish

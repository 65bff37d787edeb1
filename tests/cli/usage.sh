#!/bin/sh
# The command line without any recording: help, refusals, errors and their statuses.
# usage.sh RR
. "$(dirname "$0")/lib.sh"

# --- informative options, before the command and after it ---
want_output '^rr version [0-9]+\.[0-9]+' "$rr" -N
want_output '^rr version' "$rr" --version
want_output '^rr version' "$rr" record -N
want_output '^record$' "$rr" -L
want_output '^doctor$' "$rr" --list-commands
want_output '^Commands:' "$rr" --help
want_output '^Commands:' "$rr" -h
want_output '^Commands:' "$rr" help
want_status 1 "$rr"
want grep -q '^Commands:' "$tmp/out"
for command in $("$rr" -L); do
	want_output "^Usage: rr $command" "$rr" help "$command"
	want_output "^Usage: rr $command" "$rr" "$command" --help
	want_output "^Usage: rr $command" "$rr" --help "$command"
	want_error 1 "^rr: $command: unknown option '--nonsense'" "$rr" "$command" --nonsense
done
want_output 'num-cpu-ticks=N' "$rr" help record
want_error 1 "'nonsense' is no command" "$rr" help nonsense
want_error 1 'usage: rr help' "$rr" help record replay

# --- no such command; abbreviations are none ---
want_error 1 "'rr help' lists" "$rr" nonsense
want_error 1 "'rr help' lists" "$rr" rec
want_error 1 "'rr help' lists" "$rr" ''
want_error 1 "'rr help' lists" "$rr" "$tmp"
want_error 1 "unknown option '-c'" "$rr" -c5 record
want_error 1 "unknown option '--chec'" "$rr" --chec=on-syscalls ls

# --- global options ---
want_ok "$rr" --log=all ls
want_ok "$rr" --log=writer:debug,reader:warn ls
want_ok "$rr" ls --log all
want_error 1 'levels' "$rr" --log=all:loud ls
want_ok "$rr" -M -E -S -F -A zen ls
want_ok "$rr" ls -M -E -S -F -Azen --resource-path=/x --non-interactive --disable-cpuid-faulting
for when in on-syscalls on-all-events 5 0x10; do
	want_ok "$rr" -C "$when" ls
done
for when in never 0 -1 ''; do
	want_error 1 'on-syscalls, on-all-events' "$rr" --checksum="$when" ls
done
for option in -D5 --dump-on=5 -T5 '--dump-at 5'; do
	# shellcheck disable=SC2086 # the last is two words
	want_error 1 'not in this version yet' "$rr" $option ls
done
want_error 1 'RR_LOG' env RR_LOG=all:loud "$rr" ls
want_error 1 'RR_LOG_FILE' env RR_LOG_FILE=/nonexistent/file "$rr" ls

# --- rerun ---
want_error 1 'rerun: -f .*not in this version yet' "$rr" rerun -f 0x1000
want_error 1 '^rr: rerun: -s' "$rr" rerun --event-regs=ip -s 0

# A message is a line, whatever names are in it.
want_error 1 'no-such.trace' "$rr" ps 'no-such
trace'

# --- record ---
want_error 1 'record: which program\?; usage: rr record' "$rr" record
want_error 1 'usage: rr record' "$rr" record -n
want_error 1 'usage: rr record' "$rr" record --
want_error 1 "^rr: record: --setuid-sudo .*not in this version yet" "$rr" record --setuid-sudo true
for value in 0 x -5 5x 0x '' 99999999999999999999; do
	want_error 1 '^rr: record: -c' "$rr" record -c "$value" true
done
want_error 1 '^rr: record: -o needs an argument' "$rr" record -o
want_error 1 '^rr: record: -p 77: no such descriptor' "$rr" record -p 77 true
want_error 1 "^rr: record: -i 'SIGNONE': is not a signal" "$rr" record -i SIGNONE true
want_error 1 "^rr: record: -t '999': is not a signal" "$rr" record -t 999 true
want_error 1 'NAME=VALUE' "$rr" record -v novalue true
want_error 1 'NAME=VALUE' "$rr" record -v =value true
want_error 1 'any' "$rr" record --bind-to-cpu=some true
want_error 1 'may not run on that core' "$rr" record --bind-to-cpu=1023 true
want_error 1 'must be from 1 to' "$rr" record --num-cores=0 true
want_error 1 '32 hexadecimal digits' "$rr" record --trace-id=12 true
want_error 1 '32 hexadecimal digits' "$rr" record --trace-id=00112233445566778899aabbccddeeffff true
want_error 1 'up to 2 numbers' "$rr" record --disable-cpuid-features 1,2,3 true
want_error 1 'up to 3 numbers' "$rr" record --disable-cpuid-features-ext 1,2,0x100000000 true
want_error 1 '1 number' "$rr" record --disable-cpuid-features-xsave x true
want_error 1 'not in this version yet' "$rr" record --nested=detach true
want_error 1 'not in this version yet' "$rr" record --nested=release true
want_error 1 'not one of' "$rr" record --nested=deeply true
want_error 1 'inside a recording' env RUNNING_UNDER_RR=1 "$rr" record true
want_error 1 'inside a recording' env RUNNING_UNDER_RR=1 "$rr" record --nested=error true
want_status 3 env RUNNING_UNDER_RR=1 "$rr" record --nested=ignore sh -c 'exit 3'
want_error 69 '/nonexistent' env RUNNING_UNDER_RR=1 "$rr" record --ignore-nested /nonexistent

# --- replay ---
want_error 1 'no-such-trace' "$rr" replay no-such-trace
for option in -e -k -i=mi --fullname -dgdb '-d gdb' -f5 -p5 -s0 '-s 0' --dbgport=0 -h127.0.0.1 -ox \
	-xfile --tty=/dev/null '-g 5' '-- -nx'; do
	# shellcheck disable=SC2086 # some are two words
	want_error 1 'no-such-trace' "$rr" replay no-such-trace $option
done
want_error 1 "^rr: replay: -s '65536': is not a port" "$rr" replay -s 65536
want_error 1 '^rr: replay: -f' "$rr" replay -f child
want_error 1 'either -p or -f' "$rr" replay -f 5 -p 5
want_output '^define when$' "$rr" gdbinit
want_error 1 '^rr: replay: -g' "$rr" replay -a -g 0
want_error 1 '^rr: replay: --stats' "$rr" replay -a --stats=often
want_error 1 'usage: rr replay' "$rr" replay -a one two
want_error 1 'no-such-trace' "$rr" replay -a no-such-trace

# --- no traces at all ---
want_ok "$rr" ls
want_ok "$rr" ls -ltr
want [ ! -s "$tmp/out" ]
for command in dump ps traceinfo filename sources; do
	want_error 1 '' "$rr" "$command"
	want_error 1 'no-such-trace' "$rr" "$command" no-such-trace
done
want_error 1 'unexpected argument' "$rr" ls x
for command in ps filename sources; do
	want_error 1 "usage: rr $command" "$rr" "$command" a b
done
want_error 1 'usage: rr rm' "$rr" rm
want_error 1 'no-such-trace' "$rr" rm no-such-trace
want_ok "$rr" rm -f no-such-trace
want_error 1 'usage: rr mv' "$rr" mv a
want_error 1 'no-such-trace' "$rr" mv no-such-trace b
want_error 1 'not an event' "$rr" dump trace 5-x
want_error 1 '^rr: dump: -t' "$rr" dump -t 0

# Nothing but traces is removed.
mkdir -p "$tmp/precious"
: >"$tmp/precious/file"
want_error 1 'precious' "$rr" rm "$tmp/precious"
want_error 1 'precious' "$rr" rm -f "$tmp/precious"
want_error 1 'precious' "$rr" mv "$tmp/precious" new
want [ -f "$tmp/precious/file" ]

# --- the machine ---
want_output '^--disable-cpuid-features 0x[0-9a-f]+,0x[0-9a-f]+ --disable-cpuid-features-ext 0x[0-9a-f]+,0x[0-9a-f]+,0x[0-9a-f]+ --disable-cpuid-features-xsave 0x[0-9a-f]+$' "$rr" cpufeatures
want_error 1 'unexpected argument' "$rr" doctor x
run "$rr" doctor
want grep -Eq '^(ok|limited|missing) +ptrace ' "$tmp/out"
want grep -Eq '^(ok|limited|missing) +trace directory ' "$tmp/out"
want [ "$(grep -Evc '^(ok|limited|missing) ' "$tmp/out")" -eq 1 ]
if grep -q '^Recording can work here' "$tmp/out"; then
	want [ "$status" -eq 0 ]
else
	want [ "$status" -eq 1 ]
fi

# Nobody reads: no message, no endless run. A full disk is an error.
"$rr" help 2>"$tmp/err" | :
want [ ! -s "$tmp/err" ]
if [ -c /dev/full ]; then
	"$rr" help 2>"$tmp/err" >/dev/full
	want [ $? -eq 1 ]
	want grep -q '^rr: cannot write' "$tmp/err"
fi
finish

#!/bin/sh
# The commands that look at traces, on traces that make_trace wrote: nothing is recorded here.
# traces.sh RR MAKE_TRACE JSON_CHECK
. "$(dirname "$0")/lib.sh"
make_trace=$2
json_check=$3
root=$_RR_TRACE_DIR
tab=$(printf '\t')

mkdir "$root"
want_ok "$make_trace" "$root/one-2"
touch -d '2020-01-02' "$root/one-2/version"
want_ok "$make_trace" "$root/one-10"
touch -d '2020-01-03' "$root/one-10/version"
want_ok "$make_trace" "$root/cut-0" unfinished
touch -d '2020-01-01' "$root/cut-0/version"
ln -s one-10 "$root/latest-trace"

latest()
{
	readlink "$root/latest-trace"
}

# --- ls ---
want_ok "$rr" ls
want [ "$(tr '\n' ' ' <"$tmp/out")" = 'cut-0 one-2 one-10 ' ]
want_ok "$rr" ls -r
want [ "$(tr '\n' ' ' <"$tmp/out")" = 'one-10 one-2 cut-0 ' ]
want_ok "$rr" ls -t
want [ "$(tr '\n' ' ' <"$tmp/out")" = 'one-10 one-2 cut-0 ' ]
want_ok "$rr" ls --sort-by-age --reverse
want [ "$(tr '\n' ' ' <"$tmp/out")" = 'cut-0 one-2 one-10 ' ]
want_status 0 "$rr" ls -lt
want [ "$(wc -l <"$tmp/out")" -eq 4 ]
want grep -Eq "^NAME +SIZE +WHEN +EXIT +CMD" "$tmp/out"
want grep -Eq "^one-10 .* 3  \./prog 'a b' 'it'\\\\''s' \\$'new\\\\012line'" "$tmp/out"
want grep -Eq '^cut-0 .* incomplete ' "$tmp/out"

# --- ps: scripts read it ---
want_ok "$rr" ps
want [ "$(head -n 1 "$tmp/out")" = "PID${tab}PPID${tab}EXIT${tab}CMD" ]
want [ "$(wc -l <"$tmp/out")" -eq 5 ]
want grep -q "^1000$tab--${tab}3$tab./prog 'a b'" "$tmp/out"
want grep -q "^1002${tab}1000${tab}0$tab(forked without exec)\$" "$tmp/out"
want grep -q "^1003${tab}1002${tab}-15$tab/bin/true\$" "$tmp/out"
want grep -q "^1004${tab}1000${tab}none$tab(forked without exec)\$" "$tmp/out"
cp "$tmp/out" "$tmp/ps"
for name in one-10 "$root/one-10" "$root/one-2/" one-2 latest-trace; do
	want_ok "$rr" ps "$name"
	want cmp -s "$tmp/out" "$tmp/ps"
done
(cd "$root" && "$rr" ps ./one-2) >"$tmp/out"
want cmp -s "$tmp/out" "$tmp/ps"

# --- dump ---
want_ok "$rr" dump
want [ "$(wc -l <"$tmp/out")" -eq 22 ]
for words in \
	'^1 +1000 +\+0\.001000  exec +/tmp/prog \(2 mappings\)$' \
	'^2 .* clone: new thread 1001$' \
	'^3 .* syscall  read\(3, 0x7fffffe000, 100\) = 39$' \
	'^4 +1001 .* enter    read\(3' \
	'^5 .* write\(1, 0x401800, 5\) = 5 \(to stdout\)$' \
	'^6 +1001 .* leave    read\(3, .* = -1 EBADF' \
	'^7 .* syscall_99999 = -1 ENOSYS$' \
	'^8 .* clone: new process 1002$' \
	'^12 .* clone: new process on the same memory 1004$' \
	'^13 .* SIGSEGV \(SEGV_MAPERR at 0x1234\) handled by a handler at 0x401234$' \
	'^14 +1003 .* SIGTERM \(SI_USER from 77\) is fatal$' \
	'^15 .* SIGWINCH ignored$' \
	'^16 .* rdtsc -> 8589934608$' \
	'^17 .* cpuid 0x7, 0x0 -> 0x10 0xb 0xc 0x2$' \
	'^18 .* preempted at tick 4321$' \
	'^19 .* killed by SIGTERM$' \
	'^22 .* exit status 3$'; do
	want grep -Eq "$words" "$tmp/out"
done
want_ok "$rr" dump one-2 3 5-6 end
want [ "$(cut -d ' ' -f 1 "$tmp/out" | tr '\n' ' ')" = '3 5 6 22 ' ]
want_ok "$rr" dump 21-end
want [ "$(cut -d ' ' -f 1 "$tmp/out" | tr '\n' ' ')" = '21 22 ' ]
want_ok "$rr" dump 20-999
want [ "$(wc -l <"$tmp/out")" -eq 3 ]
want_ok "$rr" dump -t 1001
want [ "$(cut -d ' ' -f 1 "$tmp/out" | tr '\n' ' ')" = '4 6 8 21 ' ]
want_output '^  \{ tid:1000, addr:0x7fffffe000, length:0x27, data:68656c6c6f' "$rr" dump -m 3
want_output '^  \{ file:1, offset:0x1000, length:0x5, file_size:0x2000 \}' "$rr" dump -m 5
want_output '^  \{ name:"/tmp/prog", addr:0x400000, length:0x2000, prot:"r-xp"' "$rr" dump -p 1
want_output '^  \{ fpregs: length:0x240, hash:0x[0-9a-f]{16} \}' "$rr" dump -e 1
want_ok "$rr" dump -b 1
want [ "$(wc -l <"$tmp/out")" -eq 1 ]
want_output '^event=3 type=syscall tid=1000 time_ns=1003000000 .* result=39 .*regs\.rdi=0x3 ' "$rr" dump -r 3
want_ok "$rr" dump -s
want grep -q '^events: 22, tasks: 4, ' "$tmp/out"
want grep -Eq '^ +2 +39 +1  read$' "$tmp/out"
want grep -Eq '^ +4 +0 +1  1001  \(thread of 1000\)$' "$tmp/out"
want_ok "$rr" dump -s 1-2
want grep -Eq '^2 +1000 ' "$tmp/out"
want grep -q '^events: 2, ' "$tmp/out"
for range in 0 23 0-5 99-100; do
	want_error 1 'the trace has events 1 to 22' "$rr" dump "$range"
done
want_error 1 'before the beginning' "$rr" dump 5-4
want_error 1 'no-such' "$rr" dump no-such 4
want_status 0 "$rr" dump cut-0
want grep -q '^rr: warning: .*incomplete' "$tmp/err"

want_error 1 'warning: .*incomplete' "$rr" -E dump cut-0
want_error 1 'warning: .*incomplete' "$rr" ps --fatal-errors cut-0

# Nobody reads the rest.
"$rr" dump 2>"$tmp/err" | head -n 1 >"$tmp/out"
want [ "$(wc -l <"$tmp/out")" -eq 1 ]
want [ ! -s "$tmp/err" ]

# --- traceinfo ---
want_ok "$rr" traceinfo
want "$json_check" <"$tmp/out"
for field in '"events": 22,' '"incomplete": false,' '"uuid": "00112233445566778899aabbccddeeff",' \
	'"new\\u000aline"' '"\\udcff' '"QUOTE=\\"\\\\\\u0009\\u0001\\u007f"' '"LATIN=\\udce4"' \
	'{"leaf": 1, "subleaf": 0, "eax": 2, "ebx": 3, "ecx": 4, "edx": 5},' '"bindToCpu": -1,'; do
	want grep -qF -e "$(printf '%b' "$field")" "$tmp/out"
done
want_status 0 "$rr" traceinfo cut-0
want "$json_check" <"$tmp/out"
want grep -q '"incomplete": true,' "$tmp/out"

# --- `rr TRACE` replays ---
want_error 1 'debugger /no/gdb is not there: install it' "$rr" "$root/one-2" -d /no/gdb
want_error 1 'debugger /no/gdb is not there: install it' "$rr" one-2 -d /no/gdb
want_error 1 'debugger no-gdb is not there: install it' "$rr" -M one-2 -d no-gdb
want_error 1 'cannot serve on 192.0.2.1:0' "$rr" one-2 -s0 -h 192.0.2.1

# --- mv ---
want_ok "$rr" mv one-10 renamed
want [ ! -e "$root/one-10" ]
want_ok "$rr" ps renamed
want cmp -s "$tmp/out" "$tmp/ps"
want [ "$(latest)" = renamed ]
want_error 1 'exists already' "$rr" mv one-2 renamed
want_error 1 'cannot be the name' "$rr" mv one-2 latest-trace
want_error 1 'cannot be the name' "$rr" mv one-2 ..
want_error 1 'cannot be the name' "$rr" mv one-2 ''
want_error 1 'cannot rename' "$rr" mv one-2 "$tmp/no/such/place"
want_ok "$rr" mv renamed "$tmp/elsewhere"
want_ok "$rr" ps "$tmp/elsewhere"
want [ "$(latest)" = one-2 ]
want_ok "$rr" mv "$tmp/elsewhere" one-10
want_ok "$rr" ps one-10

# --- pack ---
want [ -e "$root/one-10/files/1" ]
ln "$root/one-10/files/1" "$tmp/shared"
cp "$tmp/shared" "$tmp/content"
want_ok "$rr" pack one-10
want [ "$(stat -c %h "$root/one-10/files/1")" = 1 ]
want cmp -s "$root/one-10/files/1" "$tmp/content"
want [ "$(stat -c %a%Y "$root/one-10/files/1")" = "$(stat -c %a%Y "$tmp/shared")" ]
want [ "$(ls "$root/one-10/files")" = "$(ls "$root/one-2/files")" ]
want_ok "$rr" pack --symlink --pack-dir="$tmp" one-10 one-2
want_error 1 'cut-0 is incomplete' "$rr" pack cut-0
want_error 1 'no trace' "$rr" pack nonsense
mv "$root/one-10/files/1" "$tmp/content"
want_error 1 'file 1: No such file' "$rr" pack one-10
mv "$tmp/content" "$root/one-10/files/1"

# --- rm ---
# A trace being written is one whose marker is there while a process has its files open.
sleep 60 9<"$root/cut-0/version" &
holder=$!
want_error 1 "in use by process $holder: use -f" "$rr" rm cut-0
want_error 1 'being recorded' "$rr" mv cut-0 cut-1
kill $holder
wait $holder 2>"$tmp/err"
want [ -d "$root/cut-0" ]
want_ok "$rr" rm cut-0
want [ ! -e "$root/cut-0" ]
want_ok "$rr" rm one-2
want [ "$(latest)" = one-10 ]
want_ok "$rr" ps
want_ok "$make_trace" "$root/odd name-0"
want_error 1 'no-such' "$rr" rm no-such 'odd name-0'
want [ ! -e "$root/odd name-0" ]
want_ok "$make_trace" "$tmp/outside"
want_ok "$rr" rm -f "$tmp/outside" no-such
want [ ! -e "$tmp/outside" ]
want_ok "$rr" rm latest-trace
want [ ! -e "$root/one-10" ]
want [ ! -L "$root/latest-trace" ]
want_ok "$rr" ls
want [ ! -s "$tmp/out" ]
finish

#!/bin/sh
# What the debug information of recorded programs says: sources, filename, buildid.
# sources.sh RR JSON_CHECK
. "$(dirname "$0")/lib.sh"
json_check=$(realpath "$2")
work="$tmp/work"
compiler=${CC:-cc}

mkdir -p "$work/sub" "$work/inc"
cd "$work" || exit 1
echo 'static inline int three(void) { return 3; }' >inc/three.h
printf '#include "../inc/three.h"\nint f(void) { return three(); }\n' >sub/f.c
printf 'int f(void);\nint main(void) { return f() - 3; }\n' >main.c

# --- each version of DWARF, each way to keep it ---
for options in -gdwarf-2 -gdwarf-3 -gdwarf-4 -gdwarf-5 '-gdwarf-4 -gz' '-gdwarf-5 -gz' \
	'-gdwarf-4 -gdwarf64' '-gdwarf-5 -gdwarf64' '-g -gsplit-dwarf' '-g -flto'; do
	# shellcheck disable=SC2086 # several words
	if ! $compiler $options main.c sub/f.c -o prog 2>"$tmp/err"; then
		echo "SKIPPED: $compiler $options"
		continue
	fi
	want_ok "$rr" record ./prog
	want_ok "$rr" sources
	want "$json_check" <"$tmp/out"
	for file in main.c sub/f.c; do
		want grep -q "^    \"$work/$file\"" "$tmp/out"
	done
	want grep -q "^    \"$work/\\(sub/../\\)*inc/three.h\"" "$tmp/out"
	want [ "$(grep -c "\"$work/prog\"" "$tmp/out")" -eq 1 ]
done

# The trace is enough.
rm -r main.c sub inc prog
cp "$tmp/out" "$tmp/before"
want_ok "$rr" sources
want cmp -s "$tmp/out" "$tmp/before"

# --- filename ---
want_ok "$rr" filename
want [ "$(head -n 1 "$tmp/out")" = "$work/prog" ]
want [ "$(sort "$tmp/out" | uniq -d | wc -l)" -eq 0 ]
want grep -q 'libc\.so' "$tmp/out"

# --- buildid ---
echo 'int main(void) { return 0; }' >plain.c
want_ok "$compiler" plain.c -o with -Wl,--build-id=0x0123456789abcdef
want_ok "$compiler" plain.c -o without -Wl,--build-id=none
printf '%s\n' with without with '' with | "$rr" buildid >"$tmp/out" 2>"$tmp/err"
want [ $? -eq 0 ]
want [ "$(tr '\n' , <"$tmp/out")" = '0123456789abcdef,,0123456789abcdef,' ]
printf '%s\n' with plain.c with | "$rr" buildid >"$tmp/out" 2>"$tmp/err"
want [ $? -eq 1 ]
want [ "$(cat "$tmp/out")" = 0123456789abcdef ]
want grep -q '^rr: buildid: plain.c: not an ELF file$' "$tmp/err"
want_ok "$rr" buildid
want [ ! -s "$tmp/out" ]
finish

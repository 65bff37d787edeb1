#!/bin/bash
# The invariants of images and the coverage of loops, over the programs of this machine.
# usage: whole.sh TEST-WHOLE
# shellcheck disable=SC2086 # the name may be a pattern
lib() { ls /lib/x86_64-linux-gnu/$1 /usr/lib/x86_64-linux-gnu/$1 /usr/lib64/$1 2>/dev/null | head -1; }
prog() { readlink -f "$(command -v "$1" 2>/dev/null)" 2>/dev/null; }
missing=() files=()
take() {
	if [ -n "$2" ] && [ -r "$2" ] && [ "$(head -c4 "$2" | tail -c3)" = ELF ]; then
		files+=("$2")
	else
		missing+=("$1")
	fi
}

take libc "$(lib libc.so.6)"
take ld.so /lib64/ld-linux-x86-64.so.2
take libstdc++ "$(lib libstdc++.so.6)"
take libcrypto "$(lib libcrypto.so.3)"
for p in bash python3 perl sqlite3 git redis-server xz; do
	path=$(prog $p)
	[ $p != python3 ] || [ ! -x /usr/bin/python3.11 ] || path=/usr/bin/python3.11
	take $p "$path"
done
# Debian's node is a library and a program that only calls it.
node=$(lib 'libnode.so.*')
take node "${node:-$(prog node)}"
take cc1 "$(gcc -print-prog-name=cc1 2>/dev/null)"
take libjvm "$(ls /usr/lib/jvm/*/lib/server/libjvm.so 2>/dev/null | head -1)"
take go "$(ls /usr/lib/go*/bin/go /usr/local/go/bin/go 2>/dev/null | head -1)"
for m in "${missing[@]}"; do
	echo "SKIPPED: $m is not here"
done
"$1" "${files[@]}"

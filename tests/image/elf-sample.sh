#!/bin/bash
# Links elf-sample.S in every way, and lets TEST look at each.
# usage: elf-sample.sh TEST CC [DIR]     DIR: keep the stripped files there (seeds of fuzz_elf)
set -eu -o pipefail
test=$1 cc=$2 keep=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

# variant NAME "DEFINES" LINK-OPTION...
variant() {
	local name=$1 defines=$2
	shift 2
	# shellcheck disable=SC2086 # a list
	"$cc" -c $defines "$here/elf-sample.S" -o "$dir/$name.o"
	if ! "$cc" -nostdlib -Wl,-e,f_start,--build-id=none,--eh-frame-hdr "$@" "$dir/$name.o" \
		-o "$dir/$name" 2> "$dir/errors"; then
		cat "$dir/errors"
		echo "$name: SKIPPED: the linker cannot do it"
		return
	fi
	strip -s -o "$dir/$name.stripped" "$dir/$name"
	echo "$name:"
	"$test" "$dir/$name" "$dir/$name.stripped" || bad=1
	[ -z "$keep" ] || cp "$dir/$name.stripped" "$keep/$name"
}

one=-Wl,-z,noseparate-code # headers and data in the text segment
variant exec "-DFIXED" -static $one
variant exec-separate "-DFIXED" -static
variant exec-high "-DFIXED -DHIGH" -static $one -Wl,-Ttext-segment=0x7f0000000000
variant pie "" -pie $one
variant pie-separate "" -pie
variant relr "-DGO=20" -pie $one -Wl,-z,pack-relative-relocs
variant lib "-DCALLS" -shared $one
variant lib-ibt "-DCALLS" -shared $one -Wl,-z,ibtplt
variant lib-now "-DCALLS" -shared -Wl,-z,now,-z,ibtplt
variant lib-hash "-DCALLS" -shared $one -Wl,--hash-style=sysv
variant go2 "-DFIXED -DGO=2" -static $one
variant go16 "-DFIXED -DGO=16" -static $one
variant go18 "-DFIXED -DGO=18" -static $one
variant go18-pie "-DGO=18" -pie $one
variant go20 "-DFIXED -DGO=20" -static $one
exit $bad

#!/bin/sh
# Compile sizes.c for one architecture. usage: sizes.sh CC -m64|-m32 SOURCE_ROOT
set -eu
cc=$1 mode=$2 root=$3
inc=$(dirname "$(echo '#include <asm/unistd_64.h>' | "$cc" -E - | sed -n 's/^# 1 "\(.*\)\/unistd_64.h".*/\1/p' | head -n 1)")
echo 'int x;' | "$cc" "$mode" -fsyntax-only -x c - 2>/dev/null || {
	echo "SKIPPED: the compiler has no $mode"
	exit 77
}
exec "$cc" "$mode" -std=gnu17 -Wall -Werror -fsyntax-only -I"$root/src" -idirafter "$inc" \
	"$root/tests/abi/sizes.c"

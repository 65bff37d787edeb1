#!/bin/sh
# Fuzz a target with clang's libFuzzer, on one core, politely.
# usage: run-fuzz.sh TARGET [SECONDS]       TARGET: trace_reader, elf, image, image_file, gdb_packet, gdb_server
#
# What it finds that is new goes to a working corpus beside the build (FUZZ_DIR, default
# build-fuzz/TARGET); crashes stop the run and are left there. To keep the interesting part of it:
#   build-fuzz/TARGET/fuzz -merge=1 tests/fuzz/corpus/NAME build-fuzz/TARGET/corpus
set -eu
target=${1:?usage: run-fuzz.sh TARGET [SECONDS]}
seconds=${2:-600}
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=${FUZZ_DIR:-$top/build-fuzz/$target}
here=$top/tests/fuzz

case $target in
trace_reader)
	corpus=trace
	sources="$top/src/base/*.c $top/src/trace/*.c"
	libs='-lzstd -lprotobuf-c -lpthread'
	max_len=16384
	;;
elf)
	corpus=elf
	sources="$top/src/base/*.c"
	for name in eh_frame elf elf_tables functions pclntab targets; do
		sources="$sources $top/src/image/$name.c"
	done
	libs=
	max_len=16384
	;;
image)
	corpus=image
	sources="$top/src/base/*.c $top/src/image/*.c $top/src/cli/image_show.c"
	libs=-lZydis
	max_len=16384
	;;
image_file)
	corpus=image_file
	sources="$top/src/base/*.c"
	for name in file lookup space; do
		sources="$sources $top/src/image/$name.c"
	done
	libs=
	max_len=4096
	;;
gdb_packet)
	corpus=gdb_packet
	sources="$top/src/base/*.c $top/src/gdb/packet.c $top/src/gdb/agent_expr.c"
	libs=
	max_len=1024
	;;
gdb_server)
	corpus=gdb_server
	sources="$top/src/base/*.c $top/src/abi/regs.c $top/src/abi/signal.c $top/tests/gdb/fake_timeline.c"
	for name in agent_expr breaks dispatch monitor packet query registers resume server state \
		threads tls vfile; do
		sources="$sources $top/src/gdb/$name.c"
	done
	libs=
	max_len=2048
	;;
*)
	echo "run-fuzz.sh: no target $target" >&2
	exit 2
	;;
esac

mkdir -p "$dir/corpus" "$dir/gen"
objects=
if [ "$target" = trace_reader ]; then
	protoc-c --proto_path="$top/src/trace" --c_out="$dir/gen" "$top/src/trace/trace.proto"
	clang -w -g -O1 -fsanitize=fuzzer-no-link,address,undefined -c "$dir/gen/trace.pb-c.c" \
		-o "$dir/trace.pb-c.o"
	objects=$dir/trace.pb-c.o
fi
# shellcheck disable=SC2086 # lists
clang -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DFUZZ_LIBFUZZER \
	-DRR_VERSION='"fuzz"' -w -g -O1 \
	-fno-strict-aliasing -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	-I"$top/src" -I"$dir/gen" -include "$top/src/base/banned.h" \
	"$here/fuzz_$target.c" $sources $objects $libs -o "$dir/fuzz"
cd "$dir"
exec nice -n 10 ./fuzz -max_total_time="$seconds" -max_len=$max_len -rss_limit_mb=2048 \
	-timeout=20 -print_final_stats=1 -close_fd_mask=3 corpus "$here/corpus/$corpus"

#!/bin/sh
# rr image and the cache of images, as users see them.
# image.sh RR SEEDS     SEEDS: a directory of small ELF files (tests/fuzz/corpus/image)
. "$(dirname "$0")/lib.sh"
seeds=$2

# --- the report, and where the image is ---
want_output '^safepoints +[1-9]' "$rr" image "$seeds/pie-O2"
want grep -Eq "^image +$tmp/cache/images/[0-9a-f]{16}-" "$tmp/out"
want grep -Eq '^covered +[0-9.]+% of back edges' "$tmp/out"
want grep -Eq '^time .* to build, ' "$tmp/out"
want_output '^time .* to find in the cache$' "$rr" image "$seeds/pie-O2"
want [ "$(ls "$tmp/cache/images" | wc -l)" -eq 1 ]
want [ "$(stat -c %a "$tmp/cache/images")" = 700 ]
cp "$seeds/pie-O2" "$tmp/copy"
want_output 'to find in the cache' "$rr" image "$tmp/copy"
want_output 'to build' "$rr" image --no-cache "$seeds/static-Os"
want [ "$(ls "$tmp/cache/images" | wc -l)" -eq 1 ]
want_ok "$rr" image "$seeds/static-Os" "$seeds/library"
want [ "$(grep -c '^file ' "$tmp/out")" -eq 2 ]

# --- what is patched ---
want_output '^[0-9a-f]+: (window|branch) of' "$rr" image -d "$seeds/static-O2"
want grep -q '^    stub .*0x102000' "$tmp/out"
at=$(sed -n 's/^\([0-9a-f]*\): window of.*/\1/p' "$tmp/out" | head -n 1)
want_output "^$at: window" "$rr" image --at "$at" "$seeds/static-O2"
want [ "$(grep -c '^[0-9a-f]*: ' "$tmp/out")" -eq 1 ]
stub=$(sed -n 's/^    stub *\(-\{0,1\}[0-9a-f]*\): .*/\1/p' "$tmp/out")
want_output "^$at: window" "$rr" image --at="$stub" "$seeds/static-O2"
want_output "^$at: window" "$rr" image --at=0-7fffffffffffffff "$seeds/static-O2"
want_error 1 'nothing is patched there' "$rr" image --at 1 "$seeds/static-O2"
for range in x 0x 5-4 5-5 '' 5-; do
	want_error 1 'not an address or a range' "$rr" image --at="$range" "$seeds/static-O2"
done

# --- the image is what it should be ---
for file in "$seeds"/* /bin/sh; do
	want_output '^verified +[0-9]+ patches' "$rr" image --verify "$file"
	want_output '^verified +[0-9]+ patches' "$rr" image --verify --no-cache "$file"
done

# --- errors, a line each ---
want_error 1 'No such file or directory$' "$rr" image "$tmp/nothing"
want_error 1 'not an x86-64 ELF program or library$' "$rr" image "$0"
want_error 1 'not an x86-64 ELF program or library$' "$rr" image "$tmp"
want_error 1 'not an x86-64 ELF program or library$' "$rr" image /dev/null
head -c 200 "$seeds/pie-O2" >"$tmp/short"
want_error 1 'not an x86-64 ELF program or library$' "$rr" image "$tmp/short"
want_error 1 'which file' "$rr" image
want_status 1 "$rr" image "$tmp/nothing" "$seeds/pie-Os"
want grep -q '^safepoints' "$tmp/out"

# --- a damaged entry; a cache that cannot be used ---
for file in "$tmp/cache/images/"*; do
	[ ! -h "$file" ] || continue
	chmod 600 "$file"
	printf x | dd of="$file" bs=1 seek=5000 conv=notrunc 2>/dev/null
done
want_status 0 "$rr" image "$seeds/pie-O2"
want grep -q 'was damaged, and is made again' "$tmp/err"
want grep -q 'to build' "$tmp/out"
want_output 'to find in the cache' "$rr" image "$seeds/pie-O2"
chmod 755 "$tmp/cache/images"
want_status 0 "$rr" image "$seeds/pie-O2"
want grep -q 'in memory' "$tmp/out"
want [ "$(grep -c 'is not yours alone' "$tmp/err")" -eq 1 ]
run "$rr" doctor
want grep -q '^limited *image cache .*chmod 700' "$tmp/out"
chmod 700 "$tmp/cache/images"
run "$rr" doctor
want grep -Eq "^ok *image cache *$tmp/cache, [0-9]+ images" "$tmp/out"
want_output 'in memory' env _RR_CACHE_DIR=/dev/null "$rr" image "$seeds/pie-O2"
want_output 'in memory' env _RR_CACHE_SIZE=0 "$rr" image "$seeds/pie-O2"
want_output "^image +$tmp/home/.cache/rr/images/" env -u _RR_CACHE_DIR -u XDG_CACHE_HOME \
	HOME="$tmp/home" "$rr" image "$seeds/pie-O2"
want_output "^image +$tmp/xdg/rr/images/" env -u _RR_CACHE_DIR XDG_CACHE_HOME="$tmp/xdg" "$rr" image \
	"$seeds/pie-O2"
finish

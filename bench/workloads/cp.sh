# A tree of small files and some big ones; BENCH_CP_FILES and BENCH_CP_MB for more (8000 and 200 in full).
needs=cp
prepare() {
	local files=${BENCH_CP_FILES:-$(scaled 2000)} mb=${BENCH_CP_MB:-$(scaled 50)}
	for ((d = 0; d < files / 100; d++)); do
		mkdir -p "tree/$d" && head -c 300000 /dev/urandom | split -b 3000 -a 3 - "tree/$d/f"
	done
	for ((i = 0; i < mb / 10; i++)); do
		head -c 10000000 /dev/urandom >"tree/big$i"
	done
}
reset() {
	rm -rf copy
}
command=(cp -r tree copy)

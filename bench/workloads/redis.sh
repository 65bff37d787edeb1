# redis-server under redis-benchmark -c 10, which is outside; replay is of the whole server.
needs='redis-server redis-benchmark'
command=(redis-server --port 0 --unixsocket redis.sock --save '' --appendonly no)
reset() {
	rm -f redis.sock
}
timed() {
	local start
	for ((i = 0; i < 100; i++)); do
		[[ -S redis.sock ]] && redis-cli -s redis.sock ping >/dev/null 2>&1 && break
		sleep 0.1
	done
	start=$(now)
	redis-benchmark -s redis.sock -c 10 -n "$(scaled 10000)" -t set,get,lpush,lrange_100 -q >/dev/null || return
	echo $(($(now) - start))
	redis-cli -s redis.sock shutdown nosave >/dev/null 2>&1
}

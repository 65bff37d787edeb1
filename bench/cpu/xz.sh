# Compression of generated text and noise.
needs=xz
prepare() {
	seq "$(scaled 3000000)" >data && head -c "$(scaled 2000000)" /dev/urandom >>data
}
command=(xz -k -c -3 data)

# Compression of generated text and noise.
needs=xz
prepare() {
	seq "$(scaled 400000)" >data && head -c "$(scaled 200000)" /dev/urandom >>data
}
command=(xz -k -c -3 data)

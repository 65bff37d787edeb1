# make of a small C project: twenty files and a link.
needs='make gcc'
prepare() {
	for ((i = 0; i < $(scaled 20); i++)); do
		"$here/../tests/suite/generate-c.sh" 100 | sed "s/int main(void)/int main$i(void)/" >part$i.c
	done
	echo 'int main(void) { return 0; }' >main.c
	printf 'OBJS := $(patsubst %%.c,%%.o,$(wildcard *.c))\nmain: $(OBJS)\n\t$(CC) -o $@ $^\n' >Makefile
}
reset() {
	rm -f -- *.o main
}
command=(make)

# One large generated file at -O2.
needs=gcc
prepare() {
	"$here/../tests/suite/generate-c.sh" "$(scaled 5000)" >big.c
}
command=(gcc -O2 -c -o big.o big.c)

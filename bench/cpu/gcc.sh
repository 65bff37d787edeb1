# One large generated file at -O2: nearly all of it is cc1.
needs=gcc
prepare() {
	"$here/../tests/suite/generate-c.sh" "$(scaled 15000)" >big.c
}
command=(gcc -O2 -c -o big.o big.c)

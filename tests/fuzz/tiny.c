/*
 * The program that the seeds of corpus/image are made of: loops of all sorts, recursion, a computed
 * goto, a jump table, a system call. For O in Os O2 O0:
 *
 *   F='-ffreestanding -fno-stack-protector -fno-tree-loop-distribute-patterns -nostdlib
 *      -Wl,-z,noseparate-code,--build-id=none -s'
 *   gcc -$O $F -static -fno-pie -no-pie -o corpus/image/static-$O tiny.c
 *   gcc -$O $F -static-pie -fPIE -o corpus/image/pie-$O tiny.c
 *   gcc -O2 $F -shared -fPIC -o corpus/image/library tiny.c
 */
typedef unsigned long u64;
static long sys(long n, long a, long b, long c)
{
	long r;
	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return r;
}
static char text[64];
__attribute__((noinline)) static u64 fib(u64 n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
__attribute__((noinline)) static int length(const char *s)
{
	int n = 0;
	while (s[n])
		n++;
	return n;
}
__attribute__((noinline)) static int collatz(u64 n)
{
	int k = 0;
	do {
		n = n & 1 ? 3 * n + 1 : n / 2;
		k++;
	} while (n != 1);
	return k;
}
__attribute__((noinline)) static int run(const unsigned char *code)
{
	static const int ops[] = {0, &&sub - &&add, &&back - &&add, &&end - &&add};
	int a = 0, i = 0;
	goto *(&&add + ops[code[i++] & 3]);
add:
	a += code[i];
	goto *(&&add + ops[code[i++] & 3]);
sub:
	a -= code[i];
	goto *(&&add + ops[code[i++] & 3]);
back:
	if (a < 9) {
		a += 4;
		i = 0;
	}
	goto *(&&add + ops[code[i++] & 3]);
end:
	return a;
}
__attribute__((noinline)) static int choose(int x)
{
	int n = 0;
	for (;;) {
		switch (x) {
		case 0:
			n += 3;
			break;
		case 1:
			n ^= 5;
			break;
		case 2:
			n *= 7;
			break;
		case 3:
			n -= 11;
			break;
		case 4:
			n |= 64;
			break;
		case 5:
			return n;
		default:
			x = 7;
		}
		x = (x + 1) % 8;
	}
}
void _start(void)
{
	static const unsigned char code[] = {0, 1, 2, 0, 1, 3};
	u64 v = fib(9) + (u64)collatz(27) + (u64)run(code) + (u64)choose(0);
	int n = 0;
	while (v) {
		text[n++] = (char)('0' + v % 10);
		v /= 10;
	}
	sys(1, 1, (long)text, length(text));
	sys(231, 0, 0, 0);
}

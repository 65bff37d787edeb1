/* Interpreters: computed goto, switch, table; in threads, with a timer. modes: all */
#include "check.h"
#include "code.h"

#include <pthread.h>
#include <sys/time.h>

enum { PUSH, ADD, MUL, XOR, DUP, SWAP, DEC, JNZ, DROP, HALT, N_OPS };

/* A counter in c, a value on the stack: 300000 trips. */
static const unsigned char program[] = {
	PUSH, 1,    DUP, PUSH, 77,   MUL,  ADD, PUSH, 13, XOR,
	DUP,  PUSH, 5,	 ADD,  SWAP, DROP, DEC, JNZ,  2,  HALT,
};
#define COUNT 300000UL

static volatile int hits;

static void handler(int sig)
{
	hits++;
}

static uint64_t by_goto(void)
{
	static const void *const labels[N_OPS] = {&&push, &&add, &&mul, &&xor,	&&dup,
						  &&swap, &&dec, &&jnz, &&drop, &&halt};
	const unsigned char *ip = program;
	uint64_t stack[16], *sp = stack, c = COUNT, v;

#define NEXT goto *labels[*ip++]
	NEXT;
push:
	*sp++ = *ip++;
	NEXT;
add:
	sp--;
	sp[-1] += sp[0];
	NEXT;
mul:
	sp--;
	sp[-1] *= sp[0];
	NEXT;
	xor : sp--;
	sp[-1] ^= sp[0];
	NEXT;
dup:
	sp[0] = sp[-1];
	sp++;
	NEXT;
swap:
	v = sp[-1];
	sp[-1] = sp[-2];
	sp[-2] = v;
	NEXT;
dec:
	c--;
	NEXT;
jnz:
	ip = c ? program + *ip : ip + 1;
	NEXT;
drop:
	sp--;
	NEXT;
halt:
	return sp[-1];
}

static uint64_t by_switch(void)
{
	const unsigned char *ip = program;
	uint64_t stack[16], *sp = stack, c = COUNT, v;

	for (;;) {
		switch (*ip++) {
		case PUSH:
			*sp++ = *ip++;
			break;
		case ADD:
			sp--;
			sp[-1] += sp[0];
			break;
		case MUL:
			sp--;
			sp[-1] *= sp[0];
			break;
		case XOR:
			sp--;
			sp[-1] ^= sp[0];
			break;
		case DUP:
			sp[0] = sp[-1];
			sp++;
			break;
		case SWAP:
			v = sp[-1];
			sp[-1] = sp[-2];
			sp[-2] = v;
			break;
		case DEC:
			c--;
			break;
		case JNZ:
			ip = c ? program + *ip : ip + 1;
			break;
		case DROP:
			sp--;
			break;
		case HALT:
			return sp[-1];
		}
	}
}

struct machine {
	const unsigned char *ip;
	uint64_t stack[16], *sp, c;
	bool halted;
};

static void do_push(struct machine *m)
{
	*m->sp++ = *m->ip++;
}
static void do_add(struct machine *m)
{
	m->sp--;
	m->sp[-1] += m->sp[0];
}
static void do_mul(struct machine *m)
{
	m->sp--;
	m->sp[-1] *= m->sp[0];
}
static void do_xor(struct machine *m)
{
	m->sp--;
	m->sp[-1] ^= m->sp[0];
}
static void do_dup(struct machine *m)
{
	m->sp[0] = m->sp[-1];
	m->sp++;
}
static void do_swap(struct machine *m)
{
	uint64_t v = m->sp[-1];

	m->sp[-1] = m->sp[-2];
	m->sp[-2] = v;
}
static void do_dec(struct machine *m)
{
	m->c--;
}
static void do_jnz(struct machine *m)
{
	m->ip = m->c ? program + *m->ip : m->ip + 1;
}
static void do_drop(struct machine *m)
{
	m->sp--;
}
static void do_halt(struct machine *m)
{
	m->halted = true;
}

static uint64_t by_table(void)
{
	static void (*const table[N_OPS])(struct machine *) = {
		do_push, do_add, do_mul, do_xor, do_dup, do_swap, do_dec, do_jnz, do_drop, do_halt};
	struct machine m = {.ip = program, .c = COUNT};

	for (m.sp = m.stack; !m.halted;)
		table[*m.ip++](&m);
	return m.sp[-1];
}

static uint64_t expected(void)
{
	uint64_t v = 1;

	for (unsigned long i = 0; i < COUNT; i++)
		v = ((v + v * 77) ^ 13) + 5;
	return v;
}

static void *run(void *arg)
{
	static uint64_t (*const kinds[])(void) = {by_goto, by_switch, by_table};
	uint64_t h = (long)arg;

	for (size_t i = 0; i < 2 * NELEM(kinds); i++) {
		uint64_t v = kinds[i % NELEM(kinds)]();

		CHECK(v == expected());
		mix(&h, v);
	}
	return (void *)h;
}

int main(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	pthread_t t[2];

	on_signal(SIGALRM, handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	for (long i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, run, (void *)i) == 0);
	for (int i = 0; i < 2; i++) {
		void *h;

		CHECK(pthread_join(t[i], &h) == 0);
		printf("%p\n", h);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%d signals\n", hits);
	return 0;
}

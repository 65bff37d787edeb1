/*
 * What an event costs: printed, and required to stay within an order of magnitude, so that a slip
 * on the hot path shows even on a busy machine.
 */
#include "support.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define N_EVENTS   400000
#define N_DISTINCT 20000 /* more than a block holds: blocks do not know of each other */

static struct call {
	struct trace_event ev;
	struct trace_write write;
	uint64_t regs[REGS_WORDS];
} calls[N_DISTINCT];

static void make_calls(void)
{
	static struct random_event e;

	for (int i = 0; i < N_DISTINCT; i++) {
		struct call *c = &calls[i];

		make_call(&e, i + 1);
		c->ev = e.ev;
		c->write = e.writes[0];
		c->ev.writes = &c->write;
		memcpy(c->regs, e.regs[0], sizeof(c->regs));
		c->ev.regs.data = c->regs;
	}
}

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

static off_t size_of(const char *dir, const char *name)
{
	char path[600];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK(stat(path, &st) == 0);
	return st.st_size;
}

int main(void)
{
	const char *dir = temp_path("bench");
	struct trace_writer *w = open_writer(dir);
	struct trace_reader *r;
	struct trace_event ev;
	double start, cpu, write_ns, read_ns, seek_us;
	struct rng rng = {5};

	make_calls();
	start = now(CLOCK_THREAD_CPUTIME_ID);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < N_EVENTS; i++) {
		struct trace_event *e = &calls[i % N_DISTINCT].ev;

		e->time_ns += N_DISTINCT * 9000ull;
		e->ticks += N_DISTINCT * 1500ull;
		CHECK(trace_writer_event(w, e, NULL) == 0);
	}
	write_ns = (now(CLOCK_THREAD_CPUTIME_ID) - start) / N_EVENTS * 1e9;
	CHECK(trace_writer_close(w) == 0);
	cpu = (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / N_EVENTS * 1e9;

	r = open_reader(dir);
	start = now(CLOCK_THREAD_CPUTIME_ID);
	for (int i = 0; i < N_EVENTS; i++)
		CHECK(trace_reader_next(r, &ev) == 1);
	read_ns = (now(CLOCK_THREAD_CPUTIME_ID) - start) / N_EVENTS * 1e9;
	start = now(CLOCK_THREAD_CPUTIME_ID);
	for (int i = 0; i < 200; i++) {
		CHECK(trace_reader_seek(r, 1 + rng_below(&rng, N_EVENTS)) == 0);
		CHECK(trace_reader_next(r, &ev) == 1);
	}
	seek_us = (now(CLOCK_THREAD_CPUTIME_ID) - start) / 200 * 1e6;
	trace_reader_close(r);

	printf("write %.0f ns/event (caller), %.0f ns/event in all; read %.0f ns/event; seek %.0f us\n",
	       write_ns, cpu, read_ns, seek_us);
	printf("events %.1f bytes/event, data %.1f bytes/event, compressed\n",
	       (double)size_of(dir, "events") / N_EVENTS, (double)size_of(dir, "data") / N_EVENTS);
	CHECK(write_ns < 15000 && read_ns < 15000);
	return 0;
}

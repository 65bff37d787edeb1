/*
 * Actions at random (random/actions.def), by threads and processes, in an order that a number
 * chooses: `random_actions [SEED [STEPS [DEPTH [ACTION...]]]]`, SEED also from the environment.
 * Each seed prefers other actions; with names, only these are done. What all have seen is printed
 * as a hash when they end. modes: all; exit: any
 */
#include "random/random.h"

#include <sys/resource.h>

#define STEPS 20

enum where { ANYWHERE, MAKES };

static const struct action {
	const char *name;
	void (*fn)(struct actor *a);
	enum where where;
} actions[] = {
#define ACTION(name, where) {#name, act_##name, where},
#include "random/actions.def"
#undef ACTION
};

static unsigned int weights[NELEM(actions)], total_weight, total_shallow;

pthread_t peers[N_PEERS];
_Atomic int n_peers;
volatile uint64_t racy;

/* --- what actors do --- */

unsigned int below(struct actor *a, unsigned int n)
{
	a->random = a->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return n ? (unsigned int)(a->random >> 33) % n : 0;
}

bool once_in(struct actor *a, unsigned int n)
{
	return !below(a, n);
}

struct timespec brief(struct actor *a)
{
	return (struct timespec){0, once_in(a, 4) ? below(a, 2000) : below(a, 300000)};
}

struct timespec brief_until(struct actor *a)
{
	struct timespec t, d = brief(a);

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += d.tv_nsec;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

void saw(struct actor *a, uint64_t x)
{
	a->hash = (a->hash ^ x) * 0x100000001b3ULL;
}

void saw_bytes(struct actor *a, const void *p, size_t n)
{
	saw(a, hash(p, n));
}

void saw_result(struct actor *a, int64_t ret)
{
	saw(a, ret == -1 ? -1ULL - (uint64_t)errno : (uint64_t)ret);
}

void work(struct actor *a, unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds * 16; i++) {
		saw(a, i);
		if (i % 16 == 0)
			racy += a->hash;
	}
}

struct actor deeper(struct actor *a)
{
	below(a, 2);
	return (struct actor){.random = a->random ^ a->hash << 1, .depth = a->depth + 1};
}

static const struct action *choose(struct actor *a)
{
	unsigned int n = below(a, a->depth < MAX_DEPTH ? total_weight : total_shallow);

	for (size_t i = 0; i < NELEM(actions); i++) {
		if (a->depth >= MAX_DEPTH && actions[i].where == MAKES)
			continue;
		if (n < weights[i])
			return &actions[i];
		n -= weights[i];
	}
	return NULL;
}

void act(struct actor *a, unsigned int steps)
{
	while (steps--) {
		const struct action *chosen = choose(a);

		if (!chosen)
			return;
		if (getenv("RANDOM_SHOW"))
			dprintf(2, "%d %s\n", gettid(), chosen->name);
		chosen->fn(a);
	}
}

/* --- the program --- */

/* Some actions often, some never; those that make tasks take long. */
static void choose_weights(uint64_t seed, char **names)
{
	static const unsigned int liking[] = {0, 1, 1, 3, 9};
	struct actor a = {.random = seed * 0x9e3779b97f4a7c15ULL};

	for (size_t i = 0; i < NELEM(actions); i++) {
		unsigned int w = liking[below(&a, NELEM(liking))];

		if (*names) {
			w = 0;
			for (char **n = names; *n; n++)
				w |= !strcmp(*n, actions[i].name);
		}
		weights[i] = w;
		total_weight += w;
		total_shallow += actions[i].where == MAKES ? 0 : w;
	}
}

struct peer {
	struct actor a;
	unsigned int steps;
};

static void *be_peer(void *arg)
{
	struct peer *p = arg;

	use_signal_stack();
	act(&p->a, p->steps);
	return NULL;
}

static void run_peers(struct peer *p, struct actor *a, unsigned int steps)
{
	for (unsigned int i = 0; i < N_PEERS; i++) {
		p[i] = (struct peer){deeper(a), steps};
		p[i].a.depth = 0;
		CHECK(!pthread_create(&peers[i], NULL, be_peer, &p[i]));
	}
	n_peers = N_PEERS;
}

static void join_peers(struct peer *p, struct actor *a)
{
	n_peers = 0;
	for (unsigned int i = 0; i < N_PEERS; i++) {
		CHECK(!pthread_join(peers[i], NULL));
		saw(a, p[i].a.hash);
	}
}

static void print_end(const struct actor *a)
{
	printf("%d %d: %016llx %016llx %u\n", getpid(), gettid(), (unsigned long long)a->hash,
	       (unsigned long long)racy, n_handled);
}

/* In the midst of what the others do. */
static void end_early(struct actor *a, uint64_t seed)
{
	print_end(a);
	switch (seed / 8 % 4) {
	case 0:
		_exit(3);
	case 1:
		kill(getpid(), SIGKILL);
		break;
	case 2:
		signal(SIGTERM, SIG_DFL);
		raise(SIGTERM);
		break;
	default:
		signal(SIGSEGV, SIG_DFL);
		*(volatile int *)BAD_ADDRESS = 0;
	}
	for (;;)
		racy++;
}

int main(int argc, char **argv)
{
	const char *given = argc > 1 ? argv[1] : getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : 1;
	unsigned int steps = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : STEPS;
	struct actor a = {.random = seed * 77 + 1};
	struct peer p[N_PEERS];

	if (argc > 3)
		a.depth = (unsigned int)strtoul(argv[3], NULL, 10);
	CHECK(!setrlimit(RLIMIT_CORE, &(struct rlimit){0}));
	choose_weights(seed, argc > 4 ? argv + 4 : (char *[]){NULL});
	install_handlers((unsigned int)seed);
	use_signal_stack();
	if (a.depth) {
		act(&a, steps);
		print_end(&a);
		return (int)(a.hash & 63);
	}
	run_peers(p, &a, steps);
	act(&a, steps);
	if (seed % 8 == 7)
		end_early(&a, seed);
	join_peers(p, &a);
	print_end(&a);
	return 0;
}

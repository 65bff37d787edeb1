/* C++ exceptions in threads, out of signal handlers, and forced unwinding. modes: all */
#include "check.hh"

#include <atomic>
#include <csignal>
#include <exception>
#include <future>
#include <pthread.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

static std::atomic<long> destroyed;

struct guard {
	~guard() { destroyed++; }
};

struct fault {
	void *address;
};

__attribute__((noinline)) static unsigned long collatz(unsigned long n, unsigned long limit)
{
	guard g;
	unsigned long steps = 0;

	while (n != 1) {
		n = n % 2 ? 3 * n + 1 : n / 2;
		if (++steps > limit)
			throw steps;
	}
	return steps;
}

static unsigned long worker(int me)
{
	unsigned long sum = 0;

	for (unsigned long i = 1; i < 3000; i++) {
		try {
			sum = sum * 5 + collatz(i, 60 + me);
		} catch (unsigned long steps) {
			CHECK(steps == 61UL + me);
			sum = sum * 7 + i;
		}
	}
	return sum;
}

/* The frame of a fault is unwound like one of a call. */
static void handler(int, siginfo_t *si, void *)
{
	throw fault{si->si_addr};
}

__attribute__((noinline)) static void touch(volatile char *p, unsigned long n)
{
	guard g;

	for (unsigned long i = 0; i < n; i++)
		p[i] = 1;
}

static void faults()
{
	struct sigaction sa = {};
	char *p = static_cast<char *>(
		mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	CHECK(p != MAP_FAILED && mprotect(p + 4096, 4096, PROT_NONE) == 0);
	sa.sa_sigaction = handler;
	sa.sa_flags = SA_SIGINFO | SA_NODEFER;
	CHECK(sigaction(SIGSEGV, &sa, nullptr) == 0);
	for (int i = 0; i < 50; i++) {
		try {
			touch(p + i, 8192);
			CHECK(!"reached");
		} catch (fault &f) {
			CHECK(f.address == p + 4096);
		}
	}
}

static int ready[2], never[2];

static void *cancelled(void *)
{
	guard g;
	char c;

	try {
		CHECK(write(ready[1], "!", 1) == 1);
		CHECK(read(never[0], &c, 1) == 1);
	} catch (...) {
		destroyed += 100;
		throw;
	}
	return nullptr;
}

int main()
{
	std::vector<std::future<unsigned long>> results;
	std::exception_ptr carried;
	pthread_t t;
	char c;

	for (int i = 0; i < 4; i++)
		results.push_back(std::async(std::launch::async, worker, i));
	for (int i = 0; i < 4; i++) {
		unsigned long sum = results[i].get();

		CHECK(sum == worker(i));
		printf("%lx\n", sum);
	}
	CHECK(destroyed == 8 * 2999);

	std::thread thrower([&] {
		try {
			throw 42;
		} catch (...) {
			carried = std::current_exception();
		}
	});
	thrower.join();
	try {
		std::rethrow_exception(carried);
	} catch (int i) {
		CHECK(i == 42);
	}

	destroyed = 0;
	faults();
	CHECK(destroyed == 50);

	CHECK(pipe(ready) == 0 && pipe(never) == 0);
	CHECK(pthread_create(&t, nullptr, cancelled, nullptr) == 0);
	CHECK(read(ready[0], &c, 1) == 1);
	CHECK(pthread_cancel(t) == 0 && pthread_join(t, nullptr) == 0);
	CHECK(destroyed == 151);
	printf("%ld destroyed\n", destroyed.load());
	return 0;
}

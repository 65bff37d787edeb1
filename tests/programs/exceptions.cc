/* C++ exceptions in loops, nested, rethrown, with destructors, and a timer. modes: all */
#include "check.hh"

#include <csignal>
#include <exception>
#include <stdexcept>
#include <string>
#include <sys/time.h>
#include <typeinfo>
#include <vector>

static long alive, destroyed;
static volatile long hits;

struct guard {
	long value;
	explicit guard(long v) : value(v) { alive++; }
	~guard()
	{
		alive--;
		destroyed += value;
	}
};

struct base {
	long depth;
	explicit base(long d) : depth(d) {}
	virtual ~base() = default;
};
struct derived : base {
	std::string text;
	explicit derived(long d) : base(d), text(std::to_string(d)) {}
};

/* Throws from the depth, through frames that have something to destroy. */
__attribute__((noinline)) static long deep(long depth, long at)
{
	guard g(depth);

	if (depth == at)
		throw derived(depth);
	return deep(depth + 1, at) + g.value;
}

/* Each frame catches, looks, and throws again. */
__attribute__((noinline)) static long rethrow(long depth)
{
	guard g(1);

	if (depth == 0)
		throw std::runtime_error("bottom");
	try {
		return rethrow(depth - 1) + 1;
	} catch (std::exception &e) {
		CHECK(std::string(e.what()) == "bottom");
		throw;
	}
}

/* An exception thrown and caught while another one is handled and while a destructor runs. */
struct throws_inside {
	~throws_inside()
	{
		try {
			throw 7;
		} catch (int i) {
			CHECK(i == 7);
			destroyed += i;
		}
	}
};

static void nested(int n)
{
	try {
		throws_inside t;
		throw std::logic_error("outer");
	} catch (std::logic_error &outer) {
		try {
			if (n)
				nested(n - 1);
			std::throw_with_nested(base(n));
		} catch (base &b) {
			CHECK(b.depth == n);
			try {
				std::rethrow_if_nested(b);
			} catch (std::exception &e) {
				CHECK(std::string(e.what()) == "outer");
			}
		}
		CHECK(std::string(outer.what()) == "outer");
	}
}

/* A tight loop inside of a try block, left by a throw in its middle. */
__attribute__((noinline)) static unsigned long loop(const unsigned *data, unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long round = 0; round < 50; round++) {
		try {
			for (unsigned long i = 0; i < n; i++) {
				sum = sum * 31 + data[i];
				if (data[i] == round)
					throw i;
			}
		} catch (unsigned long i) {
			sum += i;
			continue;
		}
		sum ^= round;
	}
	return sum;
}

static unsigned long model(const unsigned *data, unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long round = 0; round < 50; round++) {
		unsigned long i;

		for (i = 0; i < n; i++) {
			sum = sum * 31 + data[i];
			if (data[i] == round)
				break;
		}
		sum = i < n ? sum + i : sum ^ round;
	}
	return sum;
}

static bool filtered(int i)
{
	try {
		try {
			if (i % 3 == 0)
				throw base(i);
			if (i % 3 == 1)
				throw derived(i);
			throw i;
		} catch (derived &d) {
			return d.text == std::to_string(i);
		}
	} catch (base &b) {
		return typeid(b) == typeid(base) && b.depth == i;
	} catch (...) {
		return i % 3 == 2;
	}
}

static void handler(int)
{
	hits = hits + 1;
}

int main()
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
	std::vector<unsigned> data(5000);
	std::exception_ptr kept;

	signal(SIGALRM, handler);
	CHECK(setitimer(ITIMER_REAL, &it, nullptr) == 0);
	for (unsigned i = 0; i < data.size(); i++)
		data[i] = i * 7919 % 5003;
	for (long i = 0; i < 200; i++) {
		try {
			deep(0, i);
			CHECK(!"reached");
		} catch (base &b) {
			CHECK(b.depth == i && alive == 0);
		}
	}
	CHECK(destroyed == 1333300);
	for (int i = 0; i < 30; i++) {
		try {
			rethrow(i);
			CHECK(!"reached");
		} catch (std::runtime_error &) {
			CHECK(alive == 0);
			kept = std::current_exception();
		}
	}
	for (int i = 0; i < 20; i++)
		nested(i);
	for (int i = 0; i < 1000; i++)
		CHECK(filtered(i));
	for (int i = 0; i < 20; i++)
		CHECK(loop(data.data(), data.size()) == model(data.data(), data.size()));
	try {
		std::rethrow_exception(kept);
	} catch (std::runtime_error &e) {
		CHECK(std::string(e.what()) == "bottom");
	}
	try {
		std::string().at(1);
		CHECK(!"reached");
	} catch (std::out_of_range &e) {
		puts(e.what());
	}
	CHECK(setitimer(ITIMER_REAL, &off, nullptr) == 0);
	CHECK(alive == 0);
	printf("%ld, %ld signals\n", destroyed, hits);
	return 0;
}

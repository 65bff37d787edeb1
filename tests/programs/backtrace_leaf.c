/* backtrace() from a leaf in a loop shows the chain of callers, with their addresses. modes: all */
#include "check.h"
#include "code.h"

#include <execinfo.h>

#define IN(name) __attribute__((noinline, noclone, section(#name "_code")))
#define CHECK_IN(name, address)                                                   \
	do {                                                                      \
		extern char __start_##name##_code[], __stop_##name##_code[];      \
		CHECK((uintptr_t)(address) >= (uintptr_t)__start_##name##_code && \
		      (uintptr_t)(address) < (uintptr_t)__stop_##name##_code);    \
	} while (0)

static void *first[16];
static int n_first;
static volatile uint64_t sink;

IN(leaf) static void leaf(unsigned long n)
{
	void *frames[16], *caller = __builtin_return_address(0);

	for (unsigned long i = 0; i < n; i++) {
		int count = backtrace(frames, 16);

		CHECK(count >= 5 && count < 16);
		CHECK_IN(leaf, frames[0]);
		CHECK(frames[1] == caller);
		CHECK_IN(middle, frames[1]);
		CHECK_IN(outer, frames[2]);
		CHECK_IN(outer, frames[3]);
		for (int j = 0; j < count; j++)
			CHECK(known_code((uintptr_t)frames[j]));
		if (!n_first) {
			n_first = count;
			memcpy(first, frames, sizeof(first));
		}
		CHECK(count == n_first && !memcmp(first, frames, count * sizeof(*frames)));
		sink = work(sink, 100);
	}
}

IN(middle) static void middle(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		leaf(i % 3 + 1);
		sink++;
	}
}

IN(outer) static void outer(unsigned long n, int depth)
{
	if (depth == 0)
		middle(n);
	else
		outer(n, depth - 1);
	sink++;
}

int main(void)
{
	code_init();
	outer(300, 1);
	for (int i = 0; i < n_first; i++)
		printf("%p\n", first[i]);
	return 0;
}

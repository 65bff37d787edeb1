/*
 * What the compiler and the sources of src/abi call.
 */
#include "agent/internal.h"

#include "base/log.h"

#undef memcpy
#undef memset
#undef memcmp

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *ret = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return ret;
}

void *memset(void *p, int c, size_t n)
{
	void *ret = p;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
	return ret;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; x++, y++, n--) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return (uint8_t)*a - (uint8_t)*b;
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
	STATE->reason = (uint64_t)line;
	for (;;)
		agent_report(REPORT_BUG);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
}

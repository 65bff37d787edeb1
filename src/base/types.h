/*
 * Scalar types that every layer shares. A tracee's address is never a pointer of ours: it has its
 * own type, so that it cannot be dereferenced by mistake.
 */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint64_t raddr_t; /* an address in a tracee */
typedef uint64_t ticks_t; /* units of a task's progress (DESIGN: ticks) */
typedef uint64_t event_t; /* number of an event in a trace; the first is 1 */

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define PAGE_SIZE_BYTES			4096ULL

static inline uint64_t page_floor(uint64_t x)
{
	return x & ~(PAGE_SIZE_BYTES - 1);
}

static inline uint64_t page_ceil(uint64_t x)
{
	return page_floor(x + PAGE_SIZE_BYTES - 1);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif

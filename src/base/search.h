/*
 * Binary search, as an expression:
 *
 *	size_t k = FIRST_WHERE(k, n, v[k].end > at);
 *
 * is the first index below `n` for which the condition holds, or `n`. From there on it must hold
 * for all. `k` is the name by which the condition speaks of an index.
 */
#ifndef BASE_SEARCH_H
#define BASE_SEARCH_H

#include <stddef.h>

#define FIRST_WHERE(k, n, condition)                      \
	({                                                \
		size_t lo_ = 0, hi_ = (n);                \
                                                          \
		while (lo_ < hi_) {                       \
			size_t k = lo_ + (hi_ - lo_) / 2; \
                                                          \
			if (condition)                    \
				hi_ = k;                  \
			else                              \
				lo_ = k + 1;              \
		}                                         \
		lo_;                                      \
	})

#endif

/*
 * A 64-bit checksum. To chain several pieces, give the one's result as the next one's seed.
 */
#ifndef BASE_XXH64_H
#define BASE_XXH64_H

#include "base/types.h"

uint64_t xxh64(const void *data, size_t len, uint64_t seed);

#endif

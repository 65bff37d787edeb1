/*
 * Names of error numbers (errno.def), including those above 511 that a tracer sees when a call is
 * about to be restarted.
 */
#include "abi/abi.h"

#define MAX_ERRNO_NAME 532

static const char *const names[MAX_ERRNO_NAME] = {
#define ERRNO(name, number) [number] = name,
#include "abi/errno.def"
#undef ERRNO
};

const char *abi_errno_name(int err)
{
	static char unknown[16];

	if (err >= 0 && err < MAX_ERRNO_NAME && names[err])
		return names[err];
	snprintf(unknown, sizeof(unknown), "E?%d", err);
	return unknown;
}

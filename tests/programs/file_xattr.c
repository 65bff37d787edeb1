/* Extended attributes are listed and read as recorded. modes: all */
#include "check.h"

#include <sys/xattr.h>

int main(void)
{
	char buf[256];
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	ssize_t n;

	CHECK(fd >= 0);
	if (setxattr("file", "user.one", "first", 5, 0) < 0)
		SKIP("no extended attributes here");
	CHECK(fsetxattr(fd, "user.two", "second!", 7, XATTR_CREATE) == 0);
	CHECK_ERRNO(fsetxattr(fd, "user.two", "x", 1, XATTR_CREATE), EEXIST);
	CHECK(getxattr("file", "user.one", NULL, 0) == 5);
	CHECK(getxattr("file", "user.one", buf, sizeof(buf)) == 5 && !memcmp(buf, "first", 5));
	CHECK(fgetxattr(fd, "user.two", buf, sizeof(buf)) == 7 && !memcmp(buf, "second!", 7));
	CHECK_ERRNO(lgetxattr("file", "user.two", buf, 3), ERANGE);
	CHECK_ERRNO(getxattr("file", "user.none", buf, 3), ENODATA);
	n = listxattr("file", buf, sizeof(buf));
	CHECK(n == 18 && flistxattr(fd, NULL, 0) == 18);
	for (ssize_t i = 0; i < n; i += strlen(buf + i) + 1)
		printf("%s\n", buf + i);
	CHECK(removexattr("file", "user.one") == 0 && llistxattr("file", buf, sizeof(buf)) == 9);
	return 0;
}

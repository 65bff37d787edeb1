/* ioctls: FIONREAD, FIONBIO, FIOCLEX, a pseudo terminal and its size, ENOTTY. modes: all */
#include "check.h"

#include <sys/ioctl.h>
#include <termios.h>

static void terminal(void)
{
	struct winsize ws = {24, 80, 0, 0}, got = {};
	struct termios t;
	char buf[64] = "";
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	if (master < 0)
		return;
	CHECK(grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	CHECK(slave >= 0 && isatty(slave));
	CHECK(ioctl(master, TIOCSWINSZ, &ws) == 0 && ioctl(slave, TIOCGWINSZ, &got) == 0);
	CHECK(got.ws_row == 24 && got.ws_col == 80);
	CHECK(tcgetattr(slave, &t) == 0);
	printf("%s: iflag %x oflag %x lflag %x speed %u\n", ptsname(master), t.c_iflag, t.c_oflag,
	       t.c_lflag, cfgetospeed(&t));
	CHECK(write(slave, "out\n", 4) == 4 && read(master, buf, sizeof(buf)) == 5);
	CHECK(!memcmp(buf, "out\r\n", 5));
	CHECK(write(master, "line\n", 5) == 5 && read(slave, buf, sizeof(buf)) == 5);
	cfmakeraw(&t);
	CHECK(tcsetattr(slave, TCSANOW, &t) == 0 && tcflush(slave, TCIOFLUSH) == 0);
	CHECK(write(slave, "raw\n", 4) == 4);
	CHECK(read(master, buf, sizeof(buf)) > 0);
}

int main(void)
{
	struct termios t;
	int p[2], n = -1, on = 1;

	CHECK(pipe(p) == 0 && write(p[1], "12345", 5) == 5);
	CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 5);
	CHECK(ioctl(p[0], FIONBIO, &on) == 0 && (fcntl(p[0], F_GETFL) & O_NONBLOCK));
	CHECK(ioctl(p[0], FIOCLEX) == 0 && fcntl(p[0], F_GETFD) == FD_CLOEXEC);
	CHECK(ioctl(p[0], FIONCLEX) == 0 && fcntl(p[0], F_GETFD) == 0);
	CHECK_ERRNO(ioctl(p[0], TCGETS, &t), ENOTTY);
	CHECK_ERRNO(tcgetattr(open("f", O_CREAT | O_RDWR, 0600), &t), ENOTTY);
	CHECK(!isatty(1));
	terminal();
	return 0;
}

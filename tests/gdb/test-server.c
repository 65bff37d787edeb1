/*
 * Packets and their answers, against a timeline without tracees. A row is a packet, the answer, and
 * what was asked of the timeline; `stop` rows say how its next run ends. Rows of a table belong
 * together, in a session of their own.
 */
#include "check.h"
#include "fake_timeline.h"
#include "gdb/packet.h"
#include "gdb/server.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a row does not say is nothing. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct row {
	const char *packet; /* NULL: the end */
	const char *answer; /* "*": anything */
	const char *log;
	struct timeline_stop stop;
};

#define HELLO                                                                                        \
	{                                                                                            \
		"qSupported:multiprocess+;swbreak+;hwbreak+;fork-events+;exec-events+;xmlRegisters=" \
		"i386",                                                                              \
			"*", ""                                                                      \
	}
/* rbp, rsp, rip of a thread, in every stop's answer. */
#define REGS(tid) "06:04" tid "000000000000;07:13" tid "000000000000;10:0010400000000000;"
#define STOP(why, ...)                                    \
	{                                                 \
		"", .stop = {.reason = why, __VA_ARGS__ } \
	}
#define END       \
	{         \
		0 \
	}

static const struct row unknown[] = {
	{"vMustReplyEmpty", "", ""},
	{"qTStatus", "", ""},
	{"Qxyz", "", ""},
	{"~", "", ""},
	{"", "", ""},
	{"vContact", "", ""},
	{"qCRC:0,1", "", ""},
	{"qXfer:memory-map:read::0,10", "", ""},
	{"qXfer:features:write:target.xml:0:x", "", ""},
	{"Z9,1000,1", "", ""},
	END,
};

static const struct row threads[] = {
	HELLO,
	{"?", "T05thread:p64.64;" REGS("64"), ""},
	{"qfThreadInfo", "mp64.64,p64.65", ""},
	{"qsThreadInfo", "l", ""},
	{"qC", "QCp64.64", ""},
	{"Hgp64.65", "OK", ""},
	{"qC", "QCp64.65", ""},
	{"Hg0", "OK", ""},
	{"Hgp64.-1", "OK", ""},
	{"qC", "QCp64.64", ""},
	{"Hgp0.0", "OK", ""},
	{"Hc-1", "OK", ""},
	{"Hgp64.999", "E03", ""},
	{"Hx", "E16", ""},
	{"Hgp", "E16", ""},
	{"Tp64.65", "OK", ""},
	{"Tp64.66", "E03", ""},
	{"Tpc8.c8", "E03", ""}, /* not attached */
	{"qThreadExtraInfo,p64.65", "776f726b3c65723e", ""},
	{"qThreadExtraInfo,p64.99", "E03", ""},
	{"qAttached:64", "0", ""},
	{"qXfer:threads:read::0,1000",
	 "l<?xml version=\"1.0\"?>\n<threads>\n<thread id=\"p64.64\" name=\"main\"/>\n"
	 "<thread id=\"p64.65\" name=\"work&#60;er&#62;\"/>\n</threads>\n",
	 ""},
	{"qXfer:exec-file:read:64:0,100", "l/bin/parent", ""},
	{"qXfer:exec-file:read:c8:0,100", "E03", ""},
	END,
};

static const struct row single_process[] = {
	{"qSupported", "*", ""},
	{"?", "T05thread:64;" REGS("64"), ""},
	{"Hg65", "OK", ""},
	{"qC", "QC65", ""},
	{"Z0,401000,1", "OK", "break 0 at 0x401000 len 1 in 100; "},
	STOP(TIMELINE_STOP_BREAK, .tid = 100, .id = 1),
	{"c", "T05thread:64;" REGS("64"), "continue; "},
	END,
};

static const struct row objects[] = {
	{"qXfer:auxv:read::0,4", "mauxv", ""},
	{"qXfer:auxv:read::4,4", "m}#$*", ""},
	{"qXfer:auxv:read::8,4", "l100", ""},
	{"qXfer:auxv:read::b,4", "l", ""},
	{"qXfer:auxv:read::fffffffffffffff0,4", "l", ""},
	{"qXfer:auxv:read::x", "E16", ""},
	{"qXfer:features:read:target.xml:0,15", "m<?xml version=\"1.0\"?>", ""},
	{"qXfer:features:read:other.xml:0,15", "E02", ""},
	{"QStartNoAckMode", "OK", ""},
	{"qSymbol::", "qSymbol:5f7468726561645f64625f6c696e6b5f6d61705f6c5f746c735f6d6f646964", ""},
	{"qSymbol::5f74", "OK", ""},
	{"qSymbol:2000:5f74", "OK", ""},
	{"qGetTLSAddr:p64.64,10", "E16", ""},
	{"qGetTLSAddr:p64.64,10,0", "E0e", ""},
	{"!", "OK", ""},
	END,
};

static const struct row registers[] = {
	{"p10", "0010400000000000", ""},
	{"p0", "0a64000000000000", ""},
	{"p12", "11640000", ""},
	{"p38", "801f0000", ""},
	{"p1000", "E16", ""},
	{"p", "E16", ""},
	{"P0=0102030405060708", "OK", "divert 100; registers of 100; "},
	{"P0=01", "E16", ""},
	{"P1000=01", "E16", ""},
	{"P0:01", "E16", ""},
	{"G0102", "E16", ""},
	END,
};

static const struct row memory[] = {
	{"m1000,4", "50515253", ""},
	{"m2ffe,4", "eeef", ""},
	{"m3000,4", "E0e", ""},
	{"m1000,0", "", ""},
	{"m1000", "E16", ""},
	{"mfoo,4", "E16", ""},
	{"X1000,0:", "OK", ""},
	{"X1000,2:ab", "OK", "divert 100; write 2 at 0x1000; "},
	{"X1000,3:ab", "E16", ""},
	{"M1000,2:6162", "OK", "write 2 at 0x1000; "},
	{"M1000,2:61", "E16", ""},
	{"M10,1:61", "E0e", "write 1 at 0x10; "},
	{"qSearch:memory:1000;100;\x60\x61", "1,1010", ""},
	{"qSearch:memory:1000;10;\x60\x61", "0", ""},
	{"qSearch:memory:1000;11;\x60\x61", "0", ""},
	{"qSearch:memory:1000;12;\x60\x61", "1,1010", ""},
	{"qSearch:memory:0;ffffffffffffffff;a", "0", ""},
	{"qSearch:memory:1000;100;", "E16", ""},
	END,
};

static const struct row moving[] = {
	HELLO,
	{"vCont?", "vCont;c;C;s;S;r;t", ""},
	STOP(TIMELINE_STOP_STEP, .tid = 101),
	{"vCont;s:p64.65;c:p64.-1", "T05thread:p64.65;" REGS("65"), "step 101; "},
	STOP(TIMELINE_STOP_STEP, .tid = 100),
	{"vCont;r1000,1010:p64.64;c", "T05thread:p64.64;" REGS("64"), "range 100 0x1000-0x1010; "},
	STOP(TIMELINE_STOP_INTERRUPTED, .tid = 100),
	{"vCont;c:p64.-1", "T02thread:p64.64;" REGS("64"), "continue; "},
	STOP(TIMELINE_STOP_SIGNAL, .tid = 101, .signo = SIGUSR1),
	{"vCont;C05:p64.-1", "T1ethread:p64.65;" REGS("65"), "continue; "},
	STOP(TIMELINE_STOP_SYSCALL_ENTRY, .tid = 100, .syscall = 39),
	{"vCont;c", "T05syscall_entry:27;thread:p64.64;" REGS("64"), "continue; "},
	STOP(TIMELINE_STOP_SYSCALL_RETURN, .tid = 100, .syscall = 39),
	{"vCont;c", "T05syscall_return:27;thread:p64.64;" REGS("64"), "continue; "},
	STOP(TIMELINE_STOP_START),
	{"bc", "T05replaylog:begin;thread:p64.64;" REGS("64"), "continue back; "},
	STOP(TIMELINE_STOP_STEP, .tid = 100),
	{"bs", "T05thread:p64.64;" REGS("64"), "step back 100; "},
	{"Hcp64.65", "OK", ""},
	STOP(TIMELINE_STOP_STEP, .tid = 101),
	{"s", "T05thread:p64.65;" REGS("65"), "step 101; "},
	{"vCont;c", "T05replaylog:end;thread:p64.65;" REGS("65"), "continue; "},
	{"vCont;x", "E16", ""},
	{"vCont;s:q", "E16", ""},
	{"vCont;r10", "E16", ""},
	{"vCont;", "E16", ""},
	{"vCont", "E16", ""},
	STOP(TIMELINE_STOP_FAILED),
	{"vCont;c", "X09", "continue; "},
	END,
};

static const struct row breaks[] = {
	HELLO,
	{"Z0,401000,1", "OK", "break 0 at 0x401000 len 1 in 100; "},
	{"Z1,401004,1", "OK", "break 0 at 0x401004 len 1 in 100; "},
	{"Z2,1000,8", "OK", "break 1 at 0x1000 len 8 in 100; "},
	{"Z3,1000,4", "OK", "break 2 at 0x1000 len 4 in 100; "},
	{"Z4,1008,1", "OK", "break 3 at 0x1008 len 1 in 100; "},
	STOP(TIMELINE_STOP_BREAK, .tid = 100, .id = 1, .addr = 0x401000),
	{"vCont;c", "T05swbreak:;thread:p64.64;" REGS("64"), "continue; "},
	STOP(TIMELINE_STOP_BREAK, .tid = 101, .id = 2, .addr = 0x401004),
	{"vCont;c", "T05hwbreak:;thread:p64.65;" REGS("65"), "continue; "},
	STOP(TIMELINE_STOP_WATCH, .tid = 101, .id = 3, .addr = 0x1000),
	{"vCont;c", "T05watch:1000;thread:p64.65;" REGS("65"), "continue; "},
	STOP(TIMELINE_STOP_WATCH, .tid = 101, .id = 4, .addr = 0x1000),
	{"bc", "T05rwatch:1000;thread:p64.65;" REGS("65"), "continue back; "},
	STOP(TIMELINE_STOP_WATCH, .tid = 101, .id = 5, .addr = 0x1008),
	{"bc", "T05awatch:1008;thread:p64.65;" REGS("65"), "continue back; "},
	{"Z0,401000,1", "OK", "remove 1; break 0 at 0x401000 len 1 in 100; "},
	{"z0,401000,1", "OK", "remove 6; "},
	{"z0,401000,1", "OK", ""},
	{"z4,1008,1", "OK", "remove 5; "},
	{"Z0,bad,1", "E1c", ""},
	{"Z2,1000,0", "E16", ""},
	{"Z0,401000", "E16", ""},
	{"z0,401000", "E16", ""},
	{"Z0,401000,1;X3,220127", "OK", "break 0 at 0x401000 len 1 in 100 if; "},
	{"Z0,401001,1;X3,220127X3,220027", "OK", "break 0 at 0x401001 len 1 in 100 if; "},
	{"Z0,401001,1;X9,220127", "E16", ""},
	{"Z0,401001,1;X3,22012x", "E16", ""},
	{"Z0,401001,1;X0,", "E16", ""},
	{"QPassSignals:e;14;1e;2d", "OK", "signals but 100012200; "},
	{"QPassSignals:", "OK", "signals but 0; "},
	{"QPassSignals:zz", "E16", ""},
	{"QCatchSyscalls:1;27;3", "OK", "syscalls 39 3; "},
	{"QCatchSyscalls:1", "OK", "syscalls; "},
	{"QCatchSyscalls:0", "OK", "syscalls none; "},
	{"QCatchSyscalls:2", "E16", ""},
	END,
};

static const struct row processes[] = {
	HELLO,
	/* What others do is not the client's to know. */
	STOP(TIMELINE_STOP_SIGNAL, .tid = 200, .signo = SIGUSR1),
	STOP(TIMELINE_STOP_EXIT, .tid = 200, .status = 0),
	STOP(TIMELINE_STOP_EXEC, .tid = 200),
	STOP(TIMELINE_STOP_CLONE, .tid = 100, .child = 101),
	STOP(TIMELINE_STOP_EXEC, .tid = 100),
	{"vCont;c", "T05exec:2f62696e2f706172656e74;thread:p64.64;" REGS("64"),
	 "continue; continue; continue; continue; continue; "},
	STOP(TIMELINE_STOP_FORK, .tid = 100, .child = 200),
	{"vCont;c", "T05fork:pc8.c8;thread:p64.64;" REGS("64"), "continue; "},
	{"qfThreadInfo", "mp64.64,p64.65,pc8.c8", ""},
	{"Hgpc8.c8", "OK", ""},
	{"Z0,401000,1", "OK", "break 0 at 0x401000 len 1 in 200; "},
	STOP(TIMELINE_STOP_BREAK, .tid = 200, .id = 1),
	{"vCont;c", "T05swbreak:;thread:pc8.c8;" REGS("c8"), "continue; "},
	{"z0,401000,1", "OK", "remove 1; "},
	STOP(TIMELINE_STOP_EXIT, .tid = 200, .status = 3 << 8),
	{"vCont;c", "W03;process:c8", "continue; "},
	{"qfThreadInfo", "mp64.64,p64.65", ""},
	STOP(TIMELINE_STOP_VFORK, .tid = 100, .child = 200),
	{"vCont;c", "T05fork:pc8.c8;thread:p64.64;" REGS("64"), "continue; "},
	STOP(TIMELINE_STOP_EXIT, .tid = 200, .status = SIGSEGV),
	{"vCont;c", "X0b;process:c8", "continue; "},
	STOP(TIMELINE_STOP_FORK, .tid = 100, .child = 200),
	{"vCont;c", "T05fork:pc8.c8;thread:p64.64;" REGS("64"), "continue; "},
	{"D;64", "OK", ""},
	{"qfThreadInfo", "mpc8.c8", ""},
	/* Going back, it is not there before it was born. */
	STOP(TIMELINE_STOP_FORK, .tid = 100, .child = 200),
	{"bc", "T05replaylog:begin;thread:pc8.c8;" REGS("c8"), "continue back; "},
	/* Its end is one that it stays before. */
	STOP(TIMELINE_STOP_EXIT, .tid = 200, .status = 0),
	{"vCont;c", "T05replaylog:end;thread:pc8.c8;" REGS("c8"), "continue; "},
	{"vKill;c8", "OK", ""},
	{"D;c8", "OK", ""},
	{"D;x", "E16", ""},
	{"D", "OK", ""},
	{"qfThreadInfo", "l", ""},
	END,
};

static const struct row diversions[] = {
	HELLO,
	/* A value that the user sets is gone when the program goes on. */
	{"X1000,2:ab", "OK", "divert 100; write 2 at 0x1000; "},
	{"vCont;c", "*", "divert end; continue; "},
	/* A call, as gdb does it. */
	{"qXfer:siginfo:read::0,1000", "*", ""},
	{"X1000,2:ab", "OK", "divert 100; write 2 at 0x1000; "},
	{"P10=0020400000000000", "OK", "registers of 100; "},
	{"vCont;c", "*", "continue diverted; "},
	{"P10=0010400000000000", "OK", "registers of 100; "},
	{"qXfer:siginfo:write::0:abc", "3", "divert end; "},
	{"vCont;c", "*", "continue; "},
	/* One in a copy that the user has changed leaves it there. */
	{"X1000,2:ab", "OK", "divert 100; write 2 at 0x1000; "},
	{"qXfer:siginfo:read::0,1000", "*", ""},
	{"P10=0020400000000000", "OK", "registers of 100; "},
	{"vCont;c", "*", "continue diverted; "},
	{"P10=0010400000000000", "OK", "registers of 100; "},
	{"qXfer:siginfo:write::0:abc", "3", ""},
	{"bc", "*", "divert end; continue back; "},
	/* One that did not return, and is given up by going back. */
	{"P10=0020400000000000", "OK", "divert 100; registers of 100; "},
	{"vCont;s:p64.64", "*", "step 100 diverted; "},
	{"bs", "*", "divert end; step back 100; "},
	END,
};

static const struct row restarts[] = {
	HELLO,
	{"vKill;64", "OK", ""},
	{"vRun;", "T05thread:p64.64;" REGS("64"), "seek event 1; "},
	{"vCont;c", "*", "continue; "},
	{"vRun;2f62;3432", "T05thread:p64.64;" REGS("64"), "seek event 42; "},
	{"vCont;c", "T00thread:p64.64;" REGS("64"), ""},
	{"vCont;c", "*", "continue; "},
	{"vRun;;7437", "*", "seek ticks 7; "},
	{"vRun;;6331", "T05thread:p64.64;" REGS("64"), ""},
	{"vCont;c", "*", ""},
	{"qRcmd,636865636b706f696e742031", "436865636b706f696e74203120617420", "checkpoint; "},
	{"vRun;;6331", "*", "restart 7; "},
	{"vRun;;78", "T05thread:p64.64;" REGS("64"), ""},
	{"vRun;;313030", "T05thread:p64.64;" REGS("64"), ""},
	{"vRun;;6261636b", "T05thread:p64.64;" REGS("64"), ""},
	{"vRun;;30", "T05thread:p64.64;" REGS("64"), "seek event 1; "},
	{"vRun;;7", "E16", ""},
	{"R00", NULL, "seek event 1; "},
	{"k", NULL, ""},
	END,
};

/* The commands of `monitor`, in words. */
static const struct row commands[] = {
	{"when", "Completed event: 10\n", ""},
	{"when-ticks", "Current tick: 1000\n", ""},
	{"when-tid", "Current tid: 100\n", ""},
	{"when-end", "Event at end of recording: 99\n", ""},
	{"elapsed-time", "Elapsed Time (s): 1.500000\n", ""},
	{"absolute-time", "Absolute Time (s): 1000000000.000000\n", ""},
	{"info-recording", "Path of recording: \"/a/trace-0\"\n", ""},
	{"checkpoint 1", "Checkpoint 1 at ", "checkpoint; "},
	{"checkpoint-when 1", "10\t", ""},
	{"checkpoint-when 2", "OK", ""},
	{"checkpoint 1", "Checkpoint 1 at ", "checkpoint; delete 7; "},
	{"delete-checkpoint 1", "OK", "delete 7; "},
	{"delete-checkpoint 1", "No checkpoint number 1.\n", ""},
	{"checkpoint", "checkpoint: a number is wanted behind it.\n", ""},
	{"checkpoint x", "checkpoint: a number is wanted behind it.\n", ""},
	{"when 1", "when: nothing is wanted behind it.\n", ""},
	{"what", "No such command: \"what\"; try \"monitor help\".\n", ""},
	{"", "No such command: \"\"; try \"monitor help\".\n", ""},
	END,
};

static const struct row files[] = {
	{"vFile:setfs:0", "F0", ""},
	{"vFile:open:2f62696e2f706172656e74,0,0", "F0", ""},
	{"vFile:pread:0,100,0", "F8;ELF file", ""},
	{"vFile:pread:0,3,4", "F3;fil", ""},
	{"vFile:pread:0,3,100", "F0;", ""},
	{"vFile:fstat:0", "*", ""},
	{"vFile:open:2f70726f632f3130302f6d617073,0,0", "F1", ""},
	{"vFile:pread:1,100,0", "Fc;maps of 100\n", ""},
	{"vFile:open:2f70726f632f3130302f7461736b2f3130312f6d617073,0,0", "F2", ""},
	{"vFile:pread:2,100,0", "Fc;maps of 101\n", ""},
	{"vFile:close:1", "F0", ""},
	{"vFile:close:1", "F-1,9", ""},
	{"vFile:pread:1,100,0", "F-1,9", ""},
	{"vFile:pread:99,100,0", "F-1,9", ""},
	{"vFile:open:2f70726f632f73656c662f6d617073,0,0", "F-1,2", ""}, /* /proc/self/maps */
	{"vFile:open:2f70726f632f3130302f6d656d,0,0", "F-1,2", ""},	/* /proc/100/mem */
	{"vFile:open:2f6e6f6e65,0,0", "F-1,2", ""},
	{"vFile:open:2f62696e2f706172656e74,1,0", "F-1,1e", ""},
	{"vFile:open:2f62696e2f706172656e74,601,1b6", "F-1,1e", ""},
	{"vFile:open:2f6,0,0", "F-1,16", ""},
	{"vFile:open:2f0061,0,0", "F-1,16", ""},
	{"vFile:open:", "F-1,16", ""},
	{"vFile:pwrite:0,0,abc", "F-1,1e", ""},
	{"vFile:unlink:2f6e", "F-1,1e", ""},
	{"vFile:readlink:2f6e6f6e65", "F-1,2", ""},
	{"vFile:chmod:2f", "", ""},
	END,
};

static const struct {
	const char *name;
	const struct row *rows;
	bool are_commands;
} sessions[] = {
	{"unknown", unknown},	      {"threads", threads},	{"single process", single_process},
	{"objects", objects},	      {"registers", registers}, {"memory", memory},
	{"moving", moving},	      {"breaks", breaks},	{"processes", processes},
	{"diversions", diversions},   {"restarts", restarts},	{"files", files},
	{"commands", commands, true},
};

static struct register_set set;
static const struct server_start at_start = {
	.pid = 100,
	.event = 1,
	.stop = {.reason = TIMELINE_STOP_STEP, .tid = 100},
};

static void fake_init(struct timeline *tl)
{
	*tl = (struct timeline){.event = 10, .child_exists = true, .parent_exists = true};
}

static void encode(const struct row *r, bool is_command, struct buf *packet)
{
	if (is_command) {
		buf_addstr(packet, "qRcmd,");
		hex_add(packet, r->packet, strlen(r->packet));
	} else {
		buf_add(packet, r->packet, strlen(r->packet));
	}
}

static bool same_answer(const struct row *r, bool is_command, bool answered,
			const struct buf *reply)
{
	struct buf text = BUF_INIT;
	bool same;

	if (!r->answer)
		return !answered;
	if (!strcmp(r->answer, "*"))
		return answered && reply->len && buf_str(reply)[0] != 'E';
	if (is_command && strcmp(buf_str(reply), "OK") != 0)
		hex_decode(&text, buf_str(reply), reply->len);
	else
		buf_add(&text, buf_str(reply), reply->len);
	same = answered && !strcmp(buf_str(&text), r->answer);
	buf_release(&text);
	return same;
}

static int run_session(const char *name, const struct row *rows, bool are_commands)
{
	struct buf reply = BUF_INIT, packet = BUF_INIT, shown = BUF_INIT;
	struct timeline tl;
	struct server *s;
	int failures = 0;

	fake_init(&tl);
	s = server_new(&tl, &set, &at_start);
	for (const struct row *r = rows; r->packet; r++) {
		bool answered;

		if (!r->log) {
			tl.stops[tl.n_stops++] = r->stop;
			continue;
		}
		buf_clear(&packet);
		buf_clear(&tl.log);
		encode(r, are_commands, &packet);
		answered = server_dispatch(s, buf_str(&packet), packet.len, &reply);
		tl.n_stops = tl.stop = 0;
		if (same_answer(r, are_commands, answered, &reply) &&
		    !strcmp(buf_str(&tl.log), r->log))
			continue;
		buf_clear(&shown);
		add_shown(&shown, buf_str(&reply), reply.len);
		fprintf(stderr, "%s, packet %s:\n  answered %s\n  asked %s\n", name, r->packet,
			answered ? buf_str(&shown) : "nothing", buf_str(&tl.log));
		failures++;
	}
	server_free(s);
	buf_release(&tl.log);
	buf_release(&reply);
	buf_release(&packet);
	buf_release(&shown);
	return failures;
}

/* --- over a connection --- */

static void *serve(void *arg)
{
	struct server *s = ((void **)arg)[0];
	int fd = *(int *)((void **)arg)[1];

	return server_serve(s, fd) ? s : NULL;
}

static void talk(int fd, const char *send, size_t n, const char *want)
{
	char got[4096] = "";
	size_t len = 0, want_len = strlen(want);

	CHECK(write(fd, send, n) == (ssize_t)n);
	while (len < want_len) {
		ssize_t r = read(fd, got + len, sizeof(got) - 1 - len);

		CHECK(r > 0);
		len += r;
	}
	if (strcmp(got, want)) {
		fprintf(stderr, "got %s\n", got);
		exit(1);
	}
}

/* Several clients one after another: one that vanishes in the middle of a packet, ones that ask for
 * the end. */
static void test_connections(void)
{
	static const char *const last_words[] = {"$qC", "$k#6b"};
	struct timeline tl;
	struct server *s;

	fake_init(&tl);
	s = server_new(&tl, &set, &at_start);
	for (int i = 0; i < 200; i++) {
		const char *bye = last_words[i % 2];
		int fds[2];
		void *arg[] = {s, &fds[0]}, *ended;
		pthread_t thread;

		CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
		CHECK(!pthread_create(&thread, NULL, serve, arg));
		talk(fds[1], "$qC#b4", 6, "+$QC64#fe");
		talk(fds[1], "-", 1, "$QC64#fe");
		talk(fds[1], "+$QStartNoAckMode#b0", 20, "+$OK#9a");
		talk(fds[1], "+$qC#00\x03", 8, "$QC64#fe");
		CHECK(write(fds[1], bye, strlen(bye)) == (ssize_t)strlen(bye));
		shutdown(fds[1], SHUT_WR);
		CHECK(!pthread_join(thread, &ended));
		CHECK(!ended == !(i % 2));
		close(fds[0]);
		close(fds[1]);
		buf_clear(&tl.log);
	}
	/* All that a client had was taken back: the next one's breakpoint is the only one. */
	server_free(s);
	buf_release(&tl.log);
}

static void test_listening(void)
{
	int port = 0, again, fd = server_listen(NULL, &port);

	CHECK(fd >= 0 && port > 0);
	again = port;
	CHECK(server_listen(NULL, &again) == -98); /* EADDRINUSE */
	close(fd);
	CHECK(server_listen("192.0.2.1", &port) < 0);
	CHECK(server_listen("no address", &port) < 0);
}

/* While the target runs, an interrupt is seen, and so is that the client has vanished. */
static void test_interrupt(void)
{
	struct server *s = NULL;
	struct timeline tl;
	pthread_t thread;
	int fds[2];
	void *arg[2] = {NULL, &fds[0]};

	CHECK(!server_interrupted(&s));
	fake_init(&tl);
	tl.interrupted = server_interrupted;
	tl.ctx = &s;
	s = server_new(&tl, &set, &at_start);
	CHECK(!server_interrupted(&s));
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	arg[0] = s;
	CHECK(!pthread_create(&thread, NULL, serve, arg));
	talk(fds[1], "$vCont;c#a8", 11, "+");
	usleep(20000);
	talk(fds[1], "\x03", 1,
	     "$T02thread:64;06:0464000000000000;07:1364000000000000;10:0010400000000000;#bb");
	talk(fds[1], "+$vCont;c#a8", 12, "+");
	usleep(20000);
	close(fds[1]);
	CHECK(!pthread_join(thread, NULL));
	close(fds[0]);
	server_free(s);
	buf_release(&tl.log);
}

int main(void)
{
	int failures = 0;

	register_set_init(&set, 3, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sessions); i++)
		failures +=
			run_session(sessions[i].name, sessions[i].rows, sessions[i].are_commands);
	test_connections();
	test_listening();
	test_interrupt();
	register_set_release(&set);
	printf("%zu sessions, %d failures\n", ARRAY_SIZE(sessions), failures);
	return failures ? 1 : 0;
}

/*
 * rr doctor: what this machine offers for recording, a line each, with the remedy where something
 * lacks. The probes of the kernel are in doctor_probes.c; here are the checks of the machine's
 * settings and directories.
 */
#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/traces.h"

#include "base/io.h"
#include "image/cache.h"
#include "mem/layout.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

const struct option_row doctor_option_rows[] = {OPTIONS_END};

static enum finding check_kernel(struct buf *detail, struct buf *remedy)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	if (uname(&u))
		return FOUND_MISSING;
	sscanf(u.release, "%u.%u", &major, &minor);
	buf_addf(detail, "%s %s on %s", u.sysname, u.release, u.machine);
	if (strcmp(u.machine, "x86_64")) {
		buf_addstr(remedy, "only x86-64 is supported");
		return FOUND_MISSING;
	}
	/* 4.8 moved seccomp's stop behind ptrace's; 5.3 has PTRACE_GET_SYSCALL_INFO. */
	if (major < 5 || (major == 5 && minor < 3)) {
		buf_addstr(remedy, "Linux 5.3 or newer is tested");
		return FOUND_LIMITED;
	}
	return FOUND_OK;
}

static enum finding check_cores(struct buf *detail, struct buf *remedy)
{
	cpu_set_t set;
	int n = 1;

	if (!sched_getaffinity(0, sizeof(set), &set))
		n = CPU_COUNT(&set);
	buf_addf(detail, "%d of %ld may be used; a recording runs on one", n,
		 sysconf(_SC_NPROCESSORS_ONLN));
	if (n > 1)
		return FOUND_OK;
	buf_addstr(remedy, "a second core would take over the compression of traces");
	return FOUND_LIMITED;
}

static enum finding check_memory(struct buf *detail, struct buf *remedy)
{
	struct buf text = BUF_INIT;
	const char *line;
	uint64_t available = 0;

	if (!read_file("/proc/meminfo", &text) && (line = strstr(buf_str(&text), "MemAvailable:")))
		available = 1024 * strtoull(line + strlen("MemAvailable:"), NULL, 10);
	buf_release(&text);
	format_size(available, detail);
	buf_addstr(detail, " available");
	if (available >= 256 << 20)
		return FOUND_OK;
	buf_addstr(remedy,
		   "end other programs: a recording needs what the program needs, and about "
		   "100M");
	return FOUND_LIMITED;
}

static enum finding check_mmap_min(struct buf *detail, struct buf *remedy)
{
	struct buf text = BUF_INIT;
	uint64_t min = 0;

	if (!read_file("/proc/sys/vm/mmap_min_addr", &text))
		min = strtoull(buf_str(&text), NULL, 10);
	buf_release(&text);
	buf_addf(detail, "vm.mmap_min_addr is %llu", (unsigned long long)min);
	if (min <= STUB_PAGE)
		return FOUND_OK;
	buf_addf(detail, ": processes cannot have memory of rr's at %#x", STUB_PAGE);
	buf_addstr(remedy, "sysctl vm.mmap_min_addr=65536");
	return FOUND_MISSING;
}

/* The directory that traces are made in, or the nearest one above it that exists. 0 or -errno. */
static int existing_root(struct buf *root, struct buf *existing)
{
	int err = trace_root_quiet(root);
	char *slash;

	if (err)
		return err;
	buf_addstr(existing, buf_str(root));
	while (access(buf_str(existing), F_OK) && (slash = strrchr(existing->data, '/'))) {
		existing->len = (size_t)(slash - existing->data);
		existing->data[existing->len] = 0;
		if (!existing->len)
			buf_addch(existing, '/');
	}
	return 0;
}

static enum finding check_trace_dir(struct buf *detail, struct buf *remedy)
{
	struct buf root = BUF_INIT, existing = BUF_INIT;
	enum finding found = FOUND_MISSING;
	struct statvfs fs;
	uint64_t available = 0;

	if (existing_root(&root, &existing)) {
		buf_addstr(detail, "unknown");
		buf_addstr(remedy, "set HOME or _RR_TRACE_DIR");
		goto out;
	}
	buf_addstr(detail, buf_str(&root));
	if (access(buf_str(&existing), W_OK | X_OK)) {
		buf_addf(detail, ": %s", strerror(errno));
		buf_addstr(remedy, "set _RR_TRACE_DIR to a directory that you may write to");
		goto out;
	}
	if (!statvfs(buf_str(&existing), &fs))
		available = (uint64_t)fs.f_bavail * fs.f_frsize;
	buf_addstr(detail, root.len == existing.len ? ", " : " (will be made), ");
	format_size(available, detail);
	buf_addstr(detail, " free");
	found = FOUND_OK;
	if (available < 1 << 30) {
		buf_addstr(remedy,
			   "rr rm old traces, or set _RR_TRACE_DIR to a larger file system");
		found = FOUND_LIMITED;
	}
out:
	buf_release(&root);
	buf_release(&existing);
	return found;
}

/* Whether files of the file system can share blocks: 0 or -errno. */
static int try_clone(const char *dir)
{
	static const char block[4096] = "x";
	int a = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int b = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int err = 0;

	if (a < 0 || b < 0)
		err = -errno;
	else
		err = write_full(a, block, sizeof(block));
	if (!err && ioctl(b, FICLONE, a))
		err = -errno;
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return err;
}

static enum finding check_clone(struct buf *detail, struct buf *remedy)
{
	struct buf root = BUF_INIT, existing = BUF_INIT;
	int err = existing_root(&root, &existing);

	if (!err)
		err = try_clone(buf_str(&existing));
	if (err) {
		buf_addf(detail,
			 "files of the trace directory cannot share blocks (%s): mapped files "
			 "are linked or copied, what is read is copied",
			 strerror(-err));
		buf_addstr(remedy, "a trace directory on btrfs, or on xfs with reflink=1");
	} else {
		buf_addstr(detail,
			   "large files that are mapped or read are kept by sharing their blocks");
	}
	buf_release(&root);
	buf_release(&existing);
	return err ? FOUND_LIMITED : FOUND_OK;
}

static enum finding check_image_cache(struct buf *detail, struct buf *remedy)
{
	struct image_cache_status st;
	struct image_cache *cache;
	enum finding found = FOUND_LIMITED;

	image_cache_open(&cache);
	image_cache_status(cache, &st);
	image_cache_close(cache);
	if (!st.limit) {
		buf_addstr(detail, "switched off by _RR_CACHE_SIZE: files are instrumented anew in "
				   "each recording");
		found = FOUND_OK;
	} else if (st.error == -EPERM) {
		buf_addf(detail, "%s/images is not yours alone, and not used", buf_str(&st.dir));
		buf_addf(remedy, "chmod 700 %s/images", buf_str(&st.dir));
	} else if (!st.dir.len) {
		buf_addstr(detail, "no place for it");
		buf_addstr(remedy, "set HOME or _RR_CACHE_DIR");
	} else if (st.error) {
		buf_addf(detail, "%s: %s", buf_str(&st.dir), strerror(-st.error));
		buf_addstr(remedy, "set _RR_CACHE_DIR to a directory that you may write to");
	} else {
		buf_addf(detail, "%s, %zu images, ", buf_str(&st.dir), st.images);
		format_size(st.bytes, detail);
		buf_addstr(detail, " of ");
		format_size(st.limit, detail);
		found = FOUND_OK;
	}
	if (!st.error && (!st.writable || st.no_exec)) {
		buf_addstr(detail, st.writable ? ", mounted noexec: images are copied to memory"
					       : ", cannot be written to");
		buf_addstr(remedy, "set _RR_CACHE_DIR to another directory");
		found = FOUND_LIMITED;
	}
	buf_release(&st.dir);
	return found;
}

static enum finding check_gdb(struct buf *detail, struct buf *remedy)
{
	const char *path = getenv("PATH");
	struct buf file = BUF_INIT;
	bool found = false;

	for (path = path ? path : "/usr/bin"; *path && !found; path += *path == ':') {
		size_t len = strcspn(path, ":");

		buf_clear(&file);
		buf_add(&file, path, len);
		buf_addstr(&file, "/gdb");
		found = !access(buf_str(&file), X_OK);
		path += len;
	}
	buf_addstr(detail, found ? buf_str(&file) : "not found: only `rr replay -a` works");
	if (!found)
		buf_addstr(remedy, "apt-get install gdb");
	buf_release(&file);
	return found ? FOUND_OK : FOUND_LIMITED;
}

static const struct check {
	const char *name;
	doctor_check_fn run;
	bool needed; /* recording cannot work without it */
} checks[] = {
	{"kernel", check_kernel, true},
	{"ptrace", check_ptrace, true},
	{"memory access", check_memory_access, true},
	{"seccomp-bpf", check_seccomp, false},
	{"ASLR off", check_no_aslr, true},
	{"low mappings", check_mmap_min, true},
	{"TSC trapping", check_tsc, true},
	{"CPUID faulting", check_cpuid, false},
	{"perf software", check_perf_software, false},
	{"PMU", check_pmu, false},
	{"cores", check_cores, false},
	{"memory", check_memory, false},
	{"trace directory", check_trace_dir, true},
	{"reflinks", check_clone, false},
	{"image cache", check_image_cache, false},
	{"gdb", check_gdb, false},
};

static enum finding run_check(const struct check *c)
{
	static const char *const words[] = {
		[FOUND_OK] = "ok",
		[FOUND_LIMITED] = "limited",
		[FOUND_MISSING] = "missing",
	};
	struct buf detail = BUF_INIT, remedy = BUF_INIT;
	enum finding found = c->run(&detail, &remedy);

	printf("%-8s %-16s %s%s%s\n", words[found], c->name, buf_str(&detail),
	       remedy.len ? "; remedy: " : "", buf_str(&remedy));
	buf_release(&detail);
	buf_release(&remedy);
	return found;
}

int cmd_doctor(const struct command *cmd, char **argv)
{
	struct option_rest rest;
	size_t lacking = 0;

	command_options(cmd, NULL, OPTIONS_PERMUTE, argv, &rest);
	no_arguments(cmd, &rest);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		if (run_check(&checks[i]) == FOUND_MISSING && checks[i].needed)
			lacking++;
	}
	puts(lacking ? "Recording cannot work here: see what is missing."
		     : "Recording can work here.");
	return lacking ? 1 : 0;
}

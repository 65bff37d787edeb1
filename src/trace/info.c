/*
 * What is known of a recording as a whole. `version` begins with a line of text, which says the
 * format before anything else is interpreted: any rr can tell the user which rr made a trace,
 * however the rest changed.
 */
#include "trace/info.h"

#include "base/io.h"
#include "base/log.h"
#include "trace.pb-c.h"

#include <fcntl.h>
#include <unistd.h>

#define VERSION_START  "rr trace, format "
#define ARGS_LINE      "rr arguments\n"
#define LINE_MAX_BYTES 256

struct frame_header {
	uint32_t len;
	uint32_t zero;
	uint64_t checksum; /* of line and message */
};
_Static_assert(sizeof(struct frame_header) == 16, "on disk");

/* --- writing --- */

static int write_file(int dirfd, const char *name, const struct buf *content)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write_full(fd, content->data, content->len);
	if (close(fd) < 0 && !ret)
		ret = -errno;
	return ret;
}

static int write_framed(int dirfd, const char *name, const char *line, const ProtobufCMessage *msg)
{
	size_t line_len = strlen(line);
	struct frame_header h = {.len = protobuf_c_message_get_packed_size(msg)};
	struct buf signed_part = BUF_INIT, out = BUF_INIT;
	int ret;

	if (h.len > INFO_MAX)
		return -E2BIG;
	buf_addstr(&signed_part, line);
	protobuf_c_message_pack(msg, buf_extend(&signed_part, h.len));
	h.checksum = xxh64(signed_part.data, signed_part.len, 0);
	buf_addstr(&out, line);
	buf_add(&out, &h, sizeof(h));
	buf_add(&out, signed_part.data + line_len, h.len);
	ret = write_file(dirfd, name, &out);
	buf_release(&signed_part);
	buf_release(&out);
	return ret;
}

static char *text(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

static ProtobufCBinaryData binary(const char *s)
{
	return (ProtobufCBinaryData){.data = (uint8_t *)text(s), .len = s ? strlen(s) : 0};
}

static ProtobufCBinaryData *binary_list(const char *const *v, size_t *n)
{
	ProtobufCBinaryData *list;

	for (*n = 0; v && v[*n]; ++*n)
		;
	list = xcalloc(*n, sizeof(*list));
	for (size_t i = 0; i < *n; i++)
		list[i] = binary(v[i]);
	return list;
}

int info_write_args(int dirfd, const struct trace_info *info)
{
	Rr__Trace__ArgsEnv msg = RR__TRACE__ARGS_ENV__INIT;
	int ret;

	msg.exe = binary(info->exe);
	msg.cwd = binary(info->cwd);
	msg.argv = binary_list(info->argv, &msg.n_argv);
	msg.envp = binary_list(info->envp, &msg.n_envp);
	ret = write_framed(dirfd, "args_env", ARGS_LINE, &msg.base);
	free(msg.argv);
	free(msg.envp);
	return ret;
}

int info_write_version(int dirfd, const struct trace_info *info)
{
	Rr__Trace__TraceInfo msg = {
		.base = PROTOBUF_C_MESSAGE_INIT(&rr__trace__trace_info__descriptor),
		.build = text(info->build),
		.arch = (Rr__Trace__Arch)info->arch,
		.ticks = text(info->ticks),
		.kernel = text(info->kernel),
		.uuid = text(info->uuid),
		.bound_cpu = info->bound_cpu,
		.cpuid_faulting = info->cpuid_faulting,
		.n_cpuid = info->n_cpuid,
		.xsave_size = info->xsave_size,
		.xcr0 = info->xcr0,
		.stack_limit = info->stack_limit,
		.start_time_ns = info->start_time_ns,
		.start_monotonic_ns = info->start_monotonic_ns,
	};
	Rr__Trace__Cpuid *leaves = xcalloc(info->n_cpuid, sizeof(*leaves));
	struct buf line = BUF_INIT;
	int ret;

	msg.cpuid = xcalloc(info->n_cpuid, sizeof(*msg.cpuid));
	for (size_t i = 0; i < info->n_cpuid; i++) {
		const struct trace_cpuid *c = &info->cpuid[i];

		leaves[i] = (Rr__Trace__Cpuid){
			.base = PROTOBUF_C_MESSAGE_INIT(&rr__trace__cpuid__descriptor),
			.leaf = c->leaf,
			.subleaf = c->subleaf,
			.eax = c->eax,
			.ebx = c->ebx,
			.ecx = c->ecx,
			.edx = c->edx,
		};
		msg.cpuid[i] = &leaves[i];
	}
	buf_addf(&line, VERSION_START "%d, by %.200s\n", TRACE_FORMAT, msg.build);
	ret = write_framed(dirfd, "version.new", buf_str(&line), &msg.base);
	if (!ret && renameat(dirfd, "version.new", dirfd, "version") < 0)
		ret = -errno;
	buf_release(&line);
	free(msg.cpuid);
	free(leaves);
	return ret;
}

/* --- reading --- */

static int read_whole(int dirfd, const char *name, struct buf *out)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EBADMSG;
	}
	buf_reserve(out, INFO_MAX + 1024 > st.st_size ? st.st_size : INFO_MAX + 1024);
	n = read_full(fd, out->data, out->cap - 1);
	close(fd);
	if (n < 0)
		return n;
	buf_extend(out, n);
	return 0;
}

/* The message behind the line at the start of `file`; NULL if it is not whole. */
static void *open_frame(struct arena *a, const struct buf *file, size_t line_len,
			const ProtobufCMessageDescriptor *desc)
{
	const char *message = file->data + line_len + sizeof(struct frame_header);
	struct buf signed_part = BUF_INIT;
	struct frame_header h;
	uint64_t sum;

	if (file->len < line_len + sizeof(h))
		return NULL;
	memcpy(&h, file->data + line_len, sizeof(h));
	if (h.zero || h.len > INFO_MAX || h.len != file->len - line_len - sizeof(h))
		return NULL;
	buf_add(&signed_part, file->data, line_len);
	buf_add(&signed_part, message, h.len);
	sum = xxh64(signed_part.data, signed_part.len, 0);
	buf_release(&signed_part);
	if (sum != h.checksum && !trace_skip_checksums)
		return NULL;
	return arena_unpack(a, desc, (const uint8_t *)message, h.len);
}

/* Length of the line, or 0 if `version` is not a file of ours. */
static size_t parse_line(const struct buf *file, uint64_t *format, struct buf *build)
{
	size_t start = strlen(VERSION_START);
	const char *nl = memchr(buf_str(file), '\n', min_u64(file->len, LINE_MAX_BYTES));
	const char *line = buf_str(file);
	char *end;

	if (!nl || (size_t)(nl - line) < start || memcmp(line, VERSION_START, start) ||
	    line[start] < '0' || line[start] > '9')
		return 0;
	*format = strtoull(line + start, &end, 10);
	if (strncmp(end, ", by ", 5) || end + 5 > nl)
		return 0;
	for (end += 5; end < nl; end++)
		buf_addch(build, *end >= ' ' && *end <= '~' ? *end : '?');
	return nl - line + 1;
}

static const char *const *string_list(struct arena *a, const ProtobufCBinaryData *v, size_t n)
{
	const char **list = arena_alloc(a, (n + 1) * sizeof(*list));

	if (!list)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!(list[i] = arena_string(a, v[i].data, v[i].len)))
			return NULL;
	list[n] = NULL;
	return list;
}

static bool take_args(struct arena *a, const Rr__Trace__ArgsEnv *msg, struct trace_info *info)
{
	info->exe = arena_string(a, msg->exe.data, msg->exe.len);
	info->cwd = arena_string(a, msg->cwd.data, msg->cwd.len);
	info->argv = string_list(a, msg->argv, msg->n_argv);
	info->envp = string_list(a, msg->envp, msg->n_envp);
	return info->exe && info->cwd && info->argv && info->envp;
}

static bool take_version(struct arena *a, const Rr__Trace__TraceInfo *msg, struct trace_info *info)
{
	struct trace_cpuid *cpuid = arena_alloc(a, msg->n_cpuid * sizeof(*cpuid));

	if (!cpuid || (int)msg->arch < 0 || (int)msg->arch >= N_TRACE_ARCHS ||
	    msg->xsave_size > FPREGS_MAX || msg->bound_cpu < -1)
		return false;
	for (size_t i = 0; i < msg->n_cpuid; i++) {
		const Rr__Trace__Cpuid *c = msg->cpuid[i];

		cpuid[i] =
			(struct trace_cpuid){c->leaf, c->subleaf, c->eax, c->ebx, c->ecx, c->edx};
	}
	*info = (struct trace_info){
		.build = msg->build,
		.arch = (int32_t)msg->arch,
		.ticks = msg->ticks,
		.kernel = msg->kernel,
		.uuid = msg->uuid,
		.bound_cpu = msg->bound_cpu,
		.cpuid_faulting = msg->cpuid_faulting,
		.cpuid = cpuid,
		.n_cpuid = msg->n_cpuid,
		.xsave_size = msg->xsave_size,
		.xcr0 = msg->xcr0,
		.stack_limit = msg->stack_limit,
		.start_time_ns = msg->start_time_ns,
		.start_monotonic_ns = msg->start_monotonic_ns,
	};
	return true;
}

static int read_version(int dirfd, const char *dir, struct arena *a, struct trace_info *info)
{
	struct buf file = BUF_INIT, build = BUF_INIT;
	const Rr__Trace__TraceInfo *msg;
	uint64_t format;
	size_t line;
	int ret = read_whole(dirfd, "version", &file);

	if (ret == -ENOENT) {
		ret = error_ret(ret, "%s is not a trace: it has no file `version`", dir);
		goto out;
	}
	if (ret) {
		ret = error_ret(ret, "%s/version: %s", dir, strerror(-ret));
		goto out;
	}
	if (!file.len) {
		ret = error_ret(-EBADMSG, "trace %s cannot be read: its file `version` is empty",
				dir);
		goto out;
	}
	line = parse_line(&file, &format, &build);
	if (!line) {
		ret = error_ret(-EBADMSG, "%s is not a trace: its file `version` is not rr's", dir);
		goto out;
	}
	if (format != TRACE_FORMAT) {
		ret = error_ret(
			-EPROTO,
			"trace %s was made by format %llu of rr (%s); this rr reads format %d: "
			"replay it with the rr that made it",
			dir, (unsigned long long)format, buf_str(&build), TRACE_FORMAT);
		goto out;
	}
	msg = open_frame(a, &file, line, &rr__trace__trace_info__descriptor);
	if (!msg || !take_version(a, msg, info)) {
		ret = error_ret(-EBADMSG, "trace %s cannot be read: its file `version` is damaged",
				dir);
		goto out;
	}
	info->format = format;
out:
	buf_release(&file);
	buf_release(&build);
	return ret;
}

int info_read(int dirfd, const char *dir, struct arena *a, struct trace_info *info)
{
	struct buf file = BUF_INIT;
	const Rr__Trace__ArgsEnv *msg;
	int ret = read_version(dirfd, dir, a, info);

	if (ret)
		return ret;
	ret = read_whole(dirfd, "args_env", &file);
	if (ret) {
		ret = error_ret(ret, "%s/args_env: %s", dir, strerror(-ret));
		goto out;
	}
	msg = NULL;
	if (file.len > strlen(ARGS_LINE) && !memcmp(file.data, ARGS_LINE, strlen(ARGS_LINE)))
		msg = open_frame(a, &file, strlen(ARGS_LINE), &rr__trace__args_env__descriptor);
	if (!msg || !take_args(a, msg, info))
		ret = error_ret(-EBADMSG, "trace %s cannot be read: its file `args_env` is damaged",
				dir);
out:
	buf_release(&file);
	return ret;
}

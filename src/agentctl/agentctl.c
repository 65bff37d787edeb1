/*
 * The memory that the agent and the tracer share is one memory file: TICK_PAGE to SHARED_END, then
 * the code, at the same distances as in tracees.
 */
#include "agentctl/agentctl.h"

#include "base/log.h"

#include <asm/unistd_64.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

extern const uint8_t agent_blob[], agent_blob_end[];

_Static_assert(offsetof(struct tick_page, remaining) == TICK_REMAINING - TICK_PAGE, "layout");
_Static_assert(offsetof(struct tick_page, saved_rcx) == TICK_SAVED_RCX - TICK_PAGE, "layout");
_Static_assert(offsetof(struct tick_page, enter_call) == TICK_ENTER_CALL - TICK_PAGE, "layout");
_Static_assert(offsetof(struct tick_page, enter_insn) == TICK_ENTER_INSN - TICK_PAGE, "layout");
_Static_assert(offsetof(struct tick_page, path) == TICK_PATH - TICK_PAGE, "layout");
_Static_assert(sizeof(((struct tick_page *)0)->path) == REMOTE_PATH_SIZE, "layout");
_Static_assert(offsetof(struct agent_state, rsp) == STATE_RSP, "layout");
_Static_assert(offsetof(struct agent_state, raw) == STATE_RAW, "layout");
_Static_assert(offsetof(struct agent_state, next) == STATE_NEXT, "layout");
_Static_assert(offsetof(struct agent_state, nr) == STATE_NR, "layout");
_Static_assert(offsetof(struct agent_state, target) == STATE_TARGET, "layout");
_Static_assert(sizeof(struct agent_state) <= AGENT_STACK - AGENT_STATE - 16384, "room for a stack");

#define CODE_OFFSET (AGENT_CODE - TICK_PAGE)
#define SHARED_SIZE (SHARED_END - TICK_PAGE)

static uint64_t code_size(void)
{
	return page_ceil((uint64_t)(agent_blob_end - agent_blob));
}

int agent_open(struct agent *a, enum agent_mode mode)
{
	uint8_t *at;
	int ret;

	a->fd = memfd_create("rr-agent", MFD_CLOEXEC);
	if (a->fd < 0)
		return -errno;
	BUG_ON(AGENT_CODE + code_size() > OURS_END);
	if (ftruncate(a->fd, (off_t)(CODE_OFFSET + code_size())) < 0)
		goto fail;
	at = mmap(NULL, CODE_OFFSET + code_size(), PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
	if (at == MAP_FAILED)
		goto fail;
	memcpy(at + CODE_OFFSET, agent_blob, (size_t)(agent_blob_end - agent_blob));
	a->page = (struct tick_page *)at;
	a->state = (struct agent_state *)(at + (AGENT_STATE - TICK_PAGE));
	a->buffer = at + (AGENT_BUFFER - TICK_PAGE);
	a->echo = at + (AGENT_ECHO - TICK_PAGE);
	a->header = (const struct agent_header *)(at + CODE_OFFSET);
	BUG_ON(a->header->magic != AGENT_MAGIC);
	a->page->remaining = INT64_MAX;
	a->state->mode = mode;
	a->state->generation = 1;
	agent_enable(a, false);
	return 0;
fail:
	ret = -errno;
	close(a->fd);
	*a = (struct agent){.fd = -1};
	return ret;
}

void agent_close(struct agent *a)
{
	if (!a->page)
		return;
	munmap(a->page, CODE_OFFSET + code_size());
	close(a->fd);
	a->page = NULL;
}

void agent_enable(struct agent *a, bool on)
{
	a->page->enter_call = on ? a->header->enter_call : a->header->pass_call;
	a->page->enter_insn = on ? a->header->enter_insn : a->header->pass_insn;
}

static int map_at(struct task *t, raddr_t addr, uint64_t size, int prot, int flags, int fd,
		  uint64_t offset)
{
	int64_t at;
	int ret = task_remote_syscall(
		t, &at, __NR_mmap,
		REMOTE_ARGS(addr, size, prot, flags | MAP_FIXED_NOREPLACE, fd, offset));

	if (ret)
		return ret;
	return at == (int64_t)addr ? 0 : at < 0 ? (int)at : -EEXIST;
}

int agent_map(const struct agent *a, struct task *t, raddr_t buf)
{
	int64_t fd, closed;
	int ret = task_remote_open(t, &fd, buf, a->fd, O_RDWR);

	if (ret || fd < 0)
		return ret ? ret : (int)fd;
	ret = map_at(t, TICK_PAGE, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
	if (!ret)
		ret = map_at(t, AGENT_CODE, code_size(), PROT_READ | PROT_EXEC, MAP_PRIVATE,
			     (int)fd, CODE_OFFSET);
	if (ret != -ESRCH)
		task_remote_syscall(t, &closed, __NR_close, REMOTE_ARGS((uint64_t)fd));
	return ret;
}

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define IP	     offsetof(struct seccomp_data, instruction_pointer)

void agent_filter(const struct agent *a, struct sock_filter out[AGENT_FILTER_LEN])
{
	const struct sock_filter f[AGENT_FILTER_LEN] = {
		LOAD(IP),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)a->header->untraced, 0, 3),
		LOAD(IP + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
	};

	memcpy(out, f, sizeof(f));
}

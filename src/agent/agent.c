/*
 * A system call of the program: made here and recorded, or taken from the recording.
 */
#include "agent/internal.h"

struct outcome agent_syscall(const uint64_t arg[6], int64_t nr);
void agent_batch(void);

void agent_report(enum agent_report why)
{
	STATE->report = why;
	agent_stop();
	STATE->report = REPORT_NONE;
}

static struct outcome make_call(const uint64_t arg[6], int64_t nr)
{
	struct abi_call call = {.arch = ARCH_X86_64, .nr = (int)nr};
	uint32_t flags = 0;

	if (nr < 0 || nr >= (int64_t)ARRAY_SIZE(agent_calls) || !agent_calls[nr])
		return (struct outcome){0};
	for (int i = 0; i < 6; i++)
		call.arg[i] = arg[i];
	if (!agent_calls[nr](&call, &flags))
		return (struct outcome){0};
	record_call(&call, syscall_row(ARCH_X86_64, (int)nr), flags);
	STATE->n_calls++;
	return (struct outcome){call.ret, 1};
}

struct outcome agent_syscall(const uint64_t arg[6], int64_t nr)
{
	struct outcome out;

	if (STATE->mode == AGENT_REPLAYS)
		return replay_call(arg, nr);
	if (STATE->has_clocks && time_call(arg, nr, &out))
		return out;
	STATE->partial = 0;
	STATE->file = 0;
	return make_call(arg, nr);
}

void agent_batch(void)
{
	struct agent_state *s = STATE;

	for (uint32_t i = 0; i < s->n_batch; i++) {
		struct agent_call *c = &s->batch[i];

		for (int k = 0; k < 6; k++) {
			if (c->from[k])
				c->arg[k] = (uint64_t)s->batch[c->from[k] - 1].result;
		}
		c->result = untraced((int64_t)c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3],
				     c->arg[4], c->arg[5]);
		s->batch_done = i + 1;
		if (is_error(c->result))
			break;
	}
	for (;;)
		agent_report(REPORT_BATCH);
}

/*
 * Thread-local variables: gdb knows a variable's offset in its module's block, and asks where that
 * block is for a thread.
 *
 * On x86-64 the thread pointer (fs_base) has the thread's vector of blocks behind its first word
 * (glibc's tcbhead_t, musl's struct pthread; ABI for thread-local storage, variant II), and the
 * module's number is in its link map, where glibc says by a symbol for libthread_db: three words,
 * of which the last is the offset. gdb looks the symbol up for us (qSymbol).
 */
#include "base/log.h"
#include "gdb/session.h"

#define MODULE_SYMBOL "_thread_db_link_map_l_tls_modid"
#define VECTOR_OFFSET 8	 /* of the pointer to the vector, from the thread pointer */
#define VECTOR_ENTRY  16 /* bytes of an entry, which begins with the block's address */
#define NOT_ALLOCATED UINT64_MAX
#define ONLY_MODULE   1 /* of a static program */

static bool read_word(struct server *s, pid_t tid, raddr_t addr, uint64_t *value)
{
	return timeline_read(s->tl, tid, addr, value, sizeof(*value)) == sizeof(*value);
}

static bool find_module(struct server *s, pid_t tid, raddr_t link_map, uint64_t *module)
{
	uint32_t field[3]; /* bits, number of elements, offset */

	*module = ONLY_MODULE;
	if (!link_map)
		return true;
	return s->module_field &&
	       timeline_read(s->tl, tid, s->module_field, field, sizeof(field)) == sizeof(field) &&
	       read_word(s, tid, link_map + field[2], module);
}

static bool find_block(struct server *s, pid_t tid, raddr_t link_map, raddr_t *block)
{
	struct register_values values = {.xsave = BUF_INIT};
	uint64_t module, vector;

	return !read_registers(s, tid, false, &values) && find_module(s, tid, link_map, &module) &&
	       read_word(s, tid, values.regs.u.fs_base + VECTOR_OFFSET, &vector) &&
	       read_word(s, tid, vector + module * VECTOR_ENTRY, block) && *block &&
	       *block != NOT_ALLOCATED;
}

/* :THREAD,OFFSET,LINK-MAP */
void handle_tls_address(struct server *s, struct scan args)
{
	uint64_t offset, link_map;
	int64_t pid, tid;
	raddr_t block;

	scan_char(&args, ':');
	scan_thread_id(&args, &pid, &tid);
	scan_char(&args, ',');
	offset = scan_hex(&args);
	scan_char(&args, ',');
	link_map = scan_hex(&args);
	if (!scan_at_end(&args) || tid <= 0)
		reply_error(s, EINVAL);
	else if (!find_block(s, (pid_t)tid, link_map, &block))
		reply_error(s, EFAULT);
	else
		buf_addf(&s->reply, "%llx", (unsigned long long)(block + offset));
}

/* `::` offers to look symbols up; `:VALUE:NAME` is an answer, without VALUE: there is none. */
void handle_symbol(struct server *s, struct scan args)
{
	scan_char(&args, ':');
	if (!scan_if(&args, ':')) {
		s->module_field = scan_hex(&args);
		reply_ok(s);
	} else if (scan_left(&args)) {
		reply_ok(s);
	} else {
		buf_addstr(&s->reply, "qSymbol:");
		hex_add(&s->reply, MODULE_SYMBOL, strlen(MODULE_SYMBOL));
	}
}

/*
 * Instrumented code in replay: it is mapped from the trace like any file. The one thing to know is
 * where a task goes on behind a safepoint's trap that is no event of its own; the image's tables,
 * which its file in the trace has too, say it.
 */
#include "base/log.h"
#include "image/image.h"
#include "mem/maps.h"
#include "replay/session.h"

#include <sys/stat.h>

/* The image in the saved file that the line maps: NULL if it is none. */
static struct image *image_of(struct session *s, const struct map_line *l)
{
	map_for_each (&s->common->files, slot) {
		struct image *im = map_get_ptr(&s->common->images, slot->key);
		struct stat st;

		if (fstat(slot->value, &st) < 0 || st.st_ino != l->ino)
			continue;
		if (!im && !image_read(slot->value, &im))
			map_set_ptr(&s->common->images, slot->key, im);
		if (im)
			return im;
	}
	return NULL;
}

static int find_trap(struct session *s, struct ptask *p, raddr_t trap, raddr_t *resume)
{
	const struct map_line *l;
	struct image_point point = {.where = IMAGE_OUTSIDE};
	struct image *im = NULL;
	struct maps maps;
	uint64_t vaddr = 0;
	int ret = maps_read(p->t.tid, &maps);

	if (ret)
		return failed(s, ret, "the mappings of task %d", p->rec_tid);
	l = maps_find(&maps, trap);
	if (l && l->ino)
		im = image_of(s, l);
	if (im) {
		vaddr = im->stub_vaddr + (l->offset + (trap - l->start) - im->stub_offset);
		point = image_find(im, vaddr);
	}
	maps_release(&maps);
	if (point.where != IMAGE_TRAP)
		return diverged(s, p, "it trapped where no safepoint is");
	*resume = trap + (point.resume - vaddr);
	return 0;
}

int leave_safepoint(struct session *s, struct ptask *p)
{
	raddr_t resume = 0;
	int ret = task_regs(&p->t) ? diverged(s, p, "the task died") : 0;

	if (!ret)
		ret = find_trap(s, p, p->t.regs.u.rip - 1, &resume);
	if (!ret)
		task_regs_modify(&p->t)->u.rip = resume;
	return ret;
}

/*
 * The images of an address space: a sorted array of ranges, found by bisection. There are a few
 * dozen in most processes and it is asked at every stop, while it changes only with mappings: an
 * array is the fastest that this can be. A text and its stubs are ranges of their own, since the
 * program can unmap either, whole or in parts.
 */
#include "image/space.h"

#include "base/log.h"

void image_space_init(struct image_space *s)
{
	*s = (struct image_space){.n = 0};
}

void image_space_clear(struct image_space *s)
{
	for (size_t i = 0; i < s->n; i++)
		image_free(s->ranges[i].image);
	free(s->ranges);
	image_space_init(s);
}

void image_space_copy(struct image_space *dst, const struct image_space *src)
{
	BUG_ON(dst->n);
	image_space_clear(dst);
	if (!src->n)
		return;
	dst->ranges = xcalloc(src->n, sizeof(*dst->ranges));
	dst->n = dst->cap = src->n;
	memcpy(dst->ranges, src->ranges, src->n * sizeof(*src->ranges));
	for (size_t i = 0; i < dst->n; i++)
		image_share(dst->ranges[i].image);
}

/* The first range that ends above `addr`; s->n if there is none. */
static size_t first_above(const struct image_space *s, raddr_t addr)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->ranges[middle].end > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void insert_at(struct image_space *s, size_t i, struct image_range r)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->ranges = xrealloc(s->ranges, s->cap * sizeof(*s->ranges));
	}
	memmove(&s->ranges[i + 1], &s->ranges[i], (s->n - i) * sizeof(*s->ranges));
	s->ranges[i] = r;
	s->n++;
}

static void add_range(struct image_space *s, struct image_range r)
{
	if (r.start >= r.end)
		return;
	image_share(r.image);
	image_space_remove(s, r.start, r.end);
	insert_at(s, first_above(s, r.start), r);
}

void image_space_add(struct image_space *s, struct image *im, uint64_t bias, raddr_t text,
		     raddr_t text_end, raddr_t stubs, raddr_t stubs_end)
{
	struct image_range r = {.start = text, .end = text_end, .bias = bias, .image = im};

	add_range(s, r);
	r.start = stubs;
	r.end = stubs_end;
	r.stubs = true;
	add_range(s, r);
}

void image_space_remove(struct image_space *s, raddr_t start, raddr_t end)
{
	size_t i = first_above(s, start), gone;

	if (start >= end || i == s->n)
		return;
	if (s->ranges[i].start < start) {
		struct image_range behind = s->ranges[i];

		s->ranges[i].end = start;
		i++;
		if (behind.end > end) { /* a hole in its middle */
			behind.start = end;
			image_share(behind.image);
			insert_at(s, i, behind);
			return;
		}
	}
	for (gone = i; gone < s->n && s->ranges[gone].end <= end; gone++)
		image_free(s->ranges[gone].image);
	memmove(&s->ranges[i], &s->ranges[gone], (s->n - gone) * sizeof(*s->ranges));
	s->n -= gone - i;
	if (i < s->n && s->ranges[i].start < end)
		s->ranges[i].start = end;
}

const struct image_range *image_space_find(const struct image_space *s, raddr_t addr)
{
	size_t i = first_above(s, addr);

	return i < s->n && s->ranges[i].start <= addr ? &s->ranges[i] : NULL;
}

struct image_point image_space_point(const struct image_space *s, raddr_t addr)
{
	const struct image_range *r = image_space_find(s, addr);
	struct image_point p = {.where = IMAGE_OUTSIDE};

	if (!r || !r->stubs)
		return p;
	p = image_find(r->image, addr - r->bias);
	if (p.where == IMAGE_OUTSIDE)
		return p;
	p.original += r->bias;
	if (p.where == IMAGE_TRAP)
		p.resume += r->bias;
	return p;
}

raddr_t image_space_original(const struct image_space *s, raddr_t ip)
{
	struct image_point p = image_space_point(s, ip);

	return p.where == IMAGE_OUTSIDE ? ip : p.original;
}

raddr_t image_space_entry(const struct image_space *s, raddr_t addr)
{
	const struct image_range *r = image_space_find(s, addr);
	int64_t copy;

	if (!r || r->stubs)
		return addr;
	copy = image_displaced(r->image, addr - r->bias);
	return copy ? (raddr_t)copy + r->bias : addr;
}

void image_space_hide(const struct image_space *s, raddr_t addr, void *buf, size_t n)
{
	raddr_t end = n > UINT64_MAX - addr ? UINT64_MAX : addr + n;

	for (size_t i = first_above(s, addr); i < s->n && s->ranges[i].start < end; i++) {
		const struct image_range *r = &s->ranges[i];
		raddr_t from = max_u64(r->start, addr);

		if (!r->stubs)
			image_hide(r->image, from - r->bias, (char *)buf + (from - addr),
				   min_u64(r->end, end) - from);
	}
}

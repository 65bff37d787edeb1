/*
 * The images of an address space: against a model that has a number for each page.
 */
#include "sample.h"

#include "base/log.h"
#include "image/space.h"

#define BIAS  0x555555550000
#define PAGES 64

static void test_addresses(void)
{
	struct image *im = sample_image();
	struct image_space s, child;
	struct image_point p;
	uint8_t buf[64];

	image_space_init(&s);
	image_space_add(&s, im, BIAS, BIAS + 0x1000, BIAS + 0x3000, BIAS - 0x2000, BIAS);
	image_space_add(&s, im, BIAS, BIAS + 0x5000, BIAS + 0x6000, 0, 0);
	CHECK(s.n == 3 && im->more_users == 3);

	p = image_space_point(&s, BIAS - 0x2000 + 0x1a);
	CHECK(p.where == IMAGE_TRAP && p.original == BIAS + 0x1010 && p.resume == BIAS - 0x1ff0);
	p = image_space_point(&s, BIAS - 0x2000 + 0x33);
	CHECK(p.where == IMAGE_CODE && p.original == BIAS + 0x1023);
	CHECK(image_space_original(&s, BIAS - 0x2000 + 0x51) == BIAS + 0x5080);
	CHECK(image_space_point(&s, BIAS + 0x1010).where == IMAGE_OUTSIDE);
	CHECK(image_space_original(&s, BIAS + 0x1010) == BIAS + 0x1010);
	CHECK(image_space_original(&s, BIAS - 0x2000 + 0x1b) == BIAS - 0x2000 + 0x1b);
	CHECK(image_space_point(&s, 0).where == IMAGE_OUTSIDE);
	CHECK(image_space_point(&s, UINT64_MAX).where == IMAGE_OUTSIDE);

	CHECK(image_space_entry(&s, BIAS + 0x1020) == BIAS + 0x1020);
	CHECK(image_space_entry(&s, BIAS + 0x1023) == BIAS - 0x2000 + 0x33);
	CHECK(image_space_entry(&s, BIAS + 0x1027) == BIAS + 0x1027);
	CHECK(image_space_entry(&s, BIAS + 0x4000) == BIAS + 0x4000);

	memset(buf, 0, sizeof(buf));
	image_space_hide(&s, BIAS + 0x1000, buf, sizeof(buf));
	CHECK(buf[0x0f] == 0 && buf[0x10] == 0x40 && buf[0x14] == 0x44 && buf[0x15] == 0);
	CHECK(buf[0x1f] == 0 && buf[0x20] == 0x45 && buf[0x26] == 0x4b && buf[0x27] == 0);
	memset(buf, 0, sizeof(buf));
	image_space_hide(&s, BIAS + 0x1012, buf, 2); /* the middle of a patch */
	CHECK(buf[0] == 0x42 && buf[1] == 0x43 && buf[2] == 0);
	memset(buf, 0, sizeof(buf));
	image_space_hide(&s, BIAS + 0x50f0, buf, 0x14); /* the beginning of one */
	CHECK(buf[0x0f] == 0 && buf[0x10] == 0x4c && buf[0x13] == 0x4f && buf[0x14] == 0);
	image_space_hide(&s, UINT64_MAX - 3, buf, sizeof(buf));

	image_space_init(&child);
	image_space_copy(&child, &s);
	image_space_remove(&s, BIAS + 0x1000, BIAS + 0x2000);
	CHECK(image_space_entry(&s, BIAS + 0x1023) == BIAS + 0x1023);
	CHECK(image_space_entry(&child, BIAS + 0x1023) == BIAS - 0x2000 + 0x33);
	image_space_clear(&s);
	CHECK(s.n == 0 && im->more_users == 3);
	image_free(im);
	CHECK(image_space_original(&child, BIAS - 0x2000 + 0x10) == BIAS + 0x1010);
	image_space_clear(&child);
	image_space_clear(&child);
}

/* Random mappings and unmappings; after each, each page is looked up. */
static void test_model(void)
{
	struct image *images[] = {sample_image(), sample_image(), sample_image()};
	struct {
		int image; /* -1: none */
		uint64_t bias;
		bool stubs;
	} model[PAGES];
	struct image_space s;
	unsigned users = 0;

	memset(model, -1, sizeof(model));
	image_space_init(&s);
	srandom(7);
	for (int round = 0; round < 20000; round++) {
		size_t start = (size_t)random() % PAGES;
		size_t end = start + (size_t)random() % (PAGES + 1 - start);
		int what = (int)(random() % 8) - 3;
		uint64_t bias = (uint64_t)round << 12;
		raddr_t from = start << 12, to = end << 12;
		bool stubs = random() & 1;

		if (what < 0 || what > 2) {
			what = -1;
			image_space_remove(&s, from, to);
		} else if (stubs) {
			image_space_add(&s, images[what], bias, 0, 0, from, to);
		} else {
			image_space_add(&s, images[what], bias, from, to, 0, 0);
		}
		for (size_t i = start; i < end; i++) {
			model[i].image = what;
			model[i].bias = bias;
			model[i].stubs = stubs;
		}
		for (size_t i = 0; i < PAGES; i++) {
			const struct image_range *r =
				image_space_find(&s, (i << 12) + (raddr_t)random() % 4096);

			if (!r) {
				CHECK(model[i].image == -1);
				continue;
			}
			CHECK(model[i].image >= 0 && r->image == images[model[i].image]);
			CHECK(r->bias == model[i].bias && r->stubs == model[i].stubs);
		}
		for (size_t i = 0; i < s.n; i++) {
			CHECK(s.ranges[i].start < s.ranges[i].end);
			CHECK(!i || s.ranges[i - 1].end <= s.ranges[i].start);
		}
		if (failures > 10)
			break;
	}
	for (int i = 0; i < 3; i++)
		users += images[i]->more_users;
	CHECK(users == s.n);
	image_space_clear(&s);
	for (int i = 0; i < 3; i++) {
		CHECK(images[i]->more_users == 0);
		image_free(images[i]);
	}
}

int main(void)
{
	test_addresses();
	test_model();
	return check_status("image space");
}

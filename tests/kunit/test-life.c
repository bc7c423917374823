// SPDX-License-Identifier: GPL-2.0
/*
 * A target's whole life, at random: writes, FUA, flushes, reads, commits,
 * suspends, power cuts, errors; its works and bios in any order, also one in
 * the middle of another.
 *
 * Each sector that is written carries its own number and that of the write.  A
 * sector has no two writes under way at once, so three numbers say what may be
 * found in it: what was durable for certain, what was acknowledged, what was
 * begun.  After a power cut the image must open, and have in each sector a write
 * that is not older than the durable one; where nothing was written, zeros.
 * What the device held before (0xfe) must never be seen.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-image.h"

#define LIFE_BLOCKS		10
#define LIFE_ZONES		3
#define LIFE_ZONE_SECTORS	16
#define LIFE_SECTORS		(LIFE_BLOCKS * LIFE_ZONES * LIFE_ZONE_SECTORS)
#define LIFE_FOREIGN		0xfe

/*
 * 2 MiB blocks, 2048 to a chunk.  Those around its end, so that the BAT sector
 * which begins with a bitmap slot is in use.
 */
#define LIFE_BLOCK_MIB		2
#define LIFE_BLOCK_SECTORS	(LIFE_BLOCK_MIB * 2048U)
#define LIFE_DISK_BLOCKS	2100

static const u32 life_blocks[LIFE_BLOCKS] = {
	0, 1, 300, 2046, 2047, 2048, 2049, 700, 512, LIFE_DISK_BLOCKS - 1,
};

static const u32 life_zones[LIFE_ZONES] = {
	0, 2043, LIFE_BLOCK_SECTORS - LIFE_ZONE_SECTORS,
};

/* Numbers of writes; 0 is before the first. */
struct life_sector {
	u32 durable;
	u32 done;
	u32 begun;
	bool busy;
};

struct life_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkts[2];
	struct vk_target *vkt;	/* the live one */
	u32 crash_part;
	u32 next;		/* number of the next write */
	u32 nested;		/* depth of the hook */
	u32 under_way;		/* bios */
	u32 flushes, reads, writes, errors, suspends, cuts;
	bool failures;		/* errors are to be expected */
	u32 zeroed_from_mib;	/* nothing was ever written from here on */
	bool zeroed;		/* ... and the next table says so */
	bool owed;		/* writes are lost: somebody has to be told */
	u32 losses;		/* of the device, seen so far */
	struct life_sector sectors[LIFE_SECTORS];
	u8 *buf;
};

/**
 * struct life_io - what the model knows of a bio
 * @t: the test
 * @first: sector of the model
 * @count: sectors
 * @number: of the write
 * @flush: it is a flush
 * @losses: of the device, when it was submitted
 * @floor: for flush, FUA or read: what was done when it was submitted
 */
struct life_io {
	struct life_test *t;
	u32 first;
	u32 count;
	u32 number;
	bool flush;
	u32 losses;
	u32 *floor;
};

static int life_test_init(struct kunit *test)
{
	struct life_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	t->vkt = t->vkts;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.log_mib = 1, .bat_mib = 1, .block_mib = LIFE_BLOCK_MIB,
		.logical = 512,
		.disk_bytes = LIFE_DISK_BLOCKS * (u64)LIFE_BLOCK_MIB * SZ_1M,
	};
	t->spec.dev_mib = vk_free_mib(&t->spec) +
			  (LIFE_BLOCKS + 1) * LIFE_BLOCK_MIB;
	t->crash_part = 12;
	t->buf = kmalloc(SZ_64K, GFP_KERNEL);
	return t->buf ? 0 : -ENOMEM;
}

/* The slot that is free. */
static struct vk_target *life_other(struct life_test *t)
{
	return t->vkt == t->vkts ? &t->vkts[1] : &t->vkts[0];
}

static void life_test_exit(struct kunit *test)
{
	struct life_test *t = test->priv;

	if (!t)
		return;
	/* Where a failed test has left two tables, the device goes with one. */
	vk_target_drop(life_other(t));
	vk_target_free(t->vkt);
	fake_dev_free(t->dev);
	kfree(t->buf);
}

/* A new device with an empty image, full of what nobody may see. */
static void life_format(struct life_test *t, bool zeroed)
{
	fake_dev_free(t->dev);
	t->dev = vk_format(&t->spec);
	t->dev->fill = LIFE_FOREIGN;
	t->dev->fill_off = (u64)vk_free_mib(&t->spec) * SZ_1M;
	/* Old contents behind an anchor, too. */
	vk_set_bat(t->dev, &t->spec, 2048, VHDX_BLOCK_UNMAPPED,
		   vk_free_mib(&t->spec) + LIFE_BLOCK_MIB);
	vk_set_bat(t->dev, &t->spec, 2047, VHDX_BLOCK_ZERO, 0);
	if (zeroed)
		t->dev->fill_end = t->dev->fill_off +
				   (3 * LIFE_BLOCK_MIB - 1) * SZ_1M;
	t->zeroed = zeroed;
	t->zeroed_from_mib = t->dev->fill_end >> 20;
	t->dev->flush_loses = vk_rnd(&t->check.rnd, 4);
	t->losses = 0;
	memset(t->sectors, 0, sizeof(t->sectors));
	t->next = 1;
	t->owed = false;
}

/* ------------------------------------------------------------------------
 * Contents
 */

/* Sector of the disk of a sector of the model. */
static sector_t life_sector(u32 i)
{
	u32 block = i / (LIFE_ZONES * LIFE_ZONE_SECTORS);
	u32 zone = i / LIFE_ZONE_SECTORS % LIFE_ZONES;

	return (sector_t)life_blocks[block] * LIFE_BLOCK_SECTORS +
	       life_zones[zone] + i % LIFE_ZONE_SECTORS;
}

static void life_fill(void *buf, u32 i, u32 number)
{
	u64 *words = buf;
	u32 w;

	for (w = 0; w < SECTOR_SIZE / sizeof(u64); w++)
		words[w] = number ? (u64)(i + 1) << 32 | number : 0;
}

/* The number in a sector's contents. */
static bool life_number(const void *buf, u32 i, u32 *number)
{
	const u64 *words = buf;
	u32 w;

	*number = (u32)words[0];
	if (words[0] && words[0] >> 32 != i + 1)
		return false;
	for (w = 1; w < SECTOR_SIZE / sizeof(u64); w++)
		if (words[w] != words[0])
			return false;
	return true;
}

static bool life_check_sector(struct life_test *t, const void *buf, u32 i,
			      u32 least, const char *what)
{
	const struct life_sector *s = &t->sectors[i];
	u32 number;

	if (!life_number(buf, i, &number))
		vk_fail(&t->check, "%s: sector %u of block %u has %16phN", what,
			i, life_blocks[i / (LIFE_ZONES * LIFE_ZONE_SECTORS)],
			buf);
	else if (number < least || number > s->begun)
		vk_fail(&t->check,
			"%s: sector %u of block %u has write %u (least %u, durable %u, done %u, begun %u)",
			what, i,
			life_blocks[i / (LIFE_ZONES * LIFE_ZONE_SECTORS)],
			number, least, s->durable, s->done, s->begun);
	return !t->check.failed;
}

/* Sector of the model as an image has it. */
static void life_image_sector(struct vhdx_image *image, struct fake_dev *dev,
			      sector_t sector, void *buf)
{
	u32 e = image->bat[sector / LIFE_BLOCK_SECTORS];

	if (vhdx_e_present(e))
		fake_dev_peek(dev, ((u64)vhdx_e_mib(e) << 20) +
			      (sector % LIFE_BLOCK_SECTORS << SECTOR_SHIFT), buf,
			      SECTOR_SIZE);
	else
		memset(buf, 0, SECTOR_SIZE);
}

/* What nobody has written reads as zeros. */
static void life_check_untouched(struct life_test *t, struct vhdx_image *image,
				 struct fake_dev *dev, u32 block)
{
	u32 i, sector;

	for (i = 0; i < 10; i++) {
		do {
			sector = vk_rnd(&t->check.rnd, LIFE_BLOCK_SECTORS);
		} while (sector < LIFE_ZONE_SECTORS || sector >= life_zones[2] ||
			 (sector >= life_zones[1] &&
			  sector < life_zones[1] + LIFE_ZONE_SECTORS));
		life_image_sector(image, dev, block *
				  (u64)LIFE_BLOCK_SECTORS + sector, t->buf);
		if (memchr_inv(t->buf, 0, SECTOR_SIZE)) {
			vk_fail(&t->check, "block %u sector %u has %16phN",
				block, sector, t->buf);
			return;
		}
	}
}

static void life_check_image(struct life_test *t, struct vhdx_image *image,
			     struct fake_dev *dev, const char *what)
{
	u32 i, present = 0;

	for (i = 0; i < LIFE_BLOCKS; i++) {
		if (!vhdx_e_present(image->bat[life_blocks[i]]))
			continue;
		present++;
		life_check_untouched(t, image, dev, life_blocks[i]);
	}
	if (image->allocated_blocks != present)
		vk_fail(&t->check, "%s: %u blocks too many", what,
			image->allocated_blocks - present);
	for (i = 0; i < LIFE_SECTORS; i++) {
		life_image_sector(image, dev, life_sector(i), t->buf);
		if (!life_check_sector(t, t->buf, i, t->sectors[i].durable,
				       what))
			return;
	}
}

/* Take what is found for the truth: after a power cut, or an error. */
static void life_adopt(struct life_test *t, struct vhdx_image *image,
		       struct fake_dev *dev)
{
	u32 i, number;

	for (i = 0; i < LIFE_SECTORS; i++) {
		life_image_sector(image, dev, life_sector(i), t->buf);
		life_number(t->buf, i, &number);
		t->owed |= number < t->sectors[i].done;
		t->sectors[i] = (struct life_sector) {
			.durable = number, .done = number, .begun = number,
		};
	}
}

/* ------------------------------------------------------------------------
 * Crash states
 */

static void life_check_crash(struct life_test *t, struct fake_dev *crash,
			     bool adopt)
{
	struct vhdx_image *image = kzalloc(sizeof(*image),
					   GFP_KERNEL | __GFP_NOFAIL);
	const char *error = NULL;
	bool replay = !vk_rnd(&t->check.rnd, 8);

	t->check.crashes++;
	vhdx_image_init(image, &crash->bdev, true);
	if (vhdx_image_load(image, &error)) {
		vk_fail(&t->check, "a crash state does not open: %s (%s)",
			error, fake.message);
		goto out;
	}
	if (replay && vhdx_image_replay(image))
		vk_fail(&t->check, "the replay of a crash state fails");
	life_check_image(t, image, crash, replay ? "replayed" : "power cut");
	if (adopt)
		life_adopt(t, image, crash);
out:
	vhdx_image_unload(image);
	kfree(image);
}

/* A flush has failed, and the device has dropped what was not durable. */
static void life_lose(struct life_test *t)
{
	struct life_sector *s;

	for (s = t->sectors; s < t->sectors + LIFE_SECTORS; s++) {
		t->owed |= s->done > s->durable;
		s->done = s->durable;
	}
}

static void life_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct life_test *t = dev->hook_arg;
	struct fake_dev *crash;

	/* Nothing comes between the loss and its being reported. */
	if (dev->losses != t->losses) {
		t->losses = dev->losses;
		life_lose(t);
		return;
	}
	if (t->check.failed)
		return;
	if (!vk_rnd(&t->check.rnd, t->crash_part)) {
		crash = fake_dev_crash(dev, &t->check.rnd);
		life_check_crash(t, crash, false);
		fake_dev_free(crash);
	}
	/* Whoever waits for this lets others go on. */
	if (t->nested < 3 && !vk_rnd(&t->check.rnd, 3)) {
		t->nested++;
		fake_kernel_step(!vk_rnd(&t->check.rnd, 8));
		t->nested--;
	}
}

/* ------------------------------------------------------------------------
 * Guest I/O
 */

static struct life_io *life_io_new(struct life_test *t, struct fake_bio *fbio,
				   u32 first, u32 count)
{
	struct life_io *io = kzalloc(sizeof(*io), GFP_KERNEL | __GFP_NOFAIL);

	io->t = t;
	io->losses = t->dev->losses;
	io->first = first;
	io->count = count;
	fbio->arg = io;
	t->under_way++;
	return io;
}

/* What is done now. */
static void life_io_floor(struct life_io *io)
{
	u32 i;

	io->floor = kvmalloc_array(io->count, sizeof(u32),
				   GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < io->count; i++)
		io->floor[i] = io->t->sectors[io->first + i].done;
}

static void life_io_end(struct life_io *io, struct fake_bio *fbio)
{
	struct life_test *t = io->t;

	t->under_way--;
	if (fbio->status) {
		t->errors++;
		if (!t->failures)
			vk_fail(&t->check, "a bio fails: %d", fbio->status);
	}
	if (io->floor && fbio->status && (io->number || io->flush))
		t->owed = false;
	else if (io->flush && t->owed)
		vk_fail(&t->check, "nobody hears that writes are lost");
	kvfree(io->floor);
	kfree(io);
	fake_bio_free(fbio);
}

static void life_write_end(struct fake_bio *fbio)
{
	struct life_io *io = fbio->arg;
	u32 i;

	for (i = io->first; i < io->first + io->count; i++) {
		struct life_sector *s = &io->t->sectors[i];

		s->busy = false;
		if (fbio->status)
			continue;
		s->done = io->number;
		if (io->floor)		/* it was FUA */
			s->durable = io->number;
	}
	life_io_end(io, fbio);
}

static void life_flush_end(struct fake_bio *fbio)
{
	struct life_io *io = fbio->arg;
	u32 i;

	for (i = 0; i < LIFE_SECTORS && !fbio->status; i++)
		io->t->sectors[i].durable = max(io->t->sectors[i].durable,
						io->floor[i]);
	life_io_end(io, fbio);
}

static void life_read_end(struct fake_bio *fbio)
{
	struct life_io *io = fbio->arg;
	u32 i;

	/* What the device loses under a read that it has already, is lost. */
	for (i = 0; i < io->count && !fbio->status &&
		    io->losses == io->t->dev->losses; i++)
		life_check_sector(io->t, fake_bio_data(fbio) +
				  (i << SECTOR_SHIFT), io->first + i,
				  io->floor[i], "read");
	life_io_end(io, fbio);
}

/* Some sectors of one zone. */
static void life_choose(struct life_test *t, u32 *first, u32 *count)
{
	u32 zone = vk_rnd(&t->check.rnd, LIFE_BLOCKS * LIFE_ZONES);
	u32 start = vk_rnd(&t->check.rnd, LIFE_ZONE_SECTORS);

	*first = zone * LIFE_ZONE_SECTORS + start;
	*count = 1 + vk_rnd(&t->check.rnd, LIFE_ZONE_SECTORS - start);
}

static void life_write(struct life_test *t)
{
	bool fua = !vk_rnd(&t->check.rnd, 6);
	u32 first, count, i, number;
	struct fake_bio *fbio;
	struct life_io *io;

	life_choose(t, &first, &count);
	for (i = first; i < first + count; i++)
		if (t->sectors[i].busy)
			return;
	number = t->next++;
	t->writes++;
	fbio = fake_bio_new(REQ_OP_WRITE | (fua ? REQ_FUA : 0),
			    VK_BEGIN + life_sector(first), count);
	io = life_io_new(t, fbio, first, count);
	io->number = number;
	if (fua)
		life_io_floor(io);
	for (i = 0; i < count; i++) {
		life_fill(fake_bio_data(fbio) + (i << SECTOR_SHIFT), first + i,
			  number);
		t->sectors[first + i].begun = number;
		t->sectors[first + i].busy = true;
	}
	fbio->end = life_write_end;
	vk_guest_submit(t->vkt, fbio);
}

static void life_read(struct life_test *t)
{
	struct fake_bio *fbio;
	struct life_io *io;
	u32 first, count;

	t->reads++;
	life_choose(t, &first, &count);
	fbio = fake_bio_new(REQ_OP_READ, VK_BEGIN + life_sector(first), count);
	io = life_io_new(t, fbio, first, count);
	life_io_floor(io);
	fbio->end = life_read_end;
	vk_guest_submit(t->vkt, fbio);
}

static void life_flush(struct life_test *t)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE | REQ_PREFLUSH,
					     VK_BEGIN, 0);
	struct life_io *io = life_io_new(t, fbio, 0, LIFE_SECTORS);

	t->flushes++;
	io->flush = true;
	life_io_floor(io);
	fbio->end = life_flush_end;
	vk_guest_submit(t->vkt, fbio);
}

/* ------------------------------------------------------------------------
 * Life
 */

/* The table's option.  How a device grows is not for it to say. */
static void life_set_zeroed(struct life_test *t, struct vhdx_target *vt)
{
	t->zeroed &= t->dev->bytes <= t->dev->grown_off;
	vt->zeroed_from_mib = t->zeroed ? t->zeroed_from_mib : U32_MAX;
}

static void life_start(struct life_test *t)
{
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(t->vkt, t->dev, 0));
	life_set_zeroed(t, t->vkt->vt);
	t->dev->hook = life_hook;
	t->dev->hook_arg = t;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(t->vkt));
}

/* Let all end that was begun, with more space if need be. */
static void life_drain(struct life_test *t)
{
	u32 i;

	fake.starve = min(fake.starve, 3U);
	fake_kernel_run();
	for (i = 0; t->under_way && i < 50; i++) {
		t->dev->bytes += SZ_1M;
		fake_kernel_fire();
		fake_kernel_run();
	}
	if (t->under_way)
		vk_fail(&t->check, "%u bios are lost", t->under_way);
}

/* A suspended image is clean, all of it is durable, and nothing goes on. */
static void life_check_suspended(struct life_test *t)
{
	struct vhdx_target *vt = t->vkt->vt;
	struct vhdx_header header;
	bool damaged;
	u32 i;

	if (!list_empty(&fake.works) || !list_empty(&fake.timers))
		vk_fail(&t->check, "work is left after a suspend");
	if (vt->mode != VHDX_MODE_RW) {
		if (!t->failures)
			vk_fail(&t->check, "the mode is not rw");
		return;
	}
	if (!vk_get_header(t->dev, &header, &damaged) || damaged ||
	    !guid_is_null(&header.log_guid))
		vk_fail(&t->check, "not clean after a suspend");
	if (vt->nr_dirty || vt->session_open)
		vk_fail(&t->check, "not committed after a suspend");
	if (!list_empty(&t->dev->writes))
		vk_fail(&t->check, "not durable after a suspend");
	for (i = 0; i < LIFE_SECTORS; i++)
		t->sectors[i].durable = t->sectors[i].done;
}

/* The device may grow by anything once a table is loaded. */
static void life_grow(struct life_test *t)
{
	if (!vk_rnd(&t->check.rnd, 4))
		t->dev->bytes += LIFE_BLOCK_MIB * (u64)SZ_1M;
}

static void life_load(struct life_test *t, struct vk_target *new,
		      unsigned long table, bool active)
{
	if (vk_target_load(new, table, t->dev, t->vkt->ti.len, false))
		vk_fail(&t->check, "no next table: %s", new->ti.error);
	else if (new->vt->image.loaded == active)
		vk_fail(&t->check, active ? "it looks at a live image" :
					    "it was not judged");
	life_set_zeroed(t, new->vt);
	life_grow(t);
}

/* Other tables than the next one of this target, one after the other. */
static void life_between(struct life_test *t, struct vk_target *vkt,
			 unsigned long table)
{
	u64 sectors = t->vkt->ti.len;
	u32 count = vk_rnd(&t->check.rnd, 3), i;

	/* Of another target: nothing that we see. */
	while (count--) {
		bool read_only = vk_rnd(&t->check.rnd, 2);
		int r;

		if (vk_target_load(vkt, table, t->dev, sectors, read_only))
			vk_fail(&t->check, "no table between: %s",
				vkt->ti.error);
		if (!vk_rnd(&t->check.rnd, 2)) {
			/* It was a wrong length when somebody else's turn. */
			vkt->vt->stale = true;
			vkt->ti.len -= 8;
		} else if (t->failures) {
			for (i = 0; i < FAKE_BIO; i++)
				t->dev->fail_in[i] = vk_rnd(&t->check.rnd, 6);
		}
		r = vk_rnd(&t->check.rnd, 2) ? vk_target_preresume(vkt) :
					       vk_target_resume(vkt);
		memset(t->dev->fail_in, 0, sizeof(t->dev->fail_in));
		/* A table whose resume has failed is not suspended. */
		if (!r && vkt->vt->user.state == VHDX_USER_ACTIVE)
			vk_target_suspend(vkt, vk_rnd(&t->check.rnd, 2));
		vk_target_drop(vkt);
	}
}

/*
 * Suspend and resume; or the same with another table, loaded before or
 * meanwhile, with or without some between.
 */
static void life_suspend(struct life_test *t)
{
	struct vk_target *old = t->vkt, *new = old, *other = life_other(t);
	unsigned long table = (unsigned long)old->ti.table;
	u32 how = vk_rnd(&t->check.rnd, 6);
	bool rw;

	t->suspends++;
	if (how < 2) {
		new = other;
		life_load(t, new, table, true);
	}
	life_drain(t);
	vk_target_suspend(old, false);
	rw = old->vt->mode == VHDX_MODE_RW;
	life_check_suspended(t);
	memset(t->dev->fail_in, 0, sizeof(t->dev->fail_in));
	if (how == 2) {
		new = other;
		life_load(t, new, table, false);
	} else if (how == 3) {
		new = other;
		vk_target_drop(old);
		life_between(t, new, table);
		life_load(t, new, table, false);
	}
	if (vk_target_resume(new))
		vk_fail(&t->check, "no resume: %s", fake.message);
	t->vkt = new;
	if (new != old)
		vk_target_drop(old);
	if (t->check.failed)
		return;
	life_check_image(t, &new->vt->image, t->dev, "resumed");
	if (!rw)	/* loaded again: what was not durable may be gone */
		life_adopt(t, &new->vt->image, t->dev);
}

/* Power is cut; go on with what is left. */
static void life_cut(struct life_test *t)
{
	struct life_sector *sectors;
	struct fake_dev *crash;

	t->cuts++;
	crash = fake_dev_crash(t->dev, &t->check.rnd);
	fake_dev_detach(crash);
	sectors = kvmalloc(sizeof(t->sectors), GFP_KERNEL | __GFP_NOFAIL);
	memcpy(sectors, t->sectors, sizeof(t->sectors));
	/* The old one has to end orderly all the same, unseen. */
	t->dev->hook = NULL;
	fake.starve = 0;
	life_drain(t);
	vk_target_suspend(t->vkt, false);
	/* What it has used is not zero, whatever the BAT will say. */
	t->zeroed_from_mib = max3(t->zeroed_from_mib, t->vkt->vt->used_mib,
				  t->vkt->vt->image.space.end);
	vk_target_free(t->vkt);
	crash->flush_loses = t->dev->flush_loses;
	fake_dev_free(t->dev);
	t->losses = 0;
	memcpy(t->sectors, sectors, sizeof(t->sectors));
	kvfree(sectors);
	t->dev = crash;
	/* Checks it first; its own replay must not be seen by the target. */
	crash = fake_dev_crash(t->dev, &t->check.rnd);
	life_check_crash(t, crash, true);
	fake_dev_free(crash);
	t->owed = false;	/* that is what a power cut does */
	if (!t->check.failed)
		life_start(t);
}

static void life_fail_something(struct life_test *t)
{
	static const enum fake_op ops[] = {
		FAKE_WRITE, FAKE_ZERO, FAKE_FLUSH, FAKE_BIO,
	};

	t->dev->fail_in[ops[vk_rnd(&t->check.rnd, ARRAY_SIZE(ops))]] =
		1 + vk_rnd(&t->check.rnd, 12);
}

static void life_step(struct life_test *t)
{
	u32 what = vk_rnd(&t->check.rnd, 1000), events;

	if (what < 600)
		life_write(t);
	else if (what < 700)
		life_flush(t);
	else if (what < 960)
		life_read(t);
	else if (what < 980)
		t->failures ? life_fail_something(t) : life_flush(t);
	else if (what < 985)
		fake.starve = vk_rnd(&t->check.rnd, 8);
	else if (what < 990)
		vk_target_message(t->vkt, "commit");
	else if (what < 996)
		life_suspend(t);
	else
		life_cut(t);
	events = vk_rnd(&t->check.rnd, 6);
	while (events-- && !t->check.failed)
		fake_kernel_step(!vk_rnd(&t->check.rnd, 10));
}

static void life_round(struct life_test *t, u32 steps, bool zeroed)
{
	life_format(t, zeroed);
	life_start(t);
	while (steps-- && !t->check.failed) {
		t->check.step++;
		life_step(t);
		if (t->dev->misused)
			vk_fail(&t->check, "not aligned, or past the end");
	}
	t->dev->hook = NULL;
	life_drain(t);
	if (!t->check.failed)
		life_suspend(t);
	vk_target_suspend(t->vkt, false);
	vk_target_free(t->vkt);
}

static void life_run(struct kunit *test, bool zeroed, bool failures)
{
	struct life_test *t = test->priv;
	u32 round;

	t->failures = failures;
	for (round = 0; round < 5 * vk_effort && !t->check.failed; round++)
		life_round(t, 20 + vk_rnd(&t->check.rnd, 200), zeroed);
	kunit_info(test,
		   "%u writes, %u reads, %u flushes, %u suspends, %u power cuts, %u errors; %u crash states\n",
		   t->writes, t->reads, t->flushes, t->suspends, t->cuts,
		   t->errors, t->check.crashes);
}

static void life_exposed_space(struct kunit *test)
{
	life_run(test, false, false);
}

static void life_zeroed_space(struct kunit *test)
{
	life_run(test, true, false);
}

static void life_with_errors(struct kunit *test)
{
	life_run(test, false, true);
}

static void life_with_errors_zeroed(struct kunit *test)
{
	life_run(test, true, true);
}

static struct kunit_case life_cases[] = {
	KUNIT_CASE(life_exposed_space),
	KUNIT_CASE(life_zeroed_space),
	KUNIT_CASE(life_with_errors),
	KUNIT_CASE(life_with_errors_zeroed),
	{}
};

static struct kunit_suite life_suite = {
	.name = "vhdx-life",
	.init = life_test_init,
	.exit = life_test_exit,
	.test_cases = life_cases,
};

kunit_test_suite(life_suite);

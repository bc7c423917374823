// SPDX-License-Identifier: GPL-2.0
/* What images are like at first, and what a guest does to them. */
#include <linux/slab.h>

#include "small.h"

/* Chance is not what is tried here. */
#define SMALL_SEED		1
/* One in each sector of the BAT, those of the two blocks included. */
#define SMALL_FAR_BLOCKS	125U
#define SMALL_LOG_SECTORS	256U

const char *const small_starts[SMALL_STARTS] = {
	[SMALL_ABSENT] = "absent",
	[SMALL_ZEROED] = "zeroed",
	[SMALL_PRESENT] = "present",
	[SMALL_DISCARDED] = "discarded",
	[SMALL_REUSED] = "reused",
	[SMALL_LOG_END] = "log-end",
	[SMALL_HIGH] = "high",
	[SMALL_BARE_CHILD] = "bare-child",
	[SMALL_CHILD] = "child",
	[SMALL_HIGH_CHILD] = "high-child",
	[SMALL_VHD] = "vhd",
	[SMALL_VHD_CHILD] = "vhd-child",
};

/*
 * Of block 0, of block 1: write, part, FUA, discard, zeroes; flush, commit, suspend.
 * Move block 0, or block 1, or the sector bitmap.  Only in sequences that are named:
 * close; wait for what was begun.
 */
const char small_ops[] = "WPFDZwpfdzbcsMmBi.";

/**
 * small_op_offered() - is there a way for that in the image's format?
 * @start: what the image is like
 * @op: which of small_ops
 *
 * Return: true if so.
 */
bool small_op_offered(enum small_start start, u32 op)
{
	return start < SMALL_VHD || op >= 10 || op % 5 < 3;
}

/* ------------------------------------------------------------------------
 * Bios
 */

/**
 * struct small_io - what is known of a bio
 * @t: the test
 * @first: sector of the blocks
 * @count: sectors; 0: of none of them
 * @content: what it leaves
 * @fua: durably
 * @is_flush: it is a flush
 * @flush: which
 */
struct small_io {
	struct small_test *t;
	u32 first;
	u32 count;
	u32 content;
	bool fua;
	bool is_flush;
	u32 flush;
};

static void small_io_end(struct fake_bio *fbio)
{
	struct small_io *io = fbio->arg;
	struct small_test *t = io->t;

	t->under_way--;
	if (fbio->status)
		small_fail(t, "a bio fails: %d", fbio->status);
	if (io->is_flush)
		small_book_flushed(&t->book, io->flush);
	else
		small_book_end(&t->book, io->first, io->count, io->content,
			       io->fua);
	/* From now on its sender counts on it. */
	small_cut(t, t->dev);
	kfree(io);
	fake_bio_free(fbio);
}

static struct small_io *small_io_new(struct small_test *t, struct fake_bio *fbio,
				     u32 first, u32 count)
{
	struct small_io *io = kzalloc(sizeof(*io), GFP_KERNEL);

	io->t = t;
	io->first = first;
	io->count = count;
	io->fua = fbio->bio.bi_opf & REQ_FUA;
	fbio->arg = io;
	fbio->end = small_io_end;
	t->under_way++;
	return io;
}

/* Where a sector of the two blocks is in the mapped device. */
static sector_t small_sector(const struct small_test *t, u32 sector)
{
	return VK_BEGIN + sector % SMALL_BLOCK_SECTORS +
	       (sector_t)t->place[sector / SMALL_BLOCK_SECTORS] *
	       SMALL_BLOCK_SECTORS;
}

static void small_write(struct small_test *t, blk_opf_t opf, u32 first, u32 count)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE | opf,
					     small_sector(t, first), count);
	struct small_io *io = small_io_new(t, fbio, first, count);
	u32 i;

	io->content = t->next++;
	for (i = 0; i < count; i++)
		small_fill(fake_bio_data(fbio) + i * SECTOR_SIZE, first + i,
			   io->content);
	small_book_begin(&t->book, first, count, io->content);
	vk_guest_submit(&t->vkt, fbio);
}

/* A discard, or zeroes: of a whole block. */
static void small_zero(struct small_test *t, blk_opf_t opf, u32 block)
{
	u32 first = block * SMALL_BLOCK_SECTORS;
	struct fake_bio *fbio = fake_bio_new(opf, small_sector(t, first), 0);

	fbio->bio.bi_iter.bi_size = SMALL_BLOCK_SECTORS << SECTOR_SHIFT;
	small_io_new(t, fbio, first, SMALL_BLOCK_SECTORS);
	small_book_begin(&t->book, first, SMALL_BLOCK_SECTORS, 0);
	vk_guest_submit(&t->vkt, fbio);
}

static void small_flush(struct small_test *t)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE | REQ_PREFLUSH,
					     VK_BEGIN, 0);
	struct small_io *io = small_io_new(t, fbio, 0, 0);

	io->is_flush = true;
	io->flush = small_book_flush(&t->book);
	vk_guest_submit(&t->vkt, fbio);
}

static void small_suspend(struct small_test *t)
{
	vk_target_suspend(&t->vkt, false);
	small_book_settle(&t->book);
	small_cut(t, t->dev);
	small_check(t);
	if (vk_target_resume(&t->vkt))
		small_fail(t, "no resume: %s", fake.message);
}

/* The third thing to be moved is the bitmap. */
static void small_move(struct small_test *t, u32 which)
{
	char answer[32];
	int r;

	if (which == SMALL_BLOCKS)
		r = vk_target_tell(&t->vkt, "move bitmap 0", answer, sizeof(answer));
	else
		r = vk_target_move(&t->vkt, t->place[which], !which, answer,
				   sizeof(answer));
	if (r == 1)
		r = 0;

	/* One that begins in a suspend does nothing. */
	if (r && (r != -EAGAIN || !t->vkt.vt->moves_held))
		small_fail(t, "no move: %s", fake.message);
}

/**
 * small_op() - begin an operation
 * @t: the test
 * @op: which of small_ops
 */
void small_op(struct small_test *t, u32 op)
{
	u32 block = op / 5, begin = block * SMALL_BLOCK_SECTORS;

	if (op == 10) {
		small_flush(t);
		return;
	}
	if (op == 11) {
		if (vk_target_message(&t->vkt, "commit"))
			small_fail(t, "no commit: %s", fake.message);
		return;
	}
	if (op == 12) {
		small_suspend(t);
		return;
	}
	if (op >= SMALL_OPS && op < SMALL_BITMAP_OPS) {
		small_move(t, op - SMALL_OPS);
		return;
	}
	if (op == 17) {
		small_settle(t);
		return;
	}
	if (op == 16) {
		if (vk_target_message(&t->vkt, "close"))
			small_fail(t, "it does not close: %s", fake.message);
		return;
	}
	switch (op % 5) {
	case 0:
		small_write(t, 0, begin, SMALL_BLOCK_SECTORS);
		break;
	case 1:
		small_write(t, 0, begin + 3, 10);
		break;
	case 2:
		small_write(t, REQ_FUA, begin + 8, 16);
		break;
	case 3:
		small_zero(t, REQ_OP_DISCARD, block);
		break;
	case 4:
		small_zero(t, REQ_OP_WRITE_ZEROES | (block ? 0 : REQ_NOUNMAP),
			   block);
		break;
	}
}

/**
 * struct small_later - an operation that begins in the midst of others
 * @work: begins it
 * @t: the test
 * @op: which of small_ops
 */
struct small_later {
	struct work_struct work;
	struct small_test *t;
	u32 op;
};

static void small_later_work(struct work_struct *work)
{
	struct small_later *later = container_of(work, struct small_later, work);

	small_op(later->t, later->op);
	kfree(later);
}

/* One that waits for works: not in the midst of any. */
static void small_later_alone(struct work_struct *work)
{
	small_later_work(work);
}

/**
 * small_op_later() - have an operation begin at any time
 * @t: the test
 * @op: which of small_ops
 */
void small_op_later(struct small_test *t, u32 op)
{
	struct small_later *later;

	/* dm waits for moves, and bios. */
	if (op == 12) {
		small_op(t, op);
		return;
	}
	later = kzalloc(sizeof(*later), GFP_KERNEL);
	later->t = t;
	later->op = op;
	fake.waits_for_works = small_later_alone;
	if (op < 11)
		INIT_WORK(&later->work, small_later_work);
	else
		INIT_WORK(&later->work, small_later_alone);
	queue_work(t->vkt.vt->alloc_wq, &later->work);
}

/**
 * small_settle() - let all end that was begun
 * @t: the test
 */
void small_settle(struct small_test *t)
{
	fake_kernel_run();
	if (t->under_way)
		small_fail(t, "%u bios are lost", t->under_way);
	small_cut(t, t->dev);
}

/* ------------------------------------------------------------------------
 * Beginnings
 */
static void small_present(struct small_test *t, u32 from)
{
	u32 block, i;

	for (block = 0; block < SMALL_BLOCKS; block++) {
		u32 mib = from + block;
		u32 first = block * SMALL_BLOCK_SECTORS;

		vk_set_bat(t->dev, &t->spec, t->place[block], VHDX_BLOCK_FULL,
			   mib);
		for (i = 0; i < SMALL_BLOCK_SECTORS; i++)
			small_fill(t->buf + i * SECTOR_SIZE, first + i, t->next);
		fake_dev_poke(t->dev, (u64)mib << 20, t->buf, SZ_1M);
		small_book_set(&t->book, first, SMALL_BLOCK_SECTORS, t->next++);
	}
}

/* Both blocks were, and one has the other's space. */
static void small_reused(struct small_test *t)
{
	small_zero(t, REQ_OP_DISCARD, 0);
	small_zero(t, REQ_OP_DISCARD, 1);
	small_settle(t);
	small_flush(t);
	small_settle(t);
	small_write(t, 0, SMALL_BLOCK_SECTORS + 20, 9);
	small_settle(t);
}

static void small_far(struct small_test *t, u32 first, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		sector_t block = i * VHDX_BAT_PER_SECTOR + first;
		struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN +
						     block * SMALL_BLOCK_SECTORS, 8);

		memset(fake_bio_data(fbio), 0, SZ_4K);
		small_io_new(t, fbio, 0, 0);
		vk_guest_submit(&t->vkt, fbio);
	}
	small_settle(t);
	if (vk_target_message(&t->vkt, "commit"))
		small_fail(t, "no commit: %s", fake.message);
}

/* Two large entries, and small ones up to @end sectors. */
static void small_log_end(struct small_test *t, u32 end)
{
	const struct vhdx_log *log = &t->vkt.vt->log;
	u32 left;

	small_far(t, 5, SMALL_FAR_BLOCKS);
	left = end - (log->write_pos >> 12) - 1;
	small_far(t, 6, left);
	if (log->write_pos >> 12 != end)
		small_fail(t, "the log is at %llu", log->write_pos);
}

/* Where the second of the two blocks is. */
static u32 small_place(enum small_start start)
{
	/* Its entry in a sector of its own, so that they differ in size. */
	if (start == SMALL_LOG_END)
		return VHDX_BAT_PER_SECTOR;
	/* Its bits in a sector of their own. */
	return start == SMALL_BARE_CHILD ? VHDX_SECTOR / SMALL_BITS_BYTES : 1;
}

static void small_format(struct small_test *t, enum small_start start)
{
	u32 blocks = start == SMALL_LOG_END ?
		     (SMALL_FAR_BLOCKS + 1) * VHDX_BAT_PER_SECTOR :
		     small_place(start) + 1;

	t->place[1] = small_place(start);
	t->spec = (struct vk_spec) {
		.log_mib = 1, .bat_mib = 1, .block_mib = 1, .logical = 512,
		.disk_bytes = blocks * (u64)SZ_1M,
	};
	if (start >= SMALL_VHD) {
		small_vhd_format(t, start == SMALL_VHD_CHILD);
		return;
	}
	if (start >= SMALL_BARE_CHILD) {
		small_child_format(t, start);
		return;
	}
	t->spec.dev_mib = vk_free_mib(&t->spec) + SMALL_BLOCKS +
			  (start != SMALL_REUSED) +
			  (start == SMALL_LOG_END ? 2 * SMALL_FAR_BLOCKS + 8 : 0);
	t->dev = vk_format(&t->spec);
	if (start != SMALL_ZEROED && start != SMALL_LOG_END) {
		t->dev->fill = SMALL_FOREIGN;
		t->dev->fill_off = (u64)vk_free_mib(&t->spec) * SZ_1M;
	}
}

/* Other works go on while one waits for the device. */
static void small_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct small_test *t = dev->hook_arg;

	small_cut(t, dev);
	if (!t->overlap || !t->judging || t->nested >= 2 || vk_rnd(&fake.rnd, 2))
		return;
	t->nested++;
	fake_kernel_step(false);
	t->nested--;
}

/**
 * small_begin() - make an image, and a target
 * @t: the test
 * @start: what the image is like
 * @fill: SMALL_LOG_END: chooses one of three places to end at
 */
void small_begin(struct small_test *t, enum small_start start, u32 fill)
{
	bool judging = t->judging;

	fake_kernel_init(SMALL_SEED + t->overlap);
	t->next = 1;
	t->judging = false;
	small_book_init(&t->book);
	small_format(t, start);
	if (start == SMALL_PRESENT || start == SMALL_DISCARDED ||
	    start == SMALL_REUSED)
		small_present(t, vk_free_mib(&t->spec));
	else if (start == SMALL_HIGH)
		small_present(t, vk_free_mib(&t->spec) + 1);
	if (vk_target_new(&t->vkt, t->dev, 0))
		sim_die("no table: %s", t->vkt.ti.error);
	if (start == SMALL_ZEROED || start == SMALL_LOG_END)
		t->vkt.vt->zeroed_from_mib = vk_free_mib(&t->spec);
	t->dev->hook = small_hook;
	t->dev->hook_arg = t;
	if (vk_target_resume(&t->vkt))
		sim_die("no resume");
	if (start == SMALL_DISCARDED) {
		small_zero(t, REQ_OP_DISCARD, 0);
		small_zero(t, REQ_OP_DISCARD, 1);
		small_settle(t);
	} else if (start == SMALL_REUSED) {
		small_reused(t);
	} else if (start == SMALL_LOG_END) {
		/* Where two small entries fit; or rather not, or easily. */
		small_log_end(t, SMALL_LOG_SECTORS -
			      (fill % 2 ? 3 + (fill & 2) : 4));
	}
	t->judging = judging;
}

/* ------------------------------------------------------------------------
 * Ends
 */

/**
 * small_check() - a suspended image is clean, durable, and has no more space than it needs
 * @t: the test
 */
void small_check(struct small_test *t)
{
	struct vhdx_target *vt = t->vkt.vt;
	u32 bitmaps = vt->image.bitmap && vt->image.bitmap[0];
	struct vhdx_header header;
	struct fake_write *write;
	bool damaged;

	if (!list_empty(&fake.works) || !list_empty(&fake.timers))
		small_fail(t, "work is left after a suspend");
	if (vt->mode != VHDX_MODE_RW)
		small_fail(t, "the mode is not rw: %s", fake.message);
	if (t->dev->vhd)
		small_vhd_check(t);
	else if (!vk_get_header(t->dev, &header, &damaged) || damaged ||
		 !guid_is_null(&header.log_guid))
		small_fail(t, "not clean after a suspend");
	if (vt->nr_dirty || vt->session != VHDX_SESSION_CLOSED)
		small_fail(t, "not committed after a suspend");
	list_for_each_entry(write, &t->dev->writes, list)
		if (!write->discard)
			small_fail(t, "not durable after a suspend");
	if (!t->dev->vhd &&
	    (vt->image.space.taken != vk_free_mib(&t->spec) + bitmaps +
	     vt->image.allocated_blocks || vt->limbo_mib))
		small_fail(t, "%u MiB are taken, %u blocks are there",
			   vt->image.space.taken, vt->image.allocated_blocks);
	if (t->dev->misused)
		small_fail(t, "not aligned, or past the end");
}

/* What a guest reads is what was written last. */
static void small_read_back(struct small_test *t)
{
	u32 sector, i;

	for (sector = 0; sector < SMALL_SECTORS && !t->failures;
	     sector += FAKE_BIO_SECTORS) {
		if (vk_guest_io(&t->vkt, REQ_OP_READ,
				small_sector(t, sector) - VK_BEGIN,
				FAKE_BIO_SECTORS, t->buf))
			small_fail(t, "a read fails");
		for (i = sector; i < sector + FAKE_BIO_SECTORS; i++) {
			int content = small_content(t->buf + (i - sector) *
						    SECTOR_SIZE, i);

			if (content >= 0 && t->book.now[i] >> content & 1)
				continue;
			small_fail(t, "a read of sector %u has %16phN, not one of %x",
				   i, t->buf + (i - sector) * SECTOR_SIZE,
				   t->book.now[i]);
			return;
		}
	}
}

/**
 * small_end() - read all of it, suspend, and free
 * @t: the test
 */
void small_end(struct small_test *t)
{
	t->judging = false;
	small_read_back(t);
	vk_target_suspend(&t->vkt, false);
	small_book_settle(&t->book);
	small_check(t);
	vk_target_free(&t->vkt);
	fake_dev_free(t->dev);
	fake_dev_free(t->parent);
	t->dev = NULL;
	t->parent = NULL;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A model of a disk.  Each sector that is written carries its own number and that
 * of the write.  A sector has no two writes under way at once, so three numbers
 * say what may be found in it: what was durable for certain, what was
 * acknowledged, what was begun.
 */
#include <linux/slab.h>

#include "vhdx-bitmap.h"
#include "vk-life.h"

static const u32 life_zones[LIFE_ZONES] = {
	0, 2043, LIFE_BLOCK_SECTORS - LIFE_ZONE_SECTORS,
};

/* Those around the end of a chunk, too: see LIFE_DISK_BLOCKS. */
static const u32 life_blocks[LIFE_BLOCKS] = {
	0, 1, 300, 2046, 2047, 2048, 2049, 700, 512, LIFE_DISK_BLOCKS - 1,
};

/**
 * struct life_io - what the model knows of a bio
 * @t: the test
 * @first: sector of the model
 * @count: sectors
 * @number: of the write
 * @flush: it is a flush
 * @losses: of the device, when it was submitted
 * @acks: likewise
 * @floor: for flush, FUA or read: what was done when it was submitted
 */
struct life_io {
	struct life_test *t;
	u32 first;
	u32 count;
	u32 number;
	bool flush;
	u32 losses;
	u32 acks;
	u32 *floor;
};

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
	else if ((number < least || number > s->begun) &&
		 (number || s->zeroed < least))
		vk_fail(&t->check,
			"%s: sector %u of block %u has write %u (least %u, durable %u, done %u, begun %u, zeroed %u)",
			what, i,
			life_blocks[i / (LIFE_ZONES * LIFE_ZONE_SECTORS)],
			number, least, s->durable, s->done, s->begun,
			s->zeroed);
	return !t->check.failed;
}

/* Is the bit of a sector set? */
static bool life_image_bit(struct vhdx_image *image, struct fake_dev *dev,
			   sector_t sector)
{
	u32 bit = sector % VHDX_CHUNK_SECTORS;
	u64 off = (u64)image->bitmap[sector / VHDX_CHUNK_SECTORS] << 20;
	u8 *page = kmalloc(VHDX_SECTOR, GFP_KERNEL | __GFP_NOFAIL);
	bool set;

	vk_view_dev(dev, image, off + bit / 8 / VHDX_SECTOR * VHDX_SECTOR, page,
		    VHDX_SECTOR);
	set = page[bit / 8 % VHDX_SECTOR] >> bit % 8 & 1;
	kfree(page);
	return set;
}

/* Sector of the model as an image has it. */
static void life_image_sector(struct life_test *t, struct vhdx_image *image,
			      struct fake_dev *dev, sector_t sector, void *buf)
{
	u32 block = sector / LIFE_BLOCK_SECTORS, e = image->bat[block], parent;
	u32 within = sector % LIFE_BLOCK_SECTORS << SECTOR_SHIFT;

	if (vhdx_e_present(e) ||
	    (vhdx_e_has_space(e) && life_image_bit(image, dev, sector))) {
		fake_dev_peek(dev, ((u64)vhdx_e_mib(e) << 20) + within, buf,
			      SECTOR_SIZE);
		return;
	}
	memset(buf, 0, SECTOR_SIZE);
	/* States 1 to 3 hide it. */
	if (!t->parent || (vhdx_core_own(e) && !vhdx_e_has_space(e)))
		return;
	parent = vk_get_bat(t->parent, &t->spec, block);
	if (parent)
		fake_dev_peek(t->parent, ((u64)parent << 20) + within, buf,
			      SECTOR_SIZE);
}

/**
 * life_make_parent() - a parent that has some of the blocks, and zeros elsewhere
 * @t: the test
 *
 * What it has is like the first write.
 */
void life_make_parent(struct life_test *t)
{
	struct vhdx_header header;
	u32 mib = vk_free_mib(&t->spec), i;
	bool damaged;

	fake_dev_free(t->parent);
	t->spec.parent = NULL;
	t->parent = vk_format(&t->spec);
	t->parent->bdev.bd_dev = MKDEV(240, 241);
	vk_get_header(t->parent, &header, &damaged);
	t->parent_guid = header.data_write_guid;
	t->spec.parent = &t->parent_guid;
	for (i = 0; i < LIFE_BLOCKS; i++) {
		if (!vk_rnd(&t->check.rnd, 3))
			continue;
		vk_set_bat(t->parent, &t->spec, life_blocks[i], VHDX_BLOCK_FULL,
			   mib);
		mib += LIFE_BLOCK_MIB;
	}
	for (i = 0; i < LIFE_SECTORS; i++) {
		sector_t sector = life_sector(i);

		mib = vk_get_bat(t->parent, &t->spec,
				 sector / LIFE_BLOCK_SECTORS);
		if (!mib)
			continue;
		life_fill(t->buf, i, 1);
		fake_dev_poke(t->parent, ((u64)mib << 20) +
			      (sector % LIFE_BLOCK_SECTORS << SECTOR_SHIFT),
			      t->buf, SECTOR_SIZE);
	}
}

/**
 * life_begin() - nothing has been written yet, but by whoever made the parent
 * @t: the test
 */
void life_begin(struct life_test *t)
{
	u32 i;

	memset(t->sectors, 0, sizeof(t->sectors));
	t->next = 2;
	for (i = 0; t->parent && i < LIFE_SECTORS; i++) {
		u32 block = life_blocks[i / (LIFE_ZONES * LIFE_ZONE_SECTORS)];

		if (!vk_get_bat(t->parent, &t->spec, block) ||
		    vk_get_bat(t->dev, &t->spec, block) != 0)
			continue;
		t->sectors[i].durable = 1;
		t->sectors[i].done = 1;
		t->sectors[i].begun = 1;
	}
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
		life_image_sector(t, image, dev, block *
				  (u64)LIFE_BLOCK_SECTORS + sector, t->buf);
		if (memchr_inv(t->buf, 0, SECTOR_SIZE)) {
			vk_fail(&t->check, "block %u sector %u has %16phN",
				block, sector, t->buf);
			return;
		}
	}
}

/**
 * life_check_image() - an image has nothing that it must not have
 * @t: the test
 * @image: loaded
 * @dev: its device
 * @what: it is, for a message
 */
void life_check_image(struct life_test *t, struct vhdx_image *image,
		      struct fake_dev *dev, const char *what)
{
	u32 i, present = 0;

	for (i = 0; i < LIFE_BLOCKS; i++) {
		if (!vhdx_e_has_space(image->bat[life_blocks[i]]))
			continue;
		present++;
		life_check_untouched(t, image, dev, life_blocks[i]);
	}
	if (image->allocated_blocks != present)
		vk_fail(&t->check, "%s: %u blocks too many", what,
			image->allocated_blocks - present);
	for (i = 0; i < LIFE_SECTORS; i++) {
		life_image_sector(t, image, dev, life_sector(i), t->buf);
		if (!life_check_sector(t, t->buf, i, t->sectors[i].durable,
				       what))
			return;
	}
}

/**
 * life_adopt() - take what is found for the truth: after a power cut, or an error
 * @t: the test
 * @image: loaded
 * @dev: its device
 */
void life_adopt(struct life_test *t, struct vhdx_image *image,
		struct fake_dev *dev)
{
	u32 i, number, durable, floor;

	for (i = 0; i < LIFE_SECTORS; i++) {
		life_image_sector(t, image, dev, life_sector(i), t->buf);
		life_number(t->buf, i, &number);
		if (number < t->sectors[i].done &&
		    (number || t->sectors[i].zeroed < t->sectors[i].done))
			t->owed = max(t->owed, t->sectors[i].acked);
		/* What is seen may be hidden from all flushes that come, be it zeros. */
		durable = dev->flush_hides ? t->sectors[i].durable : number;
		floor = min(durable, number);
		t->sectors[i] = (struct life_sector) {
			.durable = floor, .done = floor, .begun = max(durable, number),
			.zeroed = floor < number ? number : 0,
		};
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
	io->acks = t->acks;
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
	/* Of what was acknowledged after it was sent it cannot tell. */
	if (io->flush && fbio->status)
		t->owed = io->acks < t->owed ? t->owed : 0;
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
		s->acked = ++io->t->acks;
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
	for (i = 0; i < fbio->sectors && !fbio->status &&
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

/**
 * life_write() - begin a write of some sectors, perhaps with FUA
 * @t: the test
 */
void life_write(struct life_test *t)
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

/**
 * life_zero() - begin a discard of a block, or zeroes in it, or in some sectors
 * @t: the test
 */
void life_zero(struct life_test *t)
{
	static const blk_opf_t opfs[] = {
		REQ_OP_DISCARD, REQ_OP_DISCARD, REQ_OP_WRITE_ZEROES,
		REQ_OP_WRITE_ZEROES | REQ_NOUNMAP, REQ_OP_WRITE_ZEROES | REQ_FUA,
	};
	blk_opf_t opf = opfs[vk_rnd(&t->check.rnd, ARRAY_SIZE(opfs))];
	u32 first, count, i, bytes = LIFE_BLOCK_SECTORS << SECTOR_SHIFT;
	struct fake_bio *fbio;
	struct life_io *io;

	life_choose(t, &first, &count);
	if ((opf & REQ_OP_MASK) == REQ_OP_DISCARD || vk_rnd(&t->check.rnd, 2)) {
		count = LIFE_ZONES * LIFE_ZONE_SECTORS;
		first -= first % count;
	} else {
		bytes = count << SECTOR_SHIFT;
	}
	for (i = first; i < first + count; i++)
		if (t->sectors[i].busy)
			return;
	t->zeroes++;
	fbio = fake_bio_new(opf, VK_BEGIN + life_sector(first), 0);
	fbio->bio.bi_iter.bi_size = bytes;
	io = life_io_new(t, fbio, first, count);
	io->number = t->next++;
	if (opf & REQ_FUA)
		life_io_floor(io);
	for (i = first; i < first + count; i++) {
		t->sectors[i].begun = io->number;
		t->sectors[i].zeroed = io->number;
		t->sectors[i].busy = true;
	}
	fbio->end = life_write_end;
	vk_guest_submit(t->vkt, fbio);
}

/**
 * life_move() - move a block, wherever it is
 * @t: the test
 */
void life_move(struct life_test *t)
{
	u32 block = life_blocks[vk_rnd(&t->check.rnd, LIFE_BLOCKS)];
	char answer[32];
	int r = vk_target_move(t->vkt, block, vk_rnd(&t->check.rnd, 2), answer,
			       sizeof(answer));

	t->moves += !strncmp(answer, "moved", 5);
	if (r && !t->failures)
		vk_fail(&t->check, "block %u does not move: %s", block,
			fake.message);
}

/**
 * struct life_message - a message
 * @work: sends it
 * @t: the test
 * @text: what it says
 * @answer: what is said to it
 * @r: what came of it
 */
struct life_message {
	struct work_struct work;
	struct life_test *t;
	char text[32];
	char answer[32];
	int r;
};

static void life_message_work(struct work_struct *work)
{
	struct life_message *m = container_of(work, struct life_message, work);

	m->r = vk_target_tell(m->t->vkt, m->text, m->answer, sizeof(m->answer));
}

/**
 * life_move_bitmap() - move a sector bitmap, if there is one
 * @t: the test; the image has a parent
 *
 * As a work: what waits for flights cannot end in its midst, as they wait for its end.
 */
void life_move_bitmap(struct life_test *t)
{
	struct life_message *m = kzalloc(sizeof(*m), GFP_KERNEL | __GFP_NOFAIL);

	m->t = t;
	INIT_WORK(&m->work, life_message_work);
	snprintf(m->text, sizeof(m->text), "move bitmap %u", vk_rnd(&t->check.rnd, 2));
	queue_work(t->vkt->vt->alloc_wq, &m->work);
	flush_work(&m->work);
	t->bitmaps += m->r == 1 && !strncmp(m->answer, "moved", 5);
	if (m->r != 1 && !t->failures)
		vk_fail(&t->check, "'%s': %d, %s", m->text, m->r, fake.message);
	kfree(m);
}

/**
 * life_read() - begin a read, which judges what it finds
 * @t: the test
 */
void life_read(struct life_test *t)
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

/**
 * life_flush() - begin a flush
 * @t: the test
 */
void life_flush(struct life_test *t)
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

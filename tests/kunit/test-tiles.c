// SPDX-License-Identifier: GPL-2.0
/*
 * Chains whose blocks and disks have different sizes, in all states that there are:
 * which layer has which sector is compared with what each image was made with.
 */
#include <linux/slab.h>

#include "vhdx-bitmap.h"
#include "vk-image.h"

#define TILES_LAYERS	3U	/* the leaf first */
#define TILES_TILE	(1U << VHDX_MIB_SECTORS_SHIFT)
#define TILES_NUMBER	0x20
#define TILES_BLOCKS	32U
#define TILES_LOGGED	20U

static inline struct shrinker *vk_shrinker(struct vhdx_shrinker *s)
{
#ifdef VHDX_HAVE_SHRINKER_ALLOC
	return s->shrinker;
#else
	return &s->shrinker;
#endif
}

/* What a layer has of a sector. */
enum tiles_has {
	TILES_NOTHING,		/* its parent has it */
	TILES_DATA,
	TILES_ZEROS,
};

/**
 * struct tiles_layer - an image
 * @spec: of it
 * @guid: its DataWriteGuid
 * @dev: its device
 * @sectors: size of its disk
 * @size: of its blocks, in sectors
 * @has: what it has of each sector
 * @place: where each block is, in MiB; 0: nowhere
 */
struct tiles_layer {
	struct vk_spec spec;
	guid_t guid;
	struct fake_dev *dev;
	u32 sectors;
	u32 size;
	u8 *has;
	u32 place[TILES_BLOCKS];
};

/* How each sector of an image's data begins. */
struct tiles_mark {
	u32 sector;
	u32 layer;
};

/**
 * struct tiles_test - a test
 * @check: its random numbers, and whether it has failed
 * @layers: of the chain
 * @vkt: the target
 * @vt: what it knows
 * @buf: for guests' data
 * @logged: logs are not empty, and change data
 * @read_only: the table is
 * @parts: so many of the leaf's first blocks are in parts, whatever the dice say
 */
struct tiles_test {
	struct vk_check check;
	struct tiles_layer layers[TILES_LAYERS];
	struct vk_target vkt;
	struct vhdx_target *vt;
	u8 *buf;
	bool logged;
	bool read_only;
	u32 parts;
};

static int tiles_test_init(struct kunit *test)
{
	struct tiles_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->buf = kunit_kzalloc(test, FAKE_BIO_SECTORS << SECTOR_SHIFT, GFP_KERNEL);
	return t->buf ? 0 : -ENOMEM;
}

static void tiles_end(struct tiles_test *t)
{
	u32 i;

	vk_target_free(&t->vkt);
	KUNIT_EXPECT_EQ(t->check.test, fake.allocated, 0);
	for (i = 0; i < TILES_LAYERS; i++) {
		fake_dev_free(t->layers[i].dev);
		kvfree(t->layers[i].has);
		memset(&t->layers[i], 0, sizeof(t->layers[i]));
	}
}

static void tiles_test_exit(struct kunit *test)
{
	if (test->priv)
		tiles_end(test->priv);
}

static void tiles_mark(u8 *buf, u32 sector, u32 layer)
{
	const struct tiles_mark mark = { .sector = sector, .layer = layer };

	memset(buf, TILES_NUMBER + layer, 1 << SECTOR_SHIFT);
	memcpy(buf, &mark, sizeof(mark));
}

/* Bits of a block that is in parts: alike for each 4 KiB, or not. */
static void tiles_fill_part(struct tiles_test *t, struct tiles_layer *layer,
			    u32 first, u32 end)
{
	u32 unit = vk_rnd(&t->check.rnd, 2) ? 8 : 1, at, run;

	for (at = first; at < end; at += run + unit * vk_rnd(&t->check.rnd, 64)) {
		run = unit * (1 + vk_rnd(&t->check.rnd, 1U << vk_rnd(&t->check.rnd, 9)));
		memset(layer->has + at, TILES_DATA, min(run, end - at));
	}
}

/* A block in any state; @mib: where it would be.  Returns whether it is there. */
static bool tiles_make_block(struct tiles_test *t, u32 index, u32 block, u32 mib)
{
	static const u32 states[] = {
		VHDX_BLOCK_NOT_PRESENT, VHDX_BLOCK_ZERO, VHDX_BLOCK_FULL,
		VHDX_BLOCK_PARTIAL, VHDX_BLOCK_PARTIAL, VHDX_BLOCK_PARTIAL,
	};
	struct tiles_layer *layer = &t->layers[index];
	bool base = index == TILES_LAYERS - 1;
	u32 state = states[vk_rnd(&t->check.rnd, base ? 3 : ARRAY_SIZE(states))];
	u32 first = block * layer->size, end = min(first + layer->size, layer->sectors);
	bool there = state == VHDX_BLOCK_FULL || state == VHDX_BLOCK_PARTIAL;
	u32 i;

	if (!index && block < t->parts) {
		state = VHDX_BLOCK_PARTIAL;
		there = true;
	}
	if (state == VHDX_BLOCK_ZERO)
		memset(layer->has + first, TILES_ZEROS, end - first);
	else if (state == VHDX_BLOCK_FULL)
		memset(layer->has + first, TILES_DATA, end - first);
	else if (state == VHDX_BLOCK_PARTIAL)
		tiles_fill_part(t, layer, first, end);
	layer->place[block] = there ? mib : 0;
	vk_set_bat(layer->dev, &layer->spec, block, state, layer->place[block]);
	for (i = first; there && i < end; i++) {
		/* What is not there may be anything. */
		tiles_mark(t->buf, i, layer->has[i] == TILES_DATA ? index : 9);
		fake_dev_poke(layer->dev, ((u64)mib << 20) +
			      ((u64)(i - first) << SECTOR_SHIFT), t->buf,
			      1 << SECTOR_SHIFT);
	}
	return there;
}

/* Some of the data is in the log only. */
static void tiles_make_log(struct tiles_test *t, struct tiles_layer *layer)
{
	struct vhdx_header header;
	struct vk_entry entry;
	u32 i, block;
	bool damaged;
	u64 off;

	vk_get_header(layer->dev, &header, &damaged);
	guid_gen(&header.log_guid);
	header.sequence += 2;
	vk_set_header(layer->dev, &header);
	vk_entry_begin(&entry);
	for (i = 0; i < TILES_LOGGED; i++) {
		block = vk_rnd(&t->check.rnd, layer->sectors / layer->size + 1);
		if (!layer->place[block])
			continue;
		off = ((u64)layer->place[block] << 20) +
		      vk_rnd(&t->check.rnd, layer->size / 8) * SZ_4K;
		fake_dev_peek(layer->dev, off, t->buf, SZ_4K);
		/* Once is enough. */
		if (t->buf[100] == 0xab)
			continue;
		vk_entry_data(&entry, off, t->buf);
		memset(t->buf, 0xab, SZ_4K);
		fake_dev_poke(layer->dev, off, t->buf, SZ_4K);
	}
	vk_entry_write(&entry, layer->dev, &header.log_guid, 1, 0, 0,
		       layer->dev->bytes);
}

static void tiles_make(struct tiles_test *t, u32 index, u32 block_mib, u32 sectors)
{
	struct tiles_layer *layer = &t->layers[index];
	struct vhdx_header header;
	u32 mib, block, i;
	bool damaged;
	u8 *bits;

	layer->sectors = sectors;
	layer->size = block_mib << VHDX_MIB_SECTORS_SHIFT;
	layer->has = kvzalloc(sectors, GFP_KERNEL | __GFP_NOFAIL);
	layer->spec = (struct vk_spec) {
		.dev_mib = 48, .log_mib = 1, .bat_mib = 1, .block_mib = block_mib,
		.logical = 512, .disk_bytes = (u64)sectors << SECTOR_SHIFT,
		.parent = index + 1 < TILES_LAYERS ? &t->layers[index + 1].guid : NULL,
	};
	layer->dev = vk_format(&layer->spec);
	layer->dev->bdev.bd_dev = MKDEV(7, index);
	layer->dev->fill = 0xee;
	layer->dev->fill_off = (u64)vk_free_mib(&layer->spec) << 20;
	if (index + 1 < TILES_LAYERS)
		layer->dev->parent = t->layers[index + 1].dev;
	vk_get_header(layer->dev, &header, &damaged);
	layer->guid = header.data_write_guid;
	mib = vk_free_mib(&layer->spec) + 1;
	for (block = 0; block * layer->size < sectors; block++)
		if (tiles_make_block(t, index, block, mib))
			mib += block_mib;
	if (t->logged)
		tiles_make_log(t, layer);
	if (index + 1 == TILES_LAYERS)
		return;
	vk_set_bitmap(layer->dev, &layer->spec, 0, vk_free_mib(&layer->spec));
	bits = kzalloc(SZ_4K, GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < sectors; i++)
		if (layer->has[i] == TILES_DATA)
			vhdx_bitmap_set(bits, i, i + 1);
	fake_dev_poke(layer->dev, (u64)vk_free_mib(&layer->spec) << 20, bits, SZ_4K);
	kfree(bits);
}

static void tiles_begin(struct tiles_test *t, const u32 *block_mib,
			const u32 *sectors)
{
	u32 i;

	for (i = TILES_LAYERS; i--;)
		tiles_make(t, i, block_mib[i], sectors[i]);
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_load(&t->vkt, fake_md_new(),
							 t->layers[0].dev, 0,
							 t->read_only));
	t->vt = t->vkt.vt;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
}

/* Which layer has a sector of the leaf's disk. */
static u32 tiles_who(const struct tiles_test *t, u32 sector)
{
	u32 i;

	/* Past the end of a parent's disk there are zeros, whatever is below. */
	for (i = 0; i < TILES_LAYERS && sector < t->layers[i].sectors; i++) {
		if (t->layers[i].has[sector] == TILES_DATA)
			return i;
		if (t->layers[i].has[sector] == TILES_ZEROS)
			break;
	}
	return VHDX_TILE_ZEROS;
}

static void tiles_check_sector(struct tiles_test *t, u32 sector, const u8 *data)
{
	const struct tiles_mark *mark = (const void *)data;
	u32 who = tiles_who(t, sector);

	if (who == VHDX_TILE_ZEROS ? !!memchr_inv(data, 0, 1 << SECTOR_SHIFT) :
	    mark->sector != sector || mark->layer != who)
		vk_fail(&t->check, "sector %u reads as %u of %x, not of %x",
			sector, mark->sector, mark->layer, who);
}

static void tiles_read(struct tiles_test *t, u32 sector, u32 sectors)
{
	u32 done, i;
	int r;

	for (; sectors && !t->check.failed; sector += done, sectors -= done) {
		done = sectors;
		r = vk_guest_some(&t->vkt, REQ_OP_READ, sector, &done, t->buf);
		if (r)
			vk_fail(&t->check, "sector %u: %d", sector, r);
		for (i = 0; i < done; i++)
			tiles_check_sector(t, sector + i,
					   t->buf + (i << SECTOR_SHIFT));
	}
}

/* A block that nobody has anything of becomes one of zeros. */
static void tiles_new_block(struct tiles_test *t, u32 sector)
{
	struct tiles_layer *leaf = &t->layers[0];
	u32 block = sector / leaf->size, first = block * leaf->size;
	u32 state = t->vt->bat[block] & VHDX_E_STATE;

	if (state == VHDX_BLOCK_NOT_PRESENT || state == VHDX_BLOCK_ZERO)
		memset(leaf->has + first, TILES_ZEROS,
		       min(leaf->size, leaf->sectors - first));
}

static void tiles_write(struct tiles_test *t, u32 sector, u32 sectors)
{
	u32 done, i;
	int r;

	for (; sectors && !t->check.failed; sector += done, sectors -= done) {
		tiles_new_block(t, sector);
		for (i = 0; i < sectors; i++)
			tiles_mark(t->buf + (i << SECTOR_SHIFT), sector + i, 0);
		done = sectors;
		r = vk_guest_some(&t->vkt, REQ_OP_WRITE, sector, &done, t->buf);
		if (r)
			vk_fail(&t->check, "sector %u: %d", sector, r);
		memset(t->layers[0].has + sector, TILES_DATA, done);
	}
}

/* Several at once, in parts of the disk of their own; memory may lack. */
static void tiles_burst(struct tiles_test *t)
{
	u32 size = t->layers[0].size, part = t->layers[0].sectors / VK_BURST;
	u32 at[VK_BURST], sectors[VK_BURST], i, n;
	u8 *data;
	int r;

	for (i = 0; i < VK_BURST && part; i++) {
		at[i] = i * part + vk_rnd(&t->check.rnd, part);
		sectors[i] = min3(1 + vk_rnd(&t->check.rnd, VK_BURST_SECTORS),
				  (i + 1) * part - at[i], size - at[i] % size);
		tiles_new_block(t, at[i]);
		for (n = 0; n < sectors[i]; n++) {
			data = t->buf + ((i * VK_BURST_SECTORS + n) << SECTOR_SHIFT);
			tiles_mark(data, at[i] + n, 0);
		}
	}
	fake.starve = vk_rnd(&t->check.rnd, 8);
	r = vk_guest_burst(&t->vkt, at, sectors, i, t->buf);
	fake.starve = 0;
	if (r)
		vk_fail(&t->check, "a write has failed: %d", r);
	while (i--)
		memset(t->layers[0].has + at[i], TILES_DATA, sectors[i]);
}

static bool tiles_is_part(const struct tiles_test *t, u32 sector)
{
	u32 e = t->vt->bat[sector / t->layers[0].size];

	return (e & VHDX_E_STATE) == VHDX_BLOCK_PARTIAL;
}

/* A route is of one layer, as long as it can be, and leads to what it has. */
static void tiles_check_route(struct tiles_test *t, u32 sector, u32 sectors,
			      const struct vhdx_route *route)
{
	u32 who = tiles_who(t, sector), end = sector + sectors, i;

	end = min(end, round_up(sector + 1, TILES_TILE));
	for (i = sector; i < end && tiles_who(t, i) == who; i++)
		;
	if (route->run != i - sector)
		vk_fail(&t->check, "sector %u of %u: a run of %u, not %u", sector,
			sectors, route->run, i - sector);
	if (who == VHDX_TILE_ZEROS) {
		KUNIT_EXPECT_PTR_EQ(t->check.test, NULL, route->image);
		return;
	}
	if (route->image != t->vt->chain->source[who].image) {
		vk_fail(&t->check, "sector %u is not of %u", sector, who);
		return;
	}
	vk_view_dev(t->layers[who].dev, route->image,
		    round_down((u64)route->sector, 8) << SECTOR_SHIFT, t->buf, SZ_4K);
	tiles_check_sector(t, sector, t->buf +
			   (((u64)route->sector % 8) << SECTOR_SHIFT));
}

static void tiles_route(struct tiles_test *t, u32 sector, u32 sectors)
{
	struct vhdx_route route = { .run = sectors };
	bool leaf = true, kept;
	u32 i;

	if (!tiles_is_part(t, sector))
		return;
	sectors = min3(sectors, t->layers[0].sectors - sector,
		       t->layers[0].size - sector % t->layers[0].size);
	kept = vhdx_tile_route(t->vt, sector, sectors, &route);
	if (!kept && vhdx_tile_make(t->vt, sector, sectors, &route))
		vk_fail(&t->check, "sector %u: no tile", sector);
	tiles_check_route(t, sector, sectors, &route);
	for (i = 0; i < sectors; i++)
		leaf &= !tiles_who(t, sector + i);
	/* It may be known only in part. */
	if (vhdx_tile_is_leaf(t->vt, sector, sectors) && !leaf)
		vk_fail(&t->check, "sectors from %u: not all of them are the leaf's",
			sector);
	if (leaf && sector / TILES_TILE == (sector + sectors - 1) / TILES_TILE)
		KUNIT_EXPECT_TRUE(t->check.test, vhdx_tile_is_leaf(t->vt, sector,
								  sectors));
}

/* Who does not want to wait is told so where a tile is to be made, and nowhere else. */
static void tiles_read_nowait(struct tiles_test *t, u32 sector)
{
	struct vhdx_route route;
	bool waits = tiles_is_part(t, sector) &&
		     !vhdx_tile_route(t->vt, sector, 1, &route);
	u32 sectors = 1;
	int r;

	r = vk_guest_some(&t->vkt, REQ_OP_READ | REQ_NOWAIT, sector, &sectors, t->buf);
	if (r != (waits ? -EAGAIN : 0))
		vk_fail(&t->check, "sector %u: %d", sector, r);
	if (!r)
		tiles_check_sector(t, sector, t->buf);
}

static void tiles_round(struct tiles_test *t)
{
	struct rnd_state *rnd = &t->check.rnd;
	u32 sectors = t->layers[0].sectors, i, at, n;

	for (i = 0; i < 160 && !t->check.failed; i++) {
		at = vk_rnd(rnd, sectors);
		n = min(1 + vk_rnd(rnd, FAKE_BIO_SECTORS), sectors - at);
		if (vk_rnd(rnd, 4))
			tiles_route(t, at, vk_rnd(rnd, 2) ? n : 4096);
		else if (vk_rnd(rnd, 2))
			tiles_read(t, at, n);
		else if (i > 60 && !t->read_only)
			tiles_write(t, at, n);
		if (!vk_rnd(rnd, 8))
			tiles_read_nowait(t, at);
		if (i > 60 && !t->read_only && !vk_rnd(rnd, 16))
			tiles_burst(t);
		if (!vk_rnd(rnd, 32))
			KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(&t->vkt));
		if (!vk_rnd(rnd, 64))
			vhdx_tiles_drop(t->vt->chain);
	}
	for (at = 0; at < sectors; at += FAKE_BIO_SECTORS)
		tiles_read(t, at, min(FAKE_BIO_SECTORS, sectors - at));
	vk_target_suspend(&t->vkt, false);
}

static void tiles_sizes(struct kunit *test)
{
	static const u32 blocks[][TILES_LAYERS] = {
		{ 1, 1, 1 }, { 1, 2, 4 }, { 4, 2, 1 }, { 2, 8, 2 }, { 2, 1, 4 },
	};
	static const u32 sectors[][TILES_LAYERS] = {
		{ 8192, 8192, 8192 }, { 9000, 8193, 10000 }, { 12288, 4096, 12288 },
		{ 6001, 7000, 3333 }, { 2049, 2047, 4096 },
	};
	const u32 rounds = ARRAY_SIZE(blocks) * ARRAY_SIZE(sectors);
	struct tiles_test *t = test->priv;
	u32 i;

	for (i = 0; i < rounds * vk_effort; i++) {
		t->check.step = i;
		t->logged = vk_rnd(&t->check.rnd, 2);
		t->read_only = !vk_rnd(&t->check.rnd, 3);
		tiles_begin(t, blocks[i % ARRAY_SIZE(blocks)],
			    sectors[i / ARRAY_SIZE(blocks) % ARRAY_SIZE(sectors)]);
		tiles_round(t);
		tiles_end(t);
	}
}

/* Memory is to be given back: tiles, one after another, then bitmaps. */
static void tiles_shrink(struct kunit *test)
{
	static const u32 blocks[TILES_LAYERS] = { 1, 1, 1 };
	static const u32 sectors[TILES_LAYERS] = { 20480, 20480, 20480 };
	struct tiles_test *t = test->priv;
	struct shrink_control control = { .nr_to_scan = 2 };
	struct vhdx_chain *chain;
	struct shrinker *shrinker;
	struct vhdx_route route;
	u32 unit, made = 0;

	t->parts = 4;
	tiles_begin(t, blocks, sectors);
	chain = t->vt->chain;
	shrinker = vk_shrinker(&chain->shrinker);
	KUNIT_EXPECT_EQ(test, SHRINK_EMPTY, shrinker->count_objects(shrinker, &control));
	KUNIT_EXPECT_EQ(test, SHRINK_STOP, shrinker->scan_objects(shrinker, &control));
	for (unit = 0; unit < sectors[0] / TILES_TILE; unit++) {
		if (!tiles_is_part(t, unit * TILES_TILE))
			continue;
		KUNIT_EXPECT_EQ(test, 0, vhdx_tile_make(t->vt, unit * TILES_TILE, 8,
							&route));
		KUNIT_EXPECT_EQ(test, ++made, chain->nr_tiles);
	}
	KUNIT_ASSERT_GT(test, made, 2);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_READS), 0);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_TILES), made);
	/* A write that lands has its bits in core. */
	chain->nr_bits = 1;
	KUNIT_EXPECT_EQ(test, made + 1, shrinker->count_objects(shrinker, &control));
	chain->nr_bits = 0;
	KUNIT_EXPECT_EQ(test, 2UL, shrinker->scan_objects(shrinker, &control));
	KUNIT_EXPECT_EQ(test, made - 2, chain->nr_tiles);
	/* From where it was last, and then from the start. */
	chain->cursor = ULONG_MAX;
	control.nr_to_scan = 1;
	KUNIT_EXPECT_EQ(test, 1UL, shrinker->scan_objects(shrinker, &control));
	control.nr_to_scan = 100;
	KUNIT_EXPECT_EQ(test, made - 3UL ?: SHRINK_STOP,
			shrinker->scan_objects(shrinker, &control));
	KUNIT_EXPECT_EQ(test, 0, chain->nr_tiles);
	KUNIT_EXPECT_EQ(test, SHRINK_EMPTY, shrinker->count_objects(shrinker, &control));
	/* Who holds the mutex may be who asks. */
	mutex_lock(&t->vt->publish);
	KUNIT_EXPECT_EQ(test, SHRINK_STOP, shrinker->scan_objects(shrinker, &control));
	mutex_unlock(&t->vt->publish);
	/* A read makes one again, once. */
	for (unit = 0; !tiles_is_part(t, unit * TILES_TILE); unit++)
		;
	tiles_read(t, unit * TILES_TILE, 8);
	tiles_read(t, unit * TILES_TILE + 8, 8);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_READS), 1);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_TILES), made + 1);
	KUNIT_EXPECT_EQ(test, 1, chain->nr_tiles);
	/* A write of 4 KiB goes into it. */
	tiles_write(t, unit * TILES_TILE + 8, 8);
	if (tiles_is_part(t, unit * TILES_TILE)) {
		KUNIT_EXPECT_EQ(test, 1, chain->nr_tiles);
		KUNIT_EXPECT_TRUE(test, vhdx_tile_is_leaf(t->vt, unit * TILES_TILE + 8, 8));
	}
	vk_target_suspend(&t->vkt, false);
}

/* Whoever has a sector above a bitmap that cannot be read goes on to have it. */
static void tiles_unreadable(struct kunit *test)
{
	static const u32 block_mib[TILES_LAYERS] = { 1, 1, 1 };
	static const u32 sectors[TILES_LAYERS] = { 16384, 16384, 16384 };
	struct tiles_test *t = test->priv;
	struct vhdx_route route;
	u32 at, good = 0, bad = 0;
	unsigned int *fail;
	int r;

	t->parts = 8;
	tiles_begin(t, block_mib, sectors);
	fail = &t->layers[1].dev->fail_in[FAKE_READ];
	for (at = 0; at < sectors[0] && !t->check.failed; at++) {
		*fail = 1;
		r = vhdx_tile_make(t->vt, at, 1, &route);
		/* Nobody has asked for it. */
		if (*fail)
			continue;
		KUNIT_EXPECT_FALSE(test, vhdx_tile_route(t->vt, at, 1, &route));
		if (!r)
			tiles_check_route(t, at, 1, &route);
		else if (!tiles_who(t, at))
			vk_fail(&t->check, "sector %u is the leaf's: %d", at, r);
		good += !r;
		bad += !!r;
	}
	KUNIT_EXPECT_GT(test, good, 0);
	KUNIT_EXPECT_GT(test, bad, 0);
	/* The leaf's own may be about any of them. */
	*fail = 0;
	t->vt->chain->bits_off[0] = 0;
	t->layers[0].dev->fail_in[FAKE_READ] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vhdx_tile_make(t->vt, 0, 1, &route));
	/* They can be read again. */
	for (at = 0; at < sectors[0]; at += FAKE_BIO_SECTORS)
		tiles_read(t, at, FAKE_BIO_SECTORS);
	vk_target_suspend(&t->vkt, false);
}

static struct kunit_case tiles_cases[] = {
	KUNIT_CASE(tiles_sizes),
	KUNIT_CASE(tiles_shrink),
	KUNIT_CASE(tiles_unreadable),
	{}
};

static struct kunit_suite tiles_suite = {
	.name = "vhdx-tiles",
	.init = tiles_test_init,
	.exit = tiles_test_exit,
	.test_cases = tiles_cases,
};

kunit_test_suite(tiles_suite);

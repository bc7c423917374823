// SPDX-License-Identifier: GPL-2.0
/*
 * Chains of VHD images whose blocks and disks have any size: which layer has which
 * sector is compared with what each image was made with.
 */
#include <linux/slab.h>

#include "vk-layers.h"

#define LAYERS		3U	/* the leaf first */
#define LAYERS_NUMBER	0x10	/* of the leaf */
#define LAYERS_ZEROS	2	/* in a shape's "has": the sector is there, as zeros */
#define LAYERS_TILE	(1U << VHDX_MIB_SECTORS_SHIFT)

/**
 * struct layers_test - a test
 * @check: its random numbers, and whether it has failed
 * @shapes: of the images
 * @devs: their devices
 * @vkt: the target
 * @vt: what it knows
 * @tile: for a tile
 * @buf: for guests' data
 */
struct layers_test {
	struct vk_check check;
	struct vhd_shape shapes[LAYERS];
	struct fake_dev *devs[LAYERS];
	struct vk_target vkt;
	struct vhdx_target *vt;
	u16 *tile;
	u8 *buf;
};

static int layers_test_init(struct kunit *test)
{
	struct layers_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->tile = kunit_kzalloc(test, LAYERS_TILE * sizeof(u16), GFP_KERNEL);
	t->buf = kunit_kzalloc(test, FAKE_BIO_SECTORS * VHD_SECTOR, GFP_KERNEL);
	return t->tile && t->buf ? 0 : -ENOMEM;
}

static void layers_end(struct layers_test *t)
{
	u32 i;

	vk_target_free(&t->vkt);
	KUNIT_EXPECT_EQ(t->check.test, fake.allocated, 0);
	for (i = 0; i < LAYERS; i++) {
		fake_dev_free(t->devs[i]);
		t->devs[i] = NULL;
	}
}

static void layers_test_exit(struct kunit *test)
{
	if (test->priv)
		layers_end(test->priv);
}

/* A chain of images with these blocks, and disks of so many sectors. */
static void layers_begin(struct layers_test *t, const u32 *block_bytes,
			 const u32 *sectors, bool batmaps)
{
	struct kunit *test = t->check.test;
	u32 i;

	for (i = LAYERS; i--;) {
		t->shapes[i] = (struct vhd_shape){
			.number = LAYERS_NUMBER + i,
			.parent = i + 1 < LAYERS ? LAYERS_NUMBER + i + 1 : 0,
			.block_bytes = block_bytes[i], .sectors = sectors[i],
			.dev_mib = 24, .batmap = batmaps,
		};
		vhd_shape_begin(test, &t->shapes[i]);
		vhd_shape_fill(&t->shapes[i], &t->check.rnd);
		t->devs[i] = vhd_shape_make(&t->shapes[i]);
		if (i + 1 < LAYERS)
			t->devs[i]->parent = t->devs[i + 1];
	}
	KUNIT_ASSERT_EQ(test, 0, vk_target_new(&t->vkt, t->devs[0], 0));
	t->vt = t->vkt.vt;
	/* Where new blocks go there are zeros, and that is known; or anything. */
	if (vk_rnd(&t->check.rnd, 2)) {
		t->devs[0]->fill = 0;
		t->vt->zeroed_from_mib = 1;
	}
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
}

/* Which layer has a sector of the leaf's disk. */
static u32 layers_who(const struct layers_test *t, u32 sector)
{
	u32 i;

	/* Past the end of a parent's disk there are zeros, whatever is below. */
	for (i = 0; i < LAYERS && sector < t->shapes[i].sectors; i++)
		if (t->shapes[i].has[sector])
			return i;
	return VHDX_TILE_ZEROS;
}

static bool layers_has_parts(const struct layers_test *t, u32 unit, u32 sectors)
{
	u32 size = vhd_shape_block_sectors(&t->shapes[0]);
	u32 block = unit * LAYERS_TILE / size;
	u32 last = (unit * LAYERS_TILE + sectors - 1) / size;

	for (; block <= last; block++)
		if ((t->vt->bat[block] & VHDX_E_STATE) == VHDX_BLOCK_PARTIAL)
			return true;
	return false;
}

static void layers_fill(struct layers_test *t, u32 unit)
{
	u32 sectors = min(LAYERS_TILE, t->shapes[0].sectors - unit * LAYERS_TILE), i;

	KUNIT_EXPECT_EQ(t->check.test, 0,
			vhd_chain_fill(t->vt->chain, unit, t->tile));
	mutex_lock(&t->vt->publish);
	if (!vhd_chain_add_core(t->vt, unit, t->tile))
		vk_fail(&t->check, "tile %u: bitmaps have gone", unit);
	/* Nobody asks for a tile whose blocks are each in one place. */
	if (vhd_chain_settle(t->vt, unit) == layers_has_parts(t, unit, sectors))
		vk_fail(&t->check, "tile %u: it is%s to be kept", unit,
			layers_has_parts(t, unit, sectors) ? "" : " not");
	mutex_unlock(&t->vt->publish);
	for (i = 0; i < LAYERS_TILE; i++) {
		u32 who = i < sectors ? layers_who(t, unit * LAYERS_TILE + i) :
					VHDX_TILE_ZEROS;

		if (t->tile[i] != who)
			vk_fail(&t->check, "tile %u sector %u: %x has it, not %x",
				unit, i, t->tile[i], who);
	}
}

/* What one block of a parent has from @start to @end, which is all there is. */
static bool layers_has_all(const struct vhd_shape *shape, u32 start, u32 end)
{
	u32 size = vhd_shape_block_sectors(shape), block = start / size;
	u32 first = block * size, used = min(size, shape->sectors - first);

	return end <= shape->sectors && (end - 1) / size == block &&
	       used <= VHD_BITS_PER_SECTOR &&
	       !memchr_inv(shape->has + first, 1, used);
}

static bool layers_has_place(const struct vhd_shape *shape, u32 start, u32 end)
{
	u32 size = vhd_shape_block_sectors(shape);

	for (end = min(end, shape->sectors); start < end;
	     start = round_down(start, size) + size)
		if (shape->place[start / size])
			return true;
	return false;
}

/* The layer that has all of a block, as far as anybody can see. */
static u32 layers_find(const struct layers_test *t, u32 start, u32 end)
{
	u32 i;

	for (i = 0; i < LAYERS && start < t->shapes[i].sectors; i++) {
		if (layers_has_all(&t->shapes[i], start, end))
			return i;
		if (layers_has_place(&t->shapes[i], start, end) ||
		    end > t->shapes[i].sectors)
			return VHDX_TILE_BAD;
	}
	return VHDX_TILE_ZEROS;
}

/* The map knows all that the tiles have told. */
static void layers_check_map(struct layers_test *t)
{
	u32 size = vhd_shape_block_sectors(&t->shapes[0]), block;

	for (block = 0; block < vhd_shape_blocks(&t->shapes[0]); block++) {
		u32 start = block * size, end = min(start + size, t->shapes[0].sectors);
		u32 who = layers_find(t, start, end), e = t->vt->bat[block];
		bool placed = layers_has_place(&t->shapes[0], start, end);
		u32 fits = who == VHDX_TILE_ZEROS ? 0 :
			   who == VHDX_TILE_BAD || (who && placed) ?
			   vhdx_e_make(VHDX_BLOCK_PARTIAL, placed) :
			   who ? vhdx_e_make(VHDX_CORE_PARENT, who) :
			   vhdx_e_make(VHDX_BLOCK_FULL, 1);

		if ((e & ~VHDX_E_PENDING) != fits)
			vk_fail(&t->check, "block %u: entry %x, not %x", block, e,
				fits);
	}
}

/* Returns how much the target has accepted. */
static u32 layers_io(struct layers_test *t, blk_opf_t opf, u32 sector, u32 sectors)
{
	int r = vk_guest_some(&t->vkt, opf, sector, &sectors, t->buf);

	if (r)
		vk_fail(&t->check, "sector %u: %d", sector, r);
	return sectors;
}

static void layers_check_sector(struct layers_test *t, u32 sector, const u8 *data)
{
	const struct vhd_mark *mark = (const void *)data;
	u32 who = layers_who(t, sector);

	if (who == VHDX_TILE_ZEROS || t->shapes[who].has[sector] == LAYERS_ZEROS ?
	    !!memchr_inv(data, 0, VHD_SECTOR) :
	    mark->sector != sector || mark->number != LAYERS_NUMBER + who)
		vk_fail(&t->check, "sector %u reads as %u of %x, not of %x",
			sector, mark->sector, mark->number, who);
}

static void layers_read(struct layers_test *t, u32 sector, u32 sectors)
{
	u32 done, i;

	for (; sectors && !t->check.failed; sector += done, sectors -= done) {
		done = layers_io(t, REQ_OP_READ, sector, sectors);
		for (i = 0; i < done; i++)
			layers_check_sector(t, sector + i, t->buf + i * VHD_SECTOR);
	}
}

/* A block that nobody has anything of becomes one of zeros. */
static void layers_new_block(struct layers_test *t, u32 sector)
{
	u32 size = vhd_shape_block_sectors(&t->shapes[0]), block = sector / size;
	u32 end = min((block + 1) * size, t->shapes[0].sectors);

	if (!t->vt->bat[block])
		memset(t->shapes[0].has + block * size, LAYERS_ZEROS,
		       end - block * size);
}

/* As the leaf has it from then on. */
static void layers_write(struct layers_test *t, u32 sector, u32 sectors)
{
	u32 done, i;

	for (; sectors && !t->check.failed; sector += done, sectors -= done) {
		layers_new_block(t, sector);
		for (i = 0; i < sectors; i++)
			vhd_mark(t->buf + i * VHD_SECTOR, sector + i, LAYERS_NUMBER);
		done = layers_io(t, REQ_OP_WRITE, sector, sectors);
		vhd_shape_add(&t->shapes[0], sector, sector + done);
	}
}

/* Several at once, in parts of the disk of their own; memory may lack. */
static void layers_burst(struct layers_test *t)
{
	u32 size = vhd_shape_block_sectors(&t->shapes[0]), part = t->shapes[0].sectors / VK_BURST;
	u32 at[VK_BURST], sectors[VK_BURST], i, n;
	u8 *data;
	int r;

	for (i = 0; i < VK_BURST && part; i++) {
		at[i] = i * part + vk_rnd(&t->check.rnd, part);
		sectors[i] = min3(1 + vk_rnd(&t->check.rnd, VK_BURST_SECTORS),
				  (i + 1) * part - at[i], size - at[i] % size);
		layers_new_block(t, at[i]);
		for (n = 0; n < sectors[i]; n++) {
			data = t->buf + ((i * VK_BURST_SECTORS + n) << SECTOR_SHIFT);
			vhd_mark(data, at[i] + n, LAYERS_NUMBER);
		}
	}
	fake.starve = vk_rnd(&t->check.rnd, 8);
	r = vk_guest_burst(&t->vkt, at, sectors, i, t->buf);
	fake.starve = 0;
	if (r)
		vk_fail(&t->check, "a write has failed: %d", r);
	while (i--)
		vhd_shape_add(&t->shapes[0], at[i], at[i] + sectors[i]);
}

/* Reads before anybody has looked, tiles, and then writes among them. */
static void layers_round(struct layers_test *t)
{
	struct rnd_state *rnd = &t->check.rnd;
	u32 sectors = t->shapes[0].sectors;
	u32 units = DIV_ROUND_UP(sectors, LAYERS_TILE), i, at;

	for (i = 0; i < 16; i++) {
		at = vk_rnd(rnd, sectors);
		layers_read(t, at, min(1 + vk_rnd(rnd, FAKE_BIO_SECTORS), sectors - at));
	}
	for (i = 0; i < units; i++)
		layers_fill(t, i);
	layers_check_map(t);
	for (i = 0; i < 48 && !t->check.failed; i++) {
		at = vk_rnd(rnd, sectors);
		if (vk_rnd(rnd, 2))
			layers_write(t, at, min(1 + vk_rnd(rnd, FAKE_BIO_SECTORS),
						sectors - at));
		else if (vk_rnd(rnd, 8))
			layers_read(t, at, min(1 + vk_rnd(rnd, FAKE_BIO_SECTORS),
					       sectors - at));
		else
			layers_fill(t, at / LAYERS_TILE);
		if (!vk_rnd(rnd, 8))
			layers_burst(t);
		if (!vk_rnd(rnd, 16))
			KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(&t->vkt));
	}
	for (i = 0; i < units; i++)
		layers_fill(t, i);
	for (at = 0; at < sectors; at += FAKE_BIO_SECTORS)
		layers_read(t, at, min(FAKE_BIO_SECTORS, sectors - at));
	vk_target_suspend(&t->vkt, false);
}

/* Sizes that divide each other in no way, and disks that end anywhere. */
static void layers_sizes(struct kunit *test)
{
	static const u32 blocks[][LAYERS] = {
		{ SZ_64K, SZ_64K, SZ_64K }, { SZ_64K, SZ_16K, SZ_4M },
		{ SZ_4M, SZ_64K, SZ_2M }, { SZ_2M, SZ_4M, SZ_4K },
		{ SZ_4K, SZ_512K, SZ_16K }, { SZ_512K, SZ_2M, SZ_64K },
	};
	static const u32 sectors[][LAYERS] = {
		{ 5000, 5000, 5000 }, { 5000, 6007, 4096 }, { 4096, 2048, 9000 },
		{ 6001, 3333, 5500 }, { 2048, 4096, 2049 }, { 10, 9, 11 },
		{ 2049, 4096, 4095 }, { 4096, 2047, 9000 },
	};
	const u32 rounds = ARRAY_SIZE(blocks) * ARRAY_SIZE(sectors);
	struct layers_test *t = test->priv;
	u32 i;

	for (i = 0; i < rounds * vk_effort; i++) {
		t->check.step = i;
		layers_begin(t, blocks[i % ARRAY_SIZE(blocks)],
			     sectors[i / ARRAY_SIZE(blocks) % ARRAY_SIZE(sectors)],
			     false);
		layers_round(t);
		layers_end(t);
	}
}

/* What was read of the leaf's bits is old once some have left the core. */
static void layers_gone(struct kunit *test)
{
	static const u32 blocks[LAYERS] = { SZ_64K, SZ_64K, SZ_64K };
	static const u32 sectors[LAYERS] = { 2048, 2048, 2048 };
	struct layers_test *t = test->priv;

	layers_begin(t, blocks, sectors, false);
	layers_fill(t, 0);
	KUNIT_EXPECT_EQ(test, 0, vhd_chain_fill(t->vt->chain, 0, t->tile));
	mutex_lock(&t->vt->publish);
	t->vt->chain->bits_gone++;
	KUNIT_EXPECT_FALSE(test, vhd_chain_add_core(t->vt, 0, t->tile));
	mutex_unlock(&t->vt->publish);
	layers_fill(t, 0);
	vk_target_suspend(&t->vkt, false);
}

/* A bitmap that cannot be read: what is above is as it is, the rest is bad. */
static void layers_unreadable(struct kunit *test)
{
	static const u32 blocks[LAYERS] = { SZ_64K, SZ_64K, SZ_64K };
	static const u32 sectors[LAYERS] = { 2048, 2048, 2048 };
	struct layers_test *t = test->priv;
	u32 i, bad = 0;

	layers_begin(t, blocks, sectors, false);
	t->devs[1]->fail_in[FAKE_READ] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vhd_chain_fill(t->vt->chain, 0, t->tile));
	for (i = 0; i < 2048; i++) {
		u32 who = layers_who(t, i);

		if (t->tile[i] == VHDX_TILE_BAD)
			bad++;
		else if (t->tile[i] != who)
			vk_fail(&t->check, "sector %u: %x has it, not %x", i,
				t->tile[i], who);
		if (t->tile[i] == VHDX_TILE_BAD && !who)
			vk_fail(&t->check, "sector %u: it is the leaf's", i);
	}
	KUNIT_EXPECT_GT(test, bad, 0);
	/* It can be read again. */
	layers_fill(t, 0);
	vk_target_suspend(&t->vkt, false);
}

static struct kunit_case layers_cases[] = {
	KUNIT_CASE(layers_sizes),
	KUNIT_CASE(layers_gone),
	KUNIT_CASE(layers_unreadable),
	{}
};

static struct kunit_suite layers_suite = {
	.name = "vhdx-layers",
	.init = layers_test_init,
	.exit = layers_test_exit,
	.test_cases = layers_cases,
};

kunit_test_suite(layers_suite);

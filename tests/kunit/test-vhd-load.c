// SPDX-License-Identifier: GPL-2.0
/* VHD images as they are loaded: what is known of them at once, and what is refused. */
#include <linux/slab.h>

#include "vk-layers.h"

#define LOAD_TEXT	512U

/**
 * struct load_test - a test
 * @check: its random numbers, and whether it has failed
 * @shape: of the image
 * @dev: its device, 7:0
 * @vkt: the target
 * @table: of the mapped device
 * @text: for status lines
 * @buf: for guests' data, and headers
 */
struct load_test {
	struct vk_check check;
	struct vhd_shape shape;
	struct fake_dev *dev;
	struct vk_target vkt;
	unsigned long table;
	char *text;
	u8 *buf;
};

static int load_test_init(struct kunit *test)
{
	struct load_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	/* 80 cylinders, 4 heads, 17 sectors. */
	t->shape = (struct vhd_shape){
		.number = 1, .block_bytes = SZ_64K, .sectors = 5440, .dev_mib = 8,
	};
	t->table = fake_md_new();
	t->text = kunit_kzalloc(test, LOAD_TEXT, GFP_KERNEL);
	t->buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	return t->text && t->buf ? 0 : -ENOMEM;
}

static void load_test_exit(struct kunit *test)
{
	struct load_test *t = test->priv;

	if (!t)
		return;
	/* First, so that nobody remembers it. */
	fake_md_remove(t->table);
	vk_target_drop(&t->vkt);
	fake_dev_free(t->dev);
}

/* Two full blocks, and one that has all but its first sector. */
static void load_format(struct load_test *t)
{
	vk_target_drop(&t->vkt);
	fake_dev_free(t->dev);
	vhd_shape_begin(t->check.test, &t->shape);
	if (!t->shape.fixed) {
		vhd_shape_add(&t->shape, 0, 128);
		vhd_shape_add(&t->shape, 3 * 128 + 1, 5 * 128);
		vhd_shape_add(&t->shape, 5 * 128, 5 * 128);
	}
	t->dev = vhd_shape_make(&t->shape);
	if (!fake.nr_paths)
		fake_path_add("7:0", t->dev);
	fake.paths[0].dev = t->dev;
}

static int load_make(struct load_test *t, const char *line)
{
	vk_target_drop(&t->vkt);
	fake.message[0] = '\0';
	return vk_target_ctr(&t->vkt, t->dev, t->table, line);
}

static void load_expect_refused(struct load_test *t, const char *line, int r,
				const char *message)
{
	struct kunit *test = t->check.test;

	KUNIT_EXPECT_EQ(test, r, load_make(t, line));
	KUNIT_EXPECT_TRUE(test, t->vkt.ti.error);
	if (!strstr(fake.message, message))
		vk_fail(&t->check, "%s: not: %s", fake.message, message);
}

static void load_expect_status(struct load_test *t, status_type_t type,
			       const char *expected)
{
	vk_target_status_as(&t->vkt, type, t->text, LOAD_TEXT);
	KUNIT_EXPECT_STREQ(t->check.test, t->text, expected);
}

/* What each block's entry is before anybody has asked for it. */
static void load_expect_entry(struct load_test *t, u32 block, u32 e)
{
	KUNIT_EXPECT_EQ(t->check.test, t->vkt.vt->bat[block], e);
}

#define LOAD_FULL	vhdx_e_make(VHDX_BLOCK_FULL, 1)
#define LOAD_PART	vhdx_e_make(VHDX_BLOCK_PARTIAL, 1)

static void load_dynamic(struct kunit *test)
{
	struct load_test *t = test->priv;
	struct vhdx_image *image;

	load_format(t);
	KUNIT_ASSERT_EQ(test, 0, load_make(t, "7:0"));
	image = &t->vkt.vt->image;
	load_expect_entry(t, 0, LOAD_PART);
	load_expect_entry(t, 1, 0);
	load_expect_entry(t, 3, LOAD_PART);
	load_expect_entry(t, 4, LOAD_PART);
	load_expect_entry(t, 5, LOAD_PART);
	KUNIT_EXPECT_EQ(test, image->allocated_blocks, 4);
	KUNIT_EXPECT_FALSE(test, image->overlay.payload);
	KUNIT_EXPECT_FALSE(test, t->vkt.vt->check_reads);
	KUNIT_EXPECT_EQ(test, image->layout.geo.blocks, 43);
	KUNIT_EXPECT_EQ(test, image->layout.geo.sector_shift, 9);
	KUNIT_EXPECT_EQ(test, image->layout.meta.logical_bytes, 512);
	KUNIT_EXPECT_EQ(test, image->layout.meta.physical_bytes, 512);
	KUNIT_EXPECT_TRUE(test, image->layout.meta.leave_allocated);
	KUNIT_EXPECT_FALSE(test, image->layout.meta.has_parent);
	KUNIT_EXPECT_EQ(test, t->vkt.ti.num_discard_bios, 0);
	KUNIT_EXPECT_EQ(test, t->vkt.ti.num_write_zeroes_bios, 0);
	KUNIT_EXPECT_EQ(test, t->vkt.ti.num_flush_bios, 1);
	load_expect_status(t, STATUSTYPE_TABLE, "7:0");
	load_expect_status(t, STATUSTYPE_IMA,
			   "target_name=vhd,target_version=1.1.0,device_name=7:0,read_only=n,error_if_no_space=n,no_unmap=n,no_discard=n,no_discard_passdown=n,commit_interval=1000,idle_close=5000,ignore_parent_id=n;");
	load_expect_status(t, STATUSTYPE_INFO, "rw 4/43 128 0/8 0 0/0 0 0 0 0 0");
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkt, REQ_OP_WRITE, 20 * 128, 1, t->buf));
	load_expect_status(t, STATUSTYPE_INFO, "rw 5/43 128 0/8 1 0/0 1 1 0 0 0");
	vk_target_suspend(&t->vkt, false);
}

/* XenServer's map says which blocks are full, if it fits its sum. */
static void load_batmap(struct kunit *test)
{
	struct load_test *t = test->priv;
	u64 off;
	u32 how;

	t->shape.batmap = true;
	for (how = 0; how < 5; how++) {
		bool good = how < 2 || how == 4;

		load_format(t);
		off = vhd_shape_batmap_off(&t->shape);
		fake_dev_peek(t->dev, off, t->buf, 2 * VHD_SECTOR);
		if (how == 2)		/* a wrong sum, which does not count */
			t->buf[28 - 1] ^= 1;
		if (how == 3)		/* a wrong bit */
			t->buf[VHD_SECTOR] ^= 1;
		fake_dev_poke(t->dev, off, t->buf, 2 * VHD_SECTOR);
		KUNIT_ASSERT_EQ(test, 0, load_make(t, how == 4 ? "7:0 1 read_only" :
						   "7:0"));
		load_expect_entry(t, 0, good ? LOAD_FULL : LOAD_PART);
		load_expect_entry(t, 1, 0);
		load_expect_entry(t, 3, LOAD_PART);
		load_expect_entry(t, 4, good ? LOAD_FULL : LOAD_PART);
		load_expect_entry(t, 5, LOAD_PART);
	}
	/* One that cannot be read is a failure. */
	t->dev->fail_in[FAKE_READ] = 5;
	KUNIT_EXPECT_EQ(test, -EIO, load_make(t, "7:0"));
}

/* More blocks than a few, each with a bit of its own. */
static void load_batmap_long(struct kunit *test)
{
	struct load_test *t = test->priv;
	u32 block;

	t->shape.batmap = true;
	t->shape.block_bytes = SZ_4K;
	t->shape.sectors = 4000 * 8;
	vhd_shape_begin(test, &t->shape);
	for (block = 0; block < 4000; block += 43)
		vhd_shape_add(&t->shape, block * 8, (block + 1) * 8);
	t->dev = vhd_shape_make(&t->shape);
	fake_path_add("7:0", t->dev);
	KUNIT_ASSERT_EQ(test, 0, load_make(t, "7:0"));
	for (block = 0; block < 4000; block++)
		if (t->vkt.vt->bat[block] != (block % 43 ? 0 : LOAD_FULL))
			vk_fail(&t->check, "block %u: %x", block,
				t->vkt.vt->bat[block]);
}

/* The map has a block that is not there: only a child's new one would be wrong. */
static void load_batmap_stray(struct kunit *test)
{
	struct load_test *t = test->priv;
	struct vhd_batmap batmap;
	struct fake_dev *parent;
	struct vhd_shape below;
	u32 has_parent;
	u64 off;

	t->shape.batmap = true;
	below = t->shape;
	below.number = 2;
	vhd_shape_begin(test, &below);
	parent = vhd_shape_make(&below);
	for (has_parent = 0; has_parent < 2; has_parent++) {
		t->shape.parent = has_parent ? 2 : 0;
		load_format(t);
		if (has_parent)
			fake_path_add("7:2", parent);
		off = vhd_shape_batmap_off(&t->shape);
		fake_dev_peek(t->dev, off, t->buf, 2 * VHD_SECTOR);
		vhd_bitmap_set(t->buf + VHD_SECTOR, 1, 2);
		vhd_batmap_decode(t->buf, off, 43, t->dev->bytes, &batmap);
		vhd_batmap_seal(t->buf, vhd_batmap_sum(&batmap, 0, t->buf + VHD_SECTOR,
						       VHD_SECTOR));
		fake_dev_poke(t->dev, off, t->buf, 2 * VHD_SECTOR);
		if (!has_parent) {
			KUNIT_EXPECT_EQ(test, 0, load_make(t, "7:0"));
			load_expect_entry(t, 0, LOAD_FULL);
			load_expect_entry(t, 1, 0);
			continue;
		}
		load_expect_refused(t, "7:0 2 parent 7:2", -EINVAL,
				    "fake: a map of full blocks that has one which is not there: map it with --readonly\n");
		KUNIT_EXPECT_EQ(test, 0, load_make(t, "7:0 3 read_only parent 7:2"));
	}
	vk_target_drop(&t->vkt);
	fake_dev_free(parent);
}

/* A fixed image is its disk, in place, without a session. */
static void load_fixed(struct kunit *test)
{
	const struct vhd_mark *mark;
	struct load_test *t = test->priv;
	struct vhdx_target *vt;

	t->shape.fixed = true;
	t->shape.tail = true;
	load_format(t);
	KUNIT_ASSERT_EQ(test, 0, load_make(t, "7:0"));
	vt = t->vkt.vt;
	load_expect_status(t, STATUSTYPE_INFO, "rw 1/1 524288 8/8 0 0/0 0 0 0 0 0");
	KUNIT_EXPECT_FALSE(test, vt->may_overwrite);
	KUNIT_EXPECT_EQ(test, vhd_footer_mib(&vt->image), 0);
	KUNIT_EXPECT_EQ(test, vhd_image_sum(&vt->image), 0);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_TRUE(test, vt->may_overwrite);
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkt, REQ_OP_READ, 5439, 1, t->buf));
	mark = (const void *)t->buf;
	KUNIT_EXPECT_EQ(test, mark->sector, 5439);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkt, REQ_OP_WRITE, 17, 1, t->buf));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 3);
	fake_dev_peek(t->dev, 17 * VHD_SECTOR, t->buf, VHD_SECTOR);
	KUNIT_EXPECT_EQ(test, mark->sector, 5439);
	/* What nobody has flushed a suspend does. */
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkt, REQ_OP_WRITE, 17, 1, t->buf));
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->dev->writes));
	/* And only read where that is all. */
	KUNIT_ASSERT_EQ(test, 0, load_make(t, "7:0 1 read_only"));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_FALSE(test, t->vkt.vt->may_overwrite);
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_io(&t->vkt, REQ_OP_WRITE, 17, 1, t->buf));
	vk_target_suspend(&t->vkt, false);
}

static void load_look(void *arg)
{
	struct load_test *t = arg;

	vk_target_status_as(&t->vkt, STATUSTYPE_INFO, t->text, LOAD_TEXT);
	vk_target_status_as(&t->vkt, STATUSTYPE_TABLE, t->text, LOAD_TEXT);
	/* One may have begun to look before that was freed. */
	vhdx_space_to_mib(&t->vkt.vt->image, 1);
}

/* A status line is asked for while a resume loads the image again. */
static void load_status(struct kunit *test)
{
	struct load_test *t = test->priv;

	load_format(t);
	KUNIT_ASSERT_EQ(test, 0, load_make(t, "7:0"));
	fake.free_arg = t;
	fake.on_free = load_look;
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	fake.on_free = NULL;
	load_expect_status(t, STATUSTYPE_INFO, "rw 4/43 128 0/8 0 0/0 0 0 0 0 0");
	load_expect_status(t, STATUSTYPE_TABLE, "7:0");
	vk_target_suspend(&t->vkt, false);
}

static void load_size_from(struct kunit *test)
{
	static const char sentence[] = "size_from is chs or current";
	static const char * const bad[] = {
		"7:0 1 size_from", "7:0 2 size_from auto", "7:0 2 size_from 1",
	};
	struct load_test *t = test->priv;
	struct vhd_footer footer;
	u32 i;

	load_format(t);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ(test, -EINVAL, load_make(t, bad[i]));
		KUNIT_EXPECT_STREQ(test, t->vkt.ti.error, sentence);
	}
	KUNIT_ASSERT_EQ(test, 0, load_make(t, "7:0 2 size_from Current"));
	load_expect_status(t, STATUSTYPE_TABLE, "7:0 2 size_from current");
	load_expect_status(t, STATUSTYPE_IMA,
			   "target_name=vhd,target_version=1.1.0,device_name=7:0,read_only=n,error_if_no_space=n,no_unmap=n,no_discard=n,no_discard_passdown=n,commit_interval=1000,idle_close=5000,ignore_parent_id=n,size_from=current;");
	KUNIT_ASSERT_EQ(test, 0, load_make(t, "7:0 2 size_from CHS"));
	load_expect_status(t, STATUSTYPE_TABLE, "7:0 2 size_from chs");
	load_expect_status(t, STATUSTYPE_IMA,
			   "target_name=vhd,target_version=1.1.0,device_name=7:0,read_only=n,error_if_no_space=n,no_unmap=n,no_discard=n,no_discard_passdown=n,commit_interval=1000,idle_close=5000,ignore_parent_id=n,size_from=chs;");
	/* The geometry makes less of a disk: then the table is too long. */
	fake_dev_peek(t->dev, 0, t->buf, VHD_FOOTER_BYTES);
	vhd_footer_decode(t->buf, &footer);
	vhd_chs_of(5440 - 68, &footer.chs);
	vhd_footer_encode(&footer, t->buf);
	fake_dev_poke(t->dev, 0, t->buf, VHD_FOOTER_BYTES);
	KUNIT_EXPECT_EQ(test, 0, load_make(t, "7:0 2 size_from current"));
	load_expect_refused(t, "7:0 2 size_from chs", -EINVAL,
			    "fake: the table has 5440 sectors, the disk 5372: load a table of that length\n");
}

static void load_refused(struct kunit *test)
{
	struct load_test *t = test->priv;
	__be32 *bat = (__be32 *)t->buf;
	u32 i;

	t->shape.saved = true;
	load_format(t);
	load_expect_refused(t, "7:0", -EROFS,
			    "fake: the VHD image belongs to a machine whose state is saved: ");
	KUNIT_EXPECT_EQ(test, 0, load_make(t, "7:0 1 read_only"));
	t->shape.saved = false;
	t->shape.parent = 2;
	load_format(t);
	load_expect_refused(t, "7:0", -EINVAL,
			    "fake: layer 0: a differencing image needs its parents: ");
	t->shape.parent = 0;
	/* Entry 3 is past the end, in the footer, in another block. */
	for (i = 0; i < 3; i++) {
		static const char * const sentences[] = {
			"fake: BAT entry 3: a BAT entry points past the end of the VHD image: ",
			"fake: BAT entry 3: a BAT entry points into footer, header, BAT or locators: ",
			"fake: BAT entry 3: two blocks of the VHD image overlap: ",
		};

		load_format(t);
		fake_dev_peek(t->dev, VHD_SHAPE_BAT_OFF, bat, VHD_SECTOR);
		bat[3] = i == 0 ? cpu_to_be32(16384 - 128) : i == 1 ? cpu_to_be32(2) :
			 cpu_to_be32(be32_to_cpu(bat[0]) + 1);
		fake_dev_poke(t->dev, VHD_SHAPE_BAT_OFF, bat, VHD_SECTOR);
		load_expect_refused(t, "7:0", -EINVAL, sentences[i]);
	}
	/* No footer at all; and sectors that are too large for one. */
	load_format(t);
	t->dev->logical_bytes = 4096;
	load_expect_refused(t, "7:0", -EOPNOTSUPP,
			    "fake: backing device's logical sectors are larger than those of a VHD image: ");
	t->dev->logical_bytes = 512;
	memset(t->buf, 0, VHD_FOOTER_BYTES);
	fake_dev_poke(t->dev, 0, t->buf, VHD_FOOTER_BYTES);
	load_expect_refused(t, "7:0", -EINVAL,
			    "fake: no VHD image: no good footer, at the end or at the start: ");
}

/* Whoever has no use for parents is not to take a child for a disk. */
static void load_child_alone(struct kunit *test)
{
	struct load_test *t = test->priv;
	struct vhdx_image *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);
	const char *error = NULL;

	KUNIT_ASSERT_NOT_NULL(test, image);
	t->shape.parent = 2;
	load_format(t);
	vhdx_image_init(image, &t->dev->bdev, false);
	image->is_vhd = true;
	KUNIT_ASSERT_EQ(test, -EINVAL, vhdx_image_load(image, &error));
	KUNIT_EXPECT_STREQ(test, error, "a differencing image needs its parents");
	image->parents = true;
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_load(image, &error));
	vhdx_image_unload(image);
}

/* Half of a merge: the child has the name of its parent that is to be, or quite another one. */
static void load_half_merged(struct kunit *test)
{
	struct load_test *t = test->priv;
	struct vhd_shape below = t->shape;
	struct vhd_footer child, footer;
	struct vhd_header header;
	struct fake_dev *parent;

	below.number = 2;
	vhd_shape_begin(test, &below);
	parent = vhd_shape_make(&below);
	fake_dev_peek(parent, 0, t->buf, VHD_FOOTER_BYTES);
	vhd_footer_decode(t->buf, &footer);
	t->shape.parent = 2;
	load_format(t);
	fake_path_add("7:2", parent);
	KUNIT_EXPECT_EQ(test, 0, load_make(t, "7:0 2 parent 7:2"));
	fake_dev_peek(t->dev, 0, t->buf, VHD_FOOTER_BYTES);
	vhd_footer_decode(t->buf, &child);
	fake_dev_peek(t->dev, child.header_off, t->buf, VHD_HEADER_BYTES);
	vhd_header_decode(t->buf, &header);
	vhd_load_next_id(&header.parent_id, &footer.id, &child.id);
	vhd_header_encode(&header, t->buf);
	fake_dev_poke(t->dev, child.header_off, t->buf, VHD_HEADER_BYTES);
	KUNIT_EXPECT_EQ(test, 0, load_make(t, "7:0 2 parent 7:2"));
	header.parent_id.b[3] ^= 1;
	vhd_header_encode(&header, t->buf);
	fake_dev_poke(t->dev, child.header_off, t->buf, VHD_HEADER_BYTES);
	load_expect_refused(t, "7:0 2 parent 7:2", -EINVAL,
			    "fake: layer 1: the parent is not the one that the VHD image was made from: ");
	KUNIT_EXPECT_EQ(test, 0, load_make(t, "7:0 3 ignore_parent_id parent 7:2"));
	vk_target_drop(&t->vkt);
	fake_dev_free(parent);
}

/* Each target says of the other one's images what they are. */
static void load_other_format(struct kunit *test)
{
	const struct vk_spec spec = {
		.dev_mib = 8, .log_mib = 1, .bat_mib = 1, .block_mib = 1,
		.logical = 512, .disk_bytes = 4 * SZ_1M,
	};
	struct load_test *t = test->priv;
	u64 bytes;

	load_format(t);
	t->dev->vhd = false;
	load_expect_refused(t, "7:0", -EINVAL, "fake: a VHD image: use the target 'vhd'");
	/* Of one that is cut there is only the start. */
	bytes = t->dev->bytes;
	t->dev->bytes = SZ_64K;
	load_expect_refused(t, "7:0", -EINVAL, "fake: a VHD image: use the target 'vhd'");
	t->dev->bytes = bytes;
	memset(t->buf, 0, VHD_FOOTER_BYTES);
	fake_dev_poke(t->dev, 0, t->buf, VHD_FOOTER_BYTES);
	KUNIT_EXPECT_EQ(test, -EINVAL, load_make(t, "7:0"));
	KUNIT_EXPECT_PTR_EQ(test, NULL, strstr(fake.message, "VHD image"));
	fake_dev_free(t->dev);
	t->dev = vk_format(&spec);
	fake.paths[0].dev = t->dev;
	t->dev->vhd = true;
	load_expect_refused(t, "7:0", -EINVAL, "fake: a VHDX image: use the target 'vhdx'");
	/* Less than a VHDX image takes is none. */
	bytes = t->dev->bytes;
	t->dev->bytes = VHDX_HEAD_BYTES;
	load_expect_refused(t, "7:0", -EINVAL, "fake: a VHDX image: use the target 'vhdx'");
	t->dev->bytes -= 512;
	load_expect_refused(t, "7:0", -EINVAL, "fake: no VHD image: ");
	t->dev->bytes = bytes;
}

/* Room behind the blocks: so many slots fit, and a footer. */
static void load_slots(struct kunit *test)
{
	struct load_test *t = test->priv;
	struct vhdx_image *image;
	u64 first, bytes;
	u32 n;

	load_format(t);
	KUNIT_ASSERT_EQ(test, 0, load_make(t, "7:0"));
	image = &t->vkt.vt->image;
	/* Behind the last block, with data at a multiple of 4 KiB. */
	first = image->vhd->first;
	KUNIT_EXPECT_EQ(test, (first + 1) % 8, 0);
	KUNIT_EXPECT_GE(test, first, t->shape.place[5] + 129);
	KUNIT_EXPECT_LT(test, first, t->shape.place[5] + 129 + 8);
	KUNIT_EXPECT_EQ(test, image->vhd->stride, 136);
	KUNIT_EXPECT_EQ(test, image->max_mib, 1 + 43 - 4 + 64);
	for (n = 0; n < 4; n++) {
		bytes = (first + n * 136 + 129) * VHD_SECTOR + VHD_FOOTER_BYTES;
		t->dev->bytes = bytes;
		KUNIT_ASSERT_EQ(test, 0, load_make(t, "7:0"));
		image = &t->vkt.vt->image;
		KUNIT_EXPECT_EQ(test, vhd_slot_sector(image->vhd, n + 1),
				first + n * 136);
		KUNIT_EXPECT_EQ(test, image->space.size, n + 2);
		KUNIT_EXPECT_EQ(test, image->space.taken, 1);
		KUNIT_EXPECT_EQ(test, vhdx_image_mib(image, bytes), (bytes - 1) >> 20);
		KUNIT_EXPECT_EQ(test, vhd_footer_mib(image),
				DIV_ROUND_UP_ULL(bytes, SZ_1M));
		t->dev->bytes -= VHD_SECTOR;
		KUNIT_ASSERT_EQ(test, 0, load_make(t, "7:0"));
		KUNIT_EXPECT_EQ(test, t->vkt.vt->image.space.size, n + 1);
	}
	KUNIT_EXPECT_EQ(test, vhdx_image_mib(&t->vkt.vt->image, 0), 0);
	KUNIT_EXPECT_EQ(test, vhdx_image_mib(&t->vkt.vt->image, SZ_2M), 1);
	KUNIT_EXPECT_EQ(test, vhdx_image_mib(&t->vkt.vt->image, SZ_2M + 1), 2);
	/* None, but there is room for the footer; and not even that. */
	t->dev->bytes = (t->shape.place[5] + 129ULL) * VHD_SECTOR + VHD_FOOTER_BYTES;
	KUNIT_EXPECT_EQ(test, 0, load_make(t, "7:0"));
	KUNIT_EXPECT_EQ(test, t->vkt.vt->image.space.size, 1);
	t->dev->bytes -= VHD_SECTOR;
	load_expect_refused(t, "7:0", -ENOSPC,
			    "fake: the backing device has no room for a footer behind the blocks: extend it by a MiB\n");
	KUNIT_EXPECT_EQ(test, 0, load_make(t, "7:0 1 read_only"));
}

static struct kunit_case load_cases[] = {
	KUNIT_CASE(load_dynamic),
	KUNIT_CASE(load_batmap),
	KUNIT_CASE(load_batmap_long),
	KUNIT_CASE(load_batmap_stray),
	KUNIT_CASE(load_fixed),
	KUNIT_CASE(load_status),
	KUNIT_CASE(load_size_from),
	KUNIT_CASE(load_refused),
	KUNIT_CASE(load_child_alone),
	KUNIT_CASE(load_half_merged),
	KUNIT_CASE(load_other_format),
	KUNIT_CASE(load_slots),
	{}
};

static struct kunit_suite load_suite = {
	.name = "vhdx-vhd-load",
	.init = load_test_init,
	.exit = load_test_exit,
	.test_cases = load_cases,
};

kunit_test_suite(load_suite);

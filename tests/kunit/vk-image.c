// SPDX-License-Identifier: GPL-2.0
/* Making images in memory, with the format code's own encoders. */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-image.h"
#include "vhdx-locator.h"

static unsigned int seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "seed of all suites; 0 takes another one each time");

unsigned int vk_effort = 1;
module_param_named(effort, vk_effort, uint, 0444);
MODULE_PARM_DESC(effort, "do so many times as much where it takes long");

MODULE_DESCRIPTION("KUnit suites of dm-vhdx");
MODULE_LICENSE("GPL");

/**
 * vk_check_init() - begin a randomised check
 * @check: the check
 * @test: the test
 */
void vk_check_init(struct vk_check *check, struct kunit *test)
{
	memset(check, 0, sizeof(*check));
	check->test = test;
	check->seed = seed ?: get_random_u32();
	prandom_seed_state(&check->rnd, check->seed);
	fake_kernel_init(check->seed);
	kunit_info(test, "seed=%u\n", check->seed);
}

/**
 * vk_fail() - the check has failed
 * @check: the check; only the first failure is told
 * @fmt: what is wrong
 */
void vk_fail(struct vk_check *check, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	if (check->failed)
		return;
	check->failed = true;
	va_start(args, fmt);
	vaf.va = &args;
	KUNIT_FAIL(check->test, "seed %u step %u: %pV\n", check->seed,
		   check->step, &vaf);
	va_end(args);
}

static void *vk_alloc(size_t bytes)
{
	return kvzalloc(bytes, GFP_KERNEL | __GFP_NOFAIL);
}

/* Behind the other items, at @used. */
static void vk_format_locator(void *buf, u32 used, const guid_t *parent)
{
	struct vhdx_locator_words words = { .key = VHDX_LOCATOR_LINKAGE };
	char linkage[40];
	u32 length;

	snprintf(linkage, sizeof(linkage), "{%pUl}", parent);
	words.value = linkage;
	length = vhdx_locator_build(buf + used, SZ_4K, &words, 1);
	vhdx_meta_locator_encode(buf, VHDX_META_PARENT_LOCATOR, used, length);
}

static void vk_format_meta(struct fake_dev *dev, const struct vk_spec *spec)
{
	const struct vhdx_meta meta = {
		.block_bytes = spec->block_mib * SZ_1M,
		.disk_bytes = spec->disk_bytes,
		.disk_id = vhdx_guid_metadata_region,	/* as good as any */
		.logical_bytes = spec->logical,
		.physical_bytes = 4096,
		.has_parent = spec->parent,
	};
	void *buf = vk_alloc(2 * VHDX_META_TABLE_BYTES);
	u32 used;

	used = vhdx_meta_region_encode(buf, &meta);
	if (spec->parent)
		vk_format_locator(buf, used, spec->parent);
	fake_dev_poke(dev, vk_meta_off(spec), buf, 2 * VHDX_META_TABLE_BYTES);
	kvfree(buf);
}

static void vk_format_regions(struct fake_dev *dev, const struct vk_spec *spec)
{
	const struct vhdx_region regions[] = {
		{ vhdx_guid_bat_region, vk_bat_off(spec),
		  spec->bat_mib * SZ_1M, true },
		{ vhdx_guid_metadata_region, vk_meta_off(spec), SZ_1M, true },
	};
	void *buf = vk_alloc(VHDX_REGION_BYTES);

	vhdx_region_table_encode(buf, regions, ARRAY_SIZE(regions));
	fake_dev_poke(dev, VHDX_REGION_OFF(0), buf, VHDX_REGION_BYTES);
	fake_dev_poke(dev, VHDX_REGION_OFF(1), buf, VHDX_REGION_BYTES);
	kvfree(buf);
}

/**
 * vk_format() - make an empty image
 * @spec: what it is to be like
 *
 * Return: its device.
 */
struct fake_dev *vk_format(const struct vk_spec *spec)
{
	struct fake_dev *dev = fake_dev_new(spec->dev_mib * (u64)SZ_1M);
	struct vhdx_header header = {
		.sequence = 6, .version = 1, .log_off = VK_LOG_OFF,
		.log_length = spec->log_mib * SZ_1M,
	};
	void *buf = vk_alloc(VHDX_SECTOR);

	vhdx_ident_encode(buf, "dm-vhdx KUnit");
	fake_dev_poke(dev, VHDX_IDENT_OFF, buf, VHDX_SECTOR);
	guid_gen(&header.file_write_guid);
	guid_gen(&header.data_write_guid);
	vhdx_header_encode(&header, buf);
	fake_dev_poke(dev, VHDX_HEADER_OFF(0), buf, VHDX_HEADER_BYTES);
	header.sequence++;
	vhdx_header_encode(&header, buf);
	fake_dev_poke(dev, VHDX_HEADER_OFF(1), buf, VHDX_HEADER_BYTES);
	kvfree(buf);
	vk_format_regions(dev, spec);
	vk_format_meta(dev, spec);
	return dev;
}

static void vk_geometry(const struct vk_spec *spec, struct vhdx_geometry *geo)
{
	const struct vhdx_meta meta = {
		.block_bytes = spec->block_mib * SZ_1M,
		.disk_bytes = spec->disk_bytes,
		.logical_bytes = spec->logical,
	};

	vhdx_geometry_init(geo, &meta);
}

static u64 vk_bat_entry_off(const struct vk_spec *spec, u32 block)
{
	struct vhdx_geometry geo;

	vk_geometry(spec, &geo);
	return vk_bat_off(spec) + vhdx_bat_index(&geo, block) * sizeof(__le64);
}

/**
 * vk_set_bitmap() - say in the BAT that a chunk has a sector bitmap, durably
 * @dev: device with the image
 * @spec: what it was made from
 * @chunk: the chunk
 * @mib: where it is
 */
void vk_set_bitmap(struct fake_dev *dev, const struct vk_spec *spec, u32 chunk,
		   u64 mib)
{
	__le64 raw = cpu_to_le64(VHDX_BAT_RAW(VHDX_BITMAP_PRESENT, mib));
	struct vhdx_geometry geo;

	vk_geometry(spec, &geo);
	fake_dev_poke(dev, vk_bat_off(spec) + sizeof(raw) *
		      vhdx_bat_bitmap_index(&geo, chunk), &raw, sizeof(raw));
}

/**
 * vk_get_bat() - where the BAT says that a block is
 * @dev: device with the image, its log empty
 * @spec: what it was made from
 * @block: payload block
 *
 * Return: MiB; not 0 of one in a state other than 0 that has none.
 */
u64 vk_get_bat(struct fake_dev *dev, const struct vk_spec *spec, u32 block)
{
	__le64 *raw = vk_alloc(VHDX_SECTOR);
	u64 off = vk_bat_entry_off(spec, block), entry;

	fake_dev_peek(dev, round_down(off, VHDX_SECTOR), raw, VHDX_SECTOR);
	entry = le64_to_cpu(raw[off % VHDX_SECTOR / sizeof(__le64)]);
	kvfree(raw);
	return VHDX_BAT_MIB(entry) ?: entry;
}

/**
 * vk_set_bat() - put an entry into the BAT, durably
 * @dev: device with the image
 * @spec: what it was made from
 * @block: payload block
 * @state: enum vhdx_block_state
 * @mib: where its data is
 */
void vk_set_bat(struct fake_dev *dev, const struct vk_spec *spec, u32 block,
		u32 state, u64 mib)
{
	__le64 raw = cpu_to_le64(VHDX_BAT_RAW(state, mib));

	fake_dev_poke(dev, vk_bat_entry_off(spec, block), &raw, sizeof(raw));
}

/**
 * vk_view_dev() - what an image holds, log included
 * @dev: the device to read from
 * @image: loaded
 * @off: bytes, a multiple of 4 KiB
 * @buf: result
 * @bytes: a multiple of 4 KiB
 */
void vk_view_dev(struct fake_dev *dev, struct vhdx_image *image, u64 off,
		 void *buf, u32 bytes)
{
	fake_dev_peek(dev, off, buf, bytes);
	vhdx_overlay_patch(&image->overlay, off, buf, bytes);
}

/**
 * vk_view() - what an image holds, log included
 * @image: loaded
 * @off: bytes, a multiple of 4 KiB
 * @buf: result
 * @bytes: a multiple of 4 KiB
 */
void vk_view(struct vhdx_image *image, u64 off, void *buf, u32 bytes)
{
	vk_view_dev(fake_dev_of(image->backing.bdev), image, off, buf, bytes);
}

/* ------------------------------------------------------------------------
 * Log entries by hand, with zero descriptors
 */

/**
 * vk_entry_begin() - start building an entry
 * @entry: the entry; its buffer is freed by vk_entry_write()
 */
void vk_entry_begin(struct vk_entry *entry)
{
	vk_entry_begin_large(entry, 1, VHDX_LOG_FIRST_DESCS);
}

/**
 * vk_entry_begin_large() - begin an entry that is larger than the module's
 * @entry: the entry; its buffer is freed by vk_entry_write()
 * @desc_sectors: of header and descriptors; fill them
 * @data_sectors: at most
 */
void vk_entry_begin_large(struct vk_entry *entry, u32 desc_sectors,
			  u32 data_sectors)
{
	memset(entry, 0, sizeof(*entry));
	entry->desc_sectors = desc_sectors;
	entry->buf = vk_alloc((desc_sectors + data_sectors) * VHDX_SECTOR);
}

static struct vhdx_log_data_disk *vk_entry_sector(struct vk_entry *entry, u32 i)
{
	return entry->buf + (entry->desc_sectors + i) * VHDX_SECTOR;
}

static struct vhdx_log_desc_disk *vk_entry_desc(struct vk_entry *entry, u32 i)
{
	return entry->buf + (i + 2) * sizeof(struct vhdx_log_desc_disk);
}

/**
 * vk_entry_data() - add a data descriptor and its sector
 * @entry: the entry
 * @off: where it belongs
 * @data: 4 KiB
 */
void vk_entry_data(struct vk_entry *entry, u64 off, const void *data)
{
	struct vhdx_log_desc_disk *desc = vk_entry_desc(entry, entry->count++);
	struct vhdx_log_data_disk *sector = vk_entry_sector(entry,
							    entry->data++);

	memcpy(desc->signature, VHDX_LOG_DESC_DATA, 4);
	memcpy(desc->leading, data, 8);
	memcpy(&desc->trailing, data + 4092, 4);
	desc->file_offset = cpu_to_le64(off);
	memcpy(sector->signature, VHDX_LOG_DATA, 4);
	memcpy(sector->data, data + 8, 4084);
}

/**
 * vk_entry_zero() - add a zero descriptor
 * @entry: the entry
 * @off: where
 * @bytes: how much
 */
void vk_entry_zero(struct vk_entry *entry, u64 off, u64 bytes)
{
	struct vhdx_log_desc_disk *desc = vk_entry_desc(entry, entry->count++);

	memcpy(desc->signature, VHDX_LOG_DESC_ZERO, 4);
	desc->zero_length = cpu_to_le64(bytes);
	desc->file_offset = cpu_to_le64(off);
}

/**
 * vk_entry_write() - put an entry into the log, durably
 * @entry: the entry
 * @dev: device with the image
 * @guid: LogGuid
 * @sequence: the entry's number
 * @off: where in the log; it may wrap
 * @tail: where in the log the sequence starts
 * @end_bytes: end of the image
 *
 * Return: its length.
 */
u32 vk_entry_write(struct vk_entry *entry, struct fake_dev *dev,
		   const guid_t *guid, u64 sequence, u32 off, u32 tail,
		   u64 end_bytes)
{
	struct vhdx_log_header_disk *disk = entry->buf;
	u32 length = (entry->desc_sectors + entry->data) * VHDX_SECTOR, i;
	struct vhdx_header header;
	bool damaged;

	for (i = 0; i < entry->count; i++)
		vk_entry_desc(entry, i)->sequence = cpu_to_le64(sequence);
	for (i = 0; i < entry->data; i++) {
		struct vhdx_log_data_disk *sector = vk_entry_sector(entry, i);

		sector->sequence_high = cpu_to_le32(sequence >> 32);
		sector->sequence_low = cpu_to_le32((u32)sequence);
	}
	memcpy(disk->signature, VHDX_LOG_SIGNATURE, 4);
	disk->entry_length = cpu_to_le32(length);
	disk->tail = cpu_to_le32(tail);
	disk->sequence = cpu_to_le64(sequence);
	disk->descriptor_count = cpu_to_le32(entry->count);
	disk->log_guid = *guid;
	disk->flushed_file_offset = cpu_to_le64(end_bytes);
	disk->last_file_offset = cpu_to_le64(end_bytes);
	disk->checksum = cpu_to_le32(vhdx_checksum(disk, length));
	vk_get_header(dev, &header, &damaged);
	for (i = 0; i < length; i += VHDX_SECTOR)
		fake_dev_poke(dev, VK_LOG_OFF + (off + i) % header.log_length,
			      entry->buf + i, VHDX_SECTOR);
	kvfree(entry->buf);
	return length;
}

/**
 * vk_set_header() - write both headers, durably
 * @dev: device with the image
 * @header: the second one gets its number, the first one that minus 1
 */
void vk_set_header(struct fake_dev *dev, const struct vhdx_header *header)
{
	struct vhdx_header copy = *header;
	void *buf = vk_alloc(VHDX_HEADER_BYTES);

	vhdx_header_encode(&copy, buf);
	fake_dev_poke(dev, VHDX_HEADER_OFF(1), buf, VHDX_HEADER_BYTES);
	copy.sequence--;
	vhdx_header_encode(&copy, buf);
	fake_dev_poke(dev, VHDX_HEADER_OFF(0), buf, VHDX_HEADER_BYTES);
	kvfree(buf);
}

/**
 * vk_get_header() - read the current header
 * @dev: device with the image
 * @header: result
 * @damaged: the other one is bad
 *
 * Return: false if there is none.
 */
bool vk_get_header(struct fake_dev *dev, struct vhdx_header *header,
		   bool *damaged)
{
	void *buf = vk_alloc(2 * VHDX_HEADER_BYTES);
	int slot, r;

	fake_dev_peek(dev, VHDX_HEADER_OFF(0), buf, VHDX_HEADER_BYTES);
	fake_dev_peek(dev, VHDX_HEADER_OFF(1), buf + VHDX_HEADER_BYTES,
		      VHDX_HEADER_BYTES);
	r = vhdx_header_select(buf, buf + VHDX_HEADER_BYTES, header, &slot,
			       damaged);
	kvfree(buf);
	return !r;
}

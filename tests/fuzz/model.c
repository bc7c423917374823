// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "model.h"

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define MODEL_BAT_BYTES	SZ_64K

void must_fail(const char *condition, const char *file, int line,
	       const char *function)
{
	fprintf(stderr, "%s:%d: %s: must be: %s\n", file, line, function,
		condition);
	abort();
}

/* The contract of all results: 0, a known fault, or a negative errno. */
void must_be_result(int result)
{
	MUST(result > -4096 && result < VHDX_NR_FAULTS);
	MUST(*vhdx_fault_name(result) && *vhdx_fault_text(result) &&
	     *vhdx_fault_advice(result));
	MUST(result ? vhdx_fault_errno(result) < 0 : !vhdx_fault_errno(0));
}

/* 0, or what happens to this read. */
static int model_trouble(struct model *model, bool *fickle)
{
	const struct sparse *raw = model->raw;

	model->reads++;
	*fickle = raw->trouble == SPARSE_FICKLE &&
		  model->reads >= raw->trouble_at;
	return raw->trouble == SPARSE_EIO && model->reads == raw->trouble_at ?
	       -EIO : 0;
}

static int model_read(struct vhdx_reader *reader, u64 off, void *buf, u32 bytes)
{
	struct model *model = container_of(reader, struct model, reader);
	bool fickle;
	int r;

	/* Nothing outside of the image is ever asked for. */
	MUST(bytes && off <= reader->image_bytes &&
	     bytes <= reader->image_bytes - off);
	r = model_trouble(model, &fickle);
	sparse_read(model->view ? model->view : model->raw, off, buf, bytes);
	return r;
}

static int model_log_sector(struct vhdx_log_source *source, u32 off,
			    const void **data)
{
	struct model *model = container_of(source, struct model, source);
	u64 at = source->log_off + off;
	bool fickle;
	int r;

	MUST(off < source->length && off % VHDX_SECTOR == 0);
	MUST(at + VHDX_SECTOR <= model->raw->bytes);
	r = model_trouble(model, &fickle);
	/* What was handed out before is gone. */
	if (fickle)
		memset(model->sector, 0, VHDX_SECTOR);
	else
		sparse_read(model->raw, at, model->sector, VHDX_SECTOR);
	*data = model->sector;
	return r;
}

/* A replay leaves identifier, headers and log alone, and stays on the device. */
static void model_must_be_target(struct model *model, u64 off, u64 bytes)
{
	const struct vhdx_log_source *source = &model->source;

	MUST(bytes && off % VHDX_SECTOR == 0 && bytes % VHDX_SECTOR == 0);
	MUST(off >= VHDX_REGION_OFF(0));
	MUST(off <= source->image_bytes && bytes <= source->image_bytes - off);
	MUST(off + bytes <= source->log_off ||
	     off >= source->log_off + source->length);
	model->changes++;
}

static int model_sink_data(struct vhdx_log_sink *sink, u64 off,
			   const void *data)
{
	struct model *model = container_of(sink, struct model, sink);

	model_must_be_target(model, off, VHDX_SECTOR);
	sparse_write(model->view, off, data, VHDX_SECTOR);
	return 0;
}

static int model_sink_zero(struct vhdx_log_sink *sink, u64 off, u64 bytes)
{
	struct model *model = container_of(sink, struct model, sink);

	model_must_be_target(model, off, bytes);
	sparse_zero(model->view, off, bytes);
	model->zeroed += bytes;
	return 0;
}

/**
 * model_init() - get ready to load an image
 * @model: result; model_exit() it
 * @raw: the image
 * @writable: as one who means to write
 */
void model_init(struct model *model, const struct sparse *raw, bool writable)
{
	memset(model, 0, sizeof(*model));
	model->raw = raw;
	model->scratch = malloc(VHDX_LOAD_SCRATCH);
	model->reader.read = model_read;
	model->reader.image_bytes = raw->bytes;
	model->reader.logical_bytes = raw->flags & SPARSE_LOGICAL_4K ? 4096 : 512;
	model->reader.writable = writable;
	model->source.sector = model_log_sector;
	model->source.image_bytes = raw->bytes;
	model->source.scratch = malloc(VHDX_LOG_SCRATCH);
	model->sink.data = model_sink_data;
	model->sink.zero = model_sink_zero;
}

void model_exit(struct model *model)
{
	sparse_free(model->view);
	free(model->source.scratch);
	free(model->scratch);
	free(model->space.map);
	free(model->mibs);
}

/**
 * model_load_log() - find the active sequence and replay it into the view
 * @model: its header is loaded
 *
 * Return: 0, a fault, a negative errno, or MODEL_TOO_LARGE.
 */
int model_load_log(struct model *model)
{
	const struct vhdx_header *header = &model->layout.header;
	struct vhdx_log_source *source = &model->source;
	int r;

	if (guid_is_null(&header->log_guid))
		return 0;
	if (header->log_length > MODEL_MAX_LOG)
		return MODEL_TOO_LARGE;
	source->guid = header->log_guid;
	source->log_off = header->log_off;
	source->length = header->log_length;
	r = vhdx_log_find(source, &model->log);
	if (!r)
		r = vhdx_log_check_end(&model->log, model->raw->bytes,
				       model->reader.writable);
	if (r)
		return r;
	model->view = sparse_copy(model->raw);
	return vhdx_log_replay(source, &model->log, &model->sink);
}

static int model_visit(void *arg, u64 index, u32 block, bool bitmap,
		       const struct vhdx_bat_entry *entry, int result)
{
	struct model *model = arg;
	const struct vhdx_geometry *geo = &model->layout.geo;

	MUST(index < geo->bat_entries && bitmap == vhdx_bat_is_bitmap(geo, index));
	must_be_result(result);
	if (bitmap) {
		MUST(block < geo->chunks);
		if (geo->has_parent && !result && entry->mib)
			MUST(!vhdx_space_claim(&model->space, entry->mib, 1));
		return result;
	}
	MUST(block < geo->blocks && index == vhdx_bat_index(geo, block) &&
	     block == vhdx_bat_blocks_before(geo, index));
	if (!result && vhdx_block_present(entry->state))
		model->mibs[block] = entry->mib;
	return result;
}

/**
 * model_load_bat() - read the BAT
 * @model: all the rest is loaded
 *
 * Return: 0, a fault, a negative errno, or MODEL_TOO_LARGE.
 */
int model_load_bat(struct model *model)
{
	u64 bytes = model->raw->bytes;
	u8 *buf;
	int r;

	if (model->layout.geo.bat_entries > MODEL_MAX_ENTRIES)
		return MODEL_TOO_LARGE;
	/* As large as in the module, which gives a writer whole MiB only. */
	model->space.size = min_t(u64, 1ULL << 28, model->reader.writable ?
				  bytes >> 20 : DIV_ROUND_UP_ULL(bytes, SZ_1M));
	model->space.map = calloc(BITS_TO_LONGS(model->space.size) + 1,
				  sizeof(long));
	model->mibs = calloc(model->layout.geo.blocks, sizeof(u64));
	r = vhdx_load_space(&model->reader, &model->layout, &model->space,
			    model->scratch);
	if (r)
		return r;
	buf = malloc(MODEL_BAT_BYTES);
	r = vhdx_load_bat(&model->reader, &model->layout, &model->space, buf,
			  MODEL_BAT_BYTES, model_visit, model);
	free(buf);
	return r;
}

/**
 * model_load() - read and judge the whole image
 * @model: from model_init()
 *
 * Return: 0, a fault, a negative errno, or MODEL_TOO_LARGE.
 */
int model_load(struct model *model)
{
	int r;

	r = vhdx_load_header(&model->reader, &model->layout, model->scratch);
	if (!r)
		r = model_load_log(model);
	if (!r)
		r = vhdx_load_layout(&model->reader, &model->layout,
				     model->scratch);
	return r ? r : model_load_bat(model);
}

/**
 * model_disk() - read the virtual disk
 * @model: loaded
 * @off: bytes from the start of the disk
 * @buf: result
 * @bytes: as many, all of them in one block
 */
void model_disk(const struct model *model, u64 off, void *buf, u32 bytes)
{
	u8 shift = model->layout.geo.block_shift;
	u64 mib = model->mibs[off >> shift];

	if (!mib)
		memset(buf, 0, bytes);
	else
		sparse_read(model->view ? model->view : model->raw,
			    (mib << 20) + (off & ((1ULL << shift) - 1)), buf,
			    bytes);
}

/* Claim [@off, @off + @bytes) in @taken, which must be free. */
static void model_must_be_free(u8 *taken, u64 size, u64 off, u64 bytes)
{
	u64 mib;

	for (mib = off >> 20; mib < (off + bytes + SZ_1M - 1) >> 20; mib++) {
		if (mib >= size)	/* a block that the end cuts */
			break;
		MUST(!taken[mib]);
		taken[mib] = 1;
	}
}

/**
 * model_check() - what was accepted has to be good
 * @model: loaded, with result 0
 *
 * All of it is written down once more here, in plain words: what is where,
 * within bounds, and nothing over anything else.
 */
void model_check(const struct model *model)
{
	const struct vhdx_layout *layout = &model->layout;
	const struct vhdx_meta *meta = &layout->meta;
	u64 bytes = model->raw->bytes, rest, off, i;
	u64 size = (bytes + SZ_1M - 1) >> 20;
	struct vhdx_region region;
	u8 *taken;

	MUST(layout->header.version == 1);
	MUST(meta->block_bytes >= SZ_1M && meta->block_bytes <= 256 * SZ_1M);
	MUST(!(meta->block_bytes & (meta->block_bytes - 1)));
	MUST(meta->logical_bytes == 512 || meta->logical_bytes == 4096);
	MUST(meta->logical_bytes >= model->reader.logical_bytes);
	MUST(meta->physical_bytes >= meta->logical_bytes &&
	     meta->physical_bytes <= 4096);
	MUST(meta->disk_bytes && meta->disk_bytes <= 1ULL << 46 &&
	     meta->disk_bytes % meta->logical_bytes == 0);
	MUST(!meta->has_parent);
	MUST(layout->geo.blocks == (meta->disk_bytes + meta->block_bytes - 1) /
				   meta->block_bytes);
	MUST(layout->geo.bat_entries * 8 <= layout->regions.bat.length);
	if (size > 1U << 22)
		return;

	taken = calloc(size + 1, 1);
	model_must_be_free(taken, size, 0, SZ_1M);
	if (layout->header.log_length)
		model_must_be_free(taken, size, layout->header.log_off,
				   layout->header.log_length);
	sparse_read(model->view ? model->view : model->raw,
		    VHDX_REGION_OFF(layout->region_slot), model->scratch,
		    VHDX_REGION_BYTES);
	for (i = 0; i < layout->regions.count; i++) {
		vhdx_region_decode(model->scratch, i, &region);
		MUST(region.off <= bytes && region.length <= bytes - region.off);
		model_must_be_free(taken, size, region.off, region.length);
	}
	for (i = 0; i < layout->geo.blocks; i++) {
		if (!model->mibs[i])
			continue;
		off = model->mibs[i] << 20;
		rest = min_t(u64, meta->block_bytes,
			     meta->disk_bytes - i * meta->block_bytes);
		MUST(off < bytes && rest <= bytes - off);
		if (model->reader.writable)
			MUST(meta->block_bytes <= bytes - off);
		model_must_be_free(taken, size, off, meta->block_bytes);
	}
	free(taken);
}

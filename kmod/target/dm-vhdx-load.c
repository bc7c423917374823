// SPDX-License-Identifier: GPL-2.0
/*
 * Loading an image from its backing device: the format code (vhdx-load.c) fed from
 * the device, its result kept in core.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dm-vhdx.h"
#include "vhdx-locator.h"

/* One read of BAT or log. */
#define VHDX_WINDOW	SZ_1M

/**
 * struct vhdx_window - a piece of the log, in memory
 * @data: VHDX_WINDOW bytes
 * @off: where in the log it begins
 * @valid: it holds something
 */
struct vhdx_window {
	void *data;
	u32 off;
	bool valid;
};

/**
 * struct vhdx_loader - what is needed only while loading
 * @reader: for the format code
 * @log: for the search of the log
 * @sink: for its replay
 * @image: what is being loaded
 * @scratch: VHDX_LOAD_SCRATCH
 * @bounce: two sectors, for reads that are not aligned
 * @window: of the log; two, as an entry is read at two places in turn, where
 *          its descriptors are and where its data; and a buffer for the BAT
 * @recent: the window used last
 * @fault_index: entry of the BAT that is at fault
 */
struct vhdx_loader {
	struct vhdx_reader reader;
	struct vhdx_log_source log;
	struct vhdx_log_sink sink;
	struct vhdx_image *image;
	void *scratch;
	void *bounce;
	struct vhdx_window window[2];
	int recent;
	u64 fault_index;
};

static int vhdx_loader_read(struct vhdx_reader *reader, u64 off, void *buf,
			    u32 bytes)
{
	struct vhdx_loader *loader = container_of(reader, struct vhdx_loader,
						  reader);
	int r;

	if (fatal_signal_pending(current))
		return -EINTR;
	while (bytes) {
		u32 skip = off % VHDX_SECTOR, step;

		if (!skip && bytes >= VHDX_SECTOR) {
			step = round_down(bytes, VHDX_SECTOR);
			r = vhdx_image_read(loader->image, off, buf, step);
		} else {
			step = min(bytes, VHDX_SECTOR - skip);
			r = vhdx_image_read(loader->image, off - skip,
					    loader->bounce, VHDX_SECTOR);
			if (!r)
				memcpy(buf, loader->bounce + skip, step);
		}
		if (r)
			return r;
		off += step;
		buf += step;
		bytes -= step;
	}
	return 0;
}

/* The log is read as it is on the device, a window at a time. */
static int vhdx_loader_log_sector(struct vhdx_log_source *source, u32 off,
				  const void **data)
{
	struct vhdx_loader *loader = container_of(source, struct vhdx_loader,
						  log);
	struct vhdx_window *window = &loader->window[loader->recent];
	u32 start = round_down(off, VHDX_WINDOW);
	int r;

	if (!window->valid || window->off != start) {
		loader->recent = !loader->recent;
		window = &loader->window[loader->recent];
	}
	if (!window->valid || window->off != start) {
		if (fatal_signal_pending(current))
			return -EINTR;
		window->valid = false;
		r = vhdx_io_read(&loader->image->backing,
				 source->log_off + start, window->data,
				 VHDX_WINDOW);
		if (r)
			return r;
		window->off = start;
		window->valid = true;
	}
	*data = window->data + (off - start);
	return 0;
}

static int vhdx_loader_sink_data(struct vhdx_log_sink *sink, u64 off,
				 const void *data)
{
	struct vhdx_loader *loader = container_of(sink, struct vhdx_loader,
						  sink);

	return vhdx_overlay_add_data(&loader->image->overlay, off, data) ?
	       VHDX_FAULT_LOG_MEMORY : 0;
}

static int vhdx_loader_sink_zero(struct vhdx_log_sink *sink, u64 off, u64 bytes)
{
	struct vhdx_loader *loader = container_of(sink, struct vhdx_loader,
						  sink);

	return vhdx_overlay_add_zero(&loader->image->overlay, off, bytes) ?
	       VHDX_FAULT_LOG_MEMORY : 0;
}

static int vhdx_loader_init(struct vhdx_loader *loader,
			    struct vhdx_image *image)
{
	loader->image = image;
	loader->reader.read = vhdx_loader_read;
	loader->reader.image_bytes = image->bytes;
	loader->reader.logical_bytes = vhdx_io_logical_bytes(&image->backing);
	loader->reader.writable = image->writable;
	loader->reader.parents = image->parents;
	loader->log.sector = vhdx_loader_log_sector;
	loader->log.image_bytes = image->bytes;
	loader->sink.data = vhdx_loader_sink_data;
	loader->sink.zero = vhdx_loader_sink_zero;
	loader->scratch = kvmalloc(VHDX_LOAD_SCRATCH, GFP_KERNEL);
	loader->bounce = kmalloc(VHDX_SECTOR, GFP_KERNEL);
	loader->window[0].data = kvmalloc(VHDX_WINDOW, GFP_KERNEL);
	loader->window[1].data = kvmalloc(VHDX_WINDOW, GFP_KERNEL);
	loader->log.scratch = kvmalloc(VHDX_LOG_SCRATCH, GFP_KERNEL);
	return loader->scratch && loader->bounce && loader->window[0].data &&
	       loader->window[1].data && loader->log.scratch ? 0 : -ENOMEM;
}

static void vhdx_loader_exit(struct vhdx_loader *loader)
{
	kvfree(loader->log.scratch);
	kvfree(loader->window[0].data);
	kvfree(loader->window[1].data);
	kfree(loader->bounce);
	kvfree(loader->scratch);
}

/* Where the entries are that a replay takes. */
static void vhdx_loader_note_log(struct vhdx_image *image,
				 const struct vhdx_log_sequence *seq)
{
	u32 length = image->layout.header.log_length;

	image->log_first = seq->first_off;
	image->log_bytes = seq->head.off - seq->first_off + seq->head.length;
	if (seq->head.off < seq->first_off)
		image->log_bytes += length;
}

/* Take the changes of a dirty log into the overlay. */
static int vhdx_loader_log(struct vhdx_loader *loader)
{
	const struct vhdx_header *header = &loader->image->layout.header;
	struct vhdx_log_sequence seq;
	int r;

	if (guid_is_null(&header->log_guid))
		return 0;		/* case 69: whatever the log holds */
	loader->log.guid = header->log_guid;
	loader->log.log_off = header->log_off;
	loader->log.length = header->log_length;
	r = vhdx_log_find(&loader->log, &seq);
	if (!r)
		r = vhdx_log_check_end(&seq, loader->image->bytes,
				       loader->image->writable);
	if (!r)
		r = vhdx_log_replay(&loader->log, &seq, &loader->sink);
	if (r)
		return r;
	vhdx_loader_note_log(loader->image, &seq);
	DMINFO("%pg: the log is dirty, %llu entries to replay",
	       loader->image->backing.bdev,
	       seq.head.sequence - seq.first_sequence + 1);
	return 0;
}

static int vhdx_loader_visit(void *arg, u64 index, u32 block, bool bitmap,
			     const struct vhdx_bat_entry *entry, int result)
{
	struct vhdx_loader *loader = arg;
	struct vhdx_image *image = loader->image;

	if (result) {
		loader->fault_index = index;
		return result;
	}
	if (bitmap) {
		if (image->bitmap)
			image->bitmap[block] = entry->mib;
		return 0;
	}
	image->bat[block] = vhdx_e_make(entry->state, entry->mib);
	image->allocated_blocks += vhdx_block_present(entry->state);
	return 0;
}

/* Does the log change anything that is neither region table, BAT, metadata? */
static bool vhdx_image_payload_changed(struct vhdx_image *image)
{
	const struct vhdx_regions *regions = &image->layout.regions;
	u64 used[3][2] = {
		{ VHDX_REGION_OFF(0), VHDX_HEAD_BYTES },
		{ regions->bat.off, regions->bat.off + regions->bat.length },
		{ regions->metadata.off,
		  regions->metadata.off + regions->metadata.length },
	};
	struct vhdx_overlay *overlay = &image->overlay;
	unsigned long index;
	void *data;
	int i;

	if (!RB_EMPTY_ROOT(&overlay->zero))
		return true;	/* rare enough not to look closer */
	xa_for_each(&overlay->data, index, data) {
		u64 off = (u64)index * VHDX_SECTOR;

		for (i = 0; i < 3; i++)
			if (off >= used[i][0] && off < used[i][1])
				break;
		if (i == 3)
			return true;
	}
	return false;
}

/*
 * How large a device can be of use: behind its end there may be all of the
 * blocks.  So the map need not grow while writes wait for it, perhaps those that
 * are to free memory.
 */
static u32 vhdx_loader_max_mib(const struct vhdx_image *image, u64 mib)
{
	const struct vhdx_geometry *geo = &image->layout.geo;

	if (image->writable)
		mib += (u64)geo->blocks * vhdx_block_mib(geo) +
		       (geo->has_parent ? geo->chunks : 0);
	return min_t(u64, mib, VHDX_MIB_MAX);
}

/**
 * vhdx_image_alloc() - memory for what an image may have very many of
 * @n: how many
 * @bytes: size of one
 *
 * Up to 256 MiB of zeros, in large pages if there are some.  Who is short of
 * memory would look very long for those, and needs none.
 *
 * Context: may sleep.
 * Return: it, for kvfree(), or NULL.
 */
void *vhdx_image_alloc(size_t n, size_t bytes)
{
	void *p = kvcalloc(n, bytes, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);

	return p ?: __vmalloc(array_size(n, bytes), VHDX_LOAD_GFP | __GFP_ZERO);
}

static int vhdx_loader_bat(struct vhdx_loader *loader)
{
	struct vhdx_image *image = loader->image;
	u64 mib = image->writable ? image->bytes >> 20 :
				    DIV_ROUND_UP_ULL(image->bytes, SZ_1M);

	image->space.size = min_t(u64, mib, VHDX_MIB_MAX);
	image->max_mib = vhdx_loader_max_mib(image, mib);
	image->space.map = vhdx_image_alloc(BITS_TO_LONGS(image->max_mib),
					    sizeof(long));
	image->bat = vhdx_image_alloc(image->layout.geo.blocks, sizeof(u32));
	if (image->layout.geo.has_parent)
		image->bitmap = vhdx_image_alloc(image->layout.geo.chunks,
						 sizeof(u32));
	if (!image->space.map || !image->bat ||
	    (image->layout.geo.has_parent && !image->bitmap))
		return -ENOMEM;
	return vhdx_load_space(&loader->reader, &image->layout, &image->space,
			       loader->scratch) ?:
	       vhdx_load_bat(&loader->reader, &image->layout, &image->space,
			     loader->window[0].data, VHDX_WINDOW, vhdx_loader_visit,
			     loader);
}

/* What a differencing image says of its parent, as far as it is needed here. */
static int vhdx_loader_locator(struct vhdx_loader *loader)
{
	struct vhdx_image *image = loader->image;
	const struct vhdx_meta_item *item = &image->layout.locator;
	void *buf = loader->window[0].data;
	int r;

	static_assert(VHDX_META_MAX_ITEM <= VHDX_WINDOW);
	if (!image->layout.meta.has_parent)
		return 0;
	r = vhdx_loader_read(&loader->reader,
			     image->layout.regions.metadata.off + item->off,
			     buf, item->length);
	if (!r)
		r = vhdx_locator_check(buf, item->length);
	if (!r)
		image->linkages = vhdx_locator_linkage(buf, image->linkage);
	return r;
}

/**
 * vhdx_image_load() - read and judge a whole image
 * @image: set up by vhdx_image_init(), not loaded
 * @error: takes a constant sentence on failure
 *
 * Writes nothing.  A dirty log is replayed into the image's overlay.
 *
 * Context: may sleep; the image is not in use.
 * Return: 0 or a negative errno; then the image is as before, and the kernel
 * log has a message.
 */
int vhdx_image_load(struct vhdx_image *image, const char **error)
{
	struct vhdx_loader loader = { .fault_index = U64_MAX };
	int r;

	if (image->is_vhd)
		return vhd_image_load(image, error);
	image->bytes = vhdx_io_bytes(&image->backing);
	image->header_buf = kmalloc(2 * VHDX_HEADER_BYTES, GFP_KERNEL);
	r = image->header_buf ? vhdx_loader_init(&loader, image) : -ENOMEM;
	if (!r)
		r = vhdx_load_header(&loader.reader, &image->layout,
				     loader.scratch);
	if ((r == VHDX_FAULT_NOT_VHDX || r == VHDX_FAULT_TOO_SHORT) &&
	    vhd_image_is(image))
		r = VHDX_FAULT_IS_VHD;
	if (!r)
		r = vhdx_loader_log(&loader);
	if (!r)
		r = vhdx_load_layout(&loader.reader, &image->layout,
				     loader.scratch);
	if (!r)
		r = vhdx_loader_locator(&loader);
	if (!r)
		r = vhdx_loader_bat(&loader);
	vhdx_loader_exit(&loader);

	if (r) {
		*error = vhdx_fault_text(r);
		if (loader.fault_index == U64_MAX)
			DMERR("%pg: %s: %s", image->backing.bdev, *error,
			      vhdx_fault_advice(r));
		else
			DMERR("%pg: BAT entry %llu: %s: %s",
			      image->backing.bdev, loader.fault_index, *error,
			      vhdx_fault_advice(r));
		vhdx_image_unload(image);
		return vhdx_fault_errno(r);
	}
	image->overlay.payload = vhdx_image_payload_changed(image);
	image->loaded = true;
	return 0;
}

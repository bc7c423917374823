// SPDX-License-Identifier: GPL-2.0
/*
 * An image as loaded from its backing device: the format code (vhdx-load.c)
 * fed from the device, its result kept in core.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dm-vhdx.h"

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

/**
 * vhdx_image_init() - set up an image that is not loaded yet
 * @image: the image, all zeros
 * @bdev: backing device
 * @writable: load it as one that may be written
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM; call vhdx_image_exit() in both cases.
 */
int vhdx_image_init(struct vhdx_image *image, struct block_device *bdev,
		    bool writable)
{
	image->writable = writable;
	vhdx_overlay_init(&image->overlay);
	return vhdx_io_init(&image->backing, bdev);
}

/**
 * vhdx_image_exit() - undo vhdx_image_init()
 * @image: not loaded; need not have been set up
 *
 * Context: may sleep.
 */
void vhdx_image_exit(struct vhdx_image *image)
{
	vhdx_io_exit(&image->backing);
}

static int vhdx_image_read(struct vhdx_image *image, u64 off, void *buf,
			   u32 bytes)
{
	int r = vhdx_io_read(&image->backing, off, buf, bytes);

	if (!r)
		vhdx_overlay_patch(&image->overlay, off, buf, bytes);
	return r;
}

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
	if (!r)
		DMINFO("%pg: the log is dirty, %llu entries to replay",
		       loader->image->backing.bdev,
		       seq.head.sequence - seq.first_sequence + 1);
	return r;
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
	if (bitmap)
		return 0;
	image->bat[block] = vhdx_e_make(entry->state, entry->mib);
	image->allocated_blocks += entry->state == VHDX_BLOCK_FULL;
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
		mib += (u64)geo->blocks * vhdx_block_mib(geo);
	return min_t(u64, mib, VHDX_MIB_MAX);
}

/*
 * Up to 256 MiB of zeros, in large pages if there are some.  Who is short of
 * memory would look very long for those, and needs none.
 */
static void *vhdx_loader_alloc(size_t n, size_t bytes)
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
	image->space.map = vhdx_loader_alloc(BITS_TO_LONGS(image->max_mib),
					     sizeof(long));
	image->bat = vhdx_loader_alloc(image->layout.geo.blocks, sizeof(u32));
	if (!image->space.map || !image->bat)
		return -ENOMEM;
	return vhdx_load_space(&loader->reader, &image->layout, &image->space,
			       loader->scratch) ?:
	       vhdx_load_bat(&loader->reader, &image->layout, &image->space,
			     loader->window[0].data, VHDX_WINDOW, vhdx_loader_visit,
			     loader);
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

	image->bytes = vhdx_io_bytes(&image->backing);
	image->header_buf = kmalloc(2 * VHDX_HEADER_BYTES, GFP_KERNEL);
	r = image->header_buf ? vhdx_loader_init(&loader, image) : -ENOMEM;
	if (!r)
		r = vhdx_load_header(&loader.reader, &image->layout,
				     loader.scratch);
	if (!r)
		r = vhdx_loader_log(&loader);
	if (!r)
		r = vhdx_load_layout(&loader.reader, &image->layout,
				     loader.scratch);
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

/**
 * vhdx_image_unload() - undo vhdx_image_load()
 * @image: the image; need not be loaded
 *
 * Context: may sleep; the image is not in use.
 */
void vhdx_image_unload(struct vhdx_image *image)
{
	vhdx_overlay_clear(&image->overlay);
	kfree(image->header_buf);
	image->header_buf = NULL;
	kvfree(image->bat);
	image->bat = NULL;
	kvfree(image->space.map);
	memset(&image->space, 0, sizeof(image->space));
	memset(&image->layout, 0, sizeof(image->layout));
	image->allocated_blocks = 0;
	image->flush_failed = false;
	image->loaded = false;
}

/**
 * vhdx_image_changed() - has somebody else written to the image?
 * @image: loaded
 * @changed: result
 *
 * Every writer changes the header first (MS-VHDX 2.2.2), so that is what is
 * compared.  A header that is bad by now counts as changed.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_image_changed(struct vhdx_image *image, bool *changed)
{
	struct vhdx_header *was = &image->layout.header, is = {};
	u8 *buf = image->header_buf;
	int slot, r;
	bool damaged;

	r = vhdx_io_read(&image->backing, VHDX_HEADER_OFF(0), buf,
			 VHDX_HEADER_BYTES);
	if (!r)
		r = vhdx_io_read(&image->backing, VHDX_HEADER_OFF(1),
				 buf + VHDX_HEADER_BYTES, VHDX_HEADER_BYTES);
	if (!r)
		*changed = vhdx_header_select(buf, buf + VHDX_HEADER_BYTES, &is,
					      &slot, &damaged) ||
			   is.sequence != was->sequence ||
			   !guid_equal(&is.file_write_guid,
				       &was->file_write_guid) ||
			   !guid_equal(&is.data_write_guid,
				       &was->data_write_guid) ||
			   !guid_equal(&is.log_guid, &was->log_guid) ||
			   is.log_off != was->log_off ||
			   is.log_length != was->log_length ||
			   vhdx_io_bytes(&image->backing) < image->bytes;
	return r;
}

/**
 * vhdx_image_grow() - look whether the backing device has grown
 * @image: loaded, writable
 *
 * Context: any; the caller owns the space map.
 * Return: true if there is more space now.
 */
bool vhdx_image_grow(struct vhdx_image *image)
{
	struct vhdx_space *space = &image->space;
	u64 bytes = vhdx_io_bytes(&image->backing);
	u32 size = min_t(u64, bytes >> 20, image->max_mib);

	if (size <= space->size)
		return false;
	space->size = size;
	image->bytes = bytes;
	return true;
}

/**
 * vhdx_image_lacks_space() - is a write of metadata to be done again?
 * @image: loaded, writable
 * @r: what came of it
 * @lacked: false at first, then the caller's to keep
 *
 * If the device had no space for it this waits until another try is due.
 *
 * Context: may sleep.
 * Return: true if so: the same bytes at the same place.
 */
bool vhdx_image_lacks_space(struct vhdx_image *image, int r, bool *lacked)
{
	if (unlikely(r == -ENOSPC && image->no_space)) {
		*lacked = vhdx_nospace_wait(image->no_space,
					    image->backing.bdev);
		return *lacked;
	}
	if (unlikely(!r && *lacked))
		vhdx_nospace_found(image->no_space);
	else if (!r && image->no_space &&
		 unlikely(READ_ONCE(image->no_space->lacking)))
		vhdx_nospace_seen(image->no_space);
	return false;
}

/**
 * vhdx_image_write() - write metadata
 * @image: loaded, writable
 * @off: bytes, a multiple of 4 KiB
 * @buf: kmalloc or vmalloc memory, aligned to 512
 * @bytes: a multiple of 4 KiB
 *
 * Waits if the device has no space for it.  Durable after vhdx_image_flush().
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_image_write(struct vhdx_image *image, u64 off, const void *buf,
		     size_t bytes)
{
	bool lacked = false;
	int r;

	do {
		r = vhdx_io_write(&image->backing, off, buf, bytes);
	} while (vhdx_image_lacks_space(image, r, &lacked));
	return r;
}

/**
 * vhdx_image_flush() - make durable what was written and has completed
 * @image: loaded, writable
 *
 * A device that fails a flush may drop what it should have made durable, and
 * succeed the next time, with nothing left to do.  So once a flush has failed,
 * ours or a guest's, none succeeds until the image is loaded again.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_image_flush(struct vhdx_image *image)
{
	int r = vhdx_io_flush(&image->backing);

	if (r)
		WRITE_ONCE(image->flush_failed, true);
	return READ_ONCE(image->flush_failed) ? r ?: -EIO : 0;
}

/* One update of the slot that is not current; it is current afterwards. */
static int vhdx_image_write_slot(struct vhdx_image *image)
{
	struct vhdx_layout *layout = &image->layout;
	struct vhdx_header header = layout->header;
	int slot = !layout->header_slot, r;
	void *buf = image->header_buf;

	if (!++header.sequence)
		return -EOVERFLOW;
	vhdx_header_encode(&header, buf);
	r = vhdx_image_write(image, VHDX_HEADER_OFF(slot), buf,
			     VHDX_HEADER_BYTES);
	/* Makes the header durable before anything that relies on it. */
	if (!r)
		r = vhdx_image_flush(image);
	if (r)
		return r;
	layout->header = header;
	layout->header_slot = slot;
	return 0;
}

/**
 * vhdx_image_write_header() - make image->layout.header durable
 * @image: loaded; the sequence number is taken care of here
 * @both: write both slots, as is due unless another update follows soon
 *
 * MS-VHDX 2.2.2.1: a crash at any point leaves one of the slots intact, with
 * either the old or the new contents.  What was written before this call must
 * be durable before it if the new header relies on it.
 *
 * Context: may sleep; suspended, or opening the session.
 * Return: 0 or a negative errno.
 */
int vhdx_image_write_header(struct vhdx_image *image, bool both)
{
	int r = vhdx_image_write_slot(image);

	if (!r && both)
		r = vhdx_image_write_slot(image);
	if (!r && both)
		image->layout.header_damaged = false;
	return r;
}

/**
 * vhdx_image_replay() - make the replay of a dirty log durable
 * @image: loaded, writable
 *
 * Each step leaves an image that opens: until the last header is written the
 * log is still there and replays to the same.
 *
 * Context: may sleep; suspended.
 * Return: 0 or a negative errno.
 */
int vhdx_image_replay(struct vhdx_image *image)
{
	struct vhdx_header *header = &image->layout.header;
	int r;

	if (guid_is_null(&header->log_guid))
		return 0;
	/* The file is about to change, so its GUID has to first. */
	guid_gen(&header->file_write_guid);
	r = vhdx_image_write_header(image, false);
	if (!r)
		r = vhdx_overlay_write(&image->overlay, &image->backing);
	/* The changes are durable before the log is given up. */
	if (!r)
		r = vhdx_image_flush(image);
	if (r)
		return r;
	header->log_guid = guid_null;
	r = vhdx_image_write_header(image, true);
	if (!r)
		vhdx_overlay_clear(&image->overlay);
	return r;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Metadata I/O.  Plain bios rather than dm-io: each caller waits, sizes are
 * small, and the interface is the same in all kernels.  All that loading, log
 * and session know of the backing device is in here, so the KUnit suites can
 * put a device in its place that loses what was not flushed.
 */
#include "dm-vhdx.h"

/* Zero in steps, so that a signal ends it and nothing else starves. */
#define VHDX_ZERO_STEP	(64ULL << 20)

/*
 * So many bios are always to be had, each with as many pages as it can take.
 * Nobody holds one that is not submitted while he waits for another, so one
 * would do; more keep a device busy when memory is short.
 */
#define VHDX_IO_RESERVE	8

/**
 * vhdx_io_init() - be ready to send I/O to a backing device
 * @backing: all zeros
 * @bdev: the device
 *
 * An image may lie in a file system in another image: each has a reserve of
 * its own, so that none waits for what another one holds.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int vhdx_io_init(struct vhdx_backing *backing, struct block_device *bdev)
{
	backing->bdev = bdev;
	return bioset_init(&backing->bios, VHDX_IO_RESERVE, 0,
			   BIOSET_NEED_BVECS);
}

/**
 * vhdx_io_exit() - undo vhdx_io_init()
 * @backing: need not have been set up
 *
 * Context: may sleep; no I/O is under way.
 */
void vhdx_io_exit(struct vhdx_backing *backing)
{
	bioset_exit(&backing->bios);
}

/**
 * vhdx_io_bytes() - size of the backing device right now
 * @backing: backing device
 *
 * Context: any.
 * Return: bytes.
 */
u64 vhdx_io_bytes(const struct vhdx_backing *backing)
{
	return bdev_nr_bytes(backing->bdev);
}

/**
 * vhdx_io_logical_bytes() - smallest unit the backing device can address
 * @backing: backing device
 *
 * Context: any.
 * Return: bytes.
 */
u32 vhdx_io_logical_bytes(const struct vhdx_backing *backing)
{
	return bdev_logical_block_size(backing->bdev);
}

/**
 * vhdx_io_cached() - does the device have a volatile cache?
 * @backing: backing device
 *
 * Without one a flush has nothing to do, and FUA means nothing.
 *
 * Context: any.
 * Return: true if so.
 */
bool vhdx_io_cached(const struct vhdx_backing *backing)
{
	return bdev_write_cache(backing->bdev);
}

/**
 * vhdx_io_fua() - can a FUA write be left to the device?
 * @backing: backing device
 *
 * Only if its failure is about the data alone.  A driver that is given requests
 * and says FUA does it in one command; without FUA the block layer makes a
 * write and a flush of it, and which of them has failed cannot be told.  Drivers
 * that stack on others say FUA for whatever is below, device mapper since 6.11
 * whenever it would flush, its multipath as soon as one of the paths has it.
 *
 * Context: any.
 * Return: true if so.
 */
bool vhdx_io_fua(const struct vhdx_backing *backing)
{
	struct block_device *bdev = backing->bdev;

	return !bdev_write_cache(bdev) ||
	       (bdev_fua(bdev) && queue_is_mq(bdev_get_queue(bdev)) &&
		!backing->is_dm);
}

static struct page *vhdx_buf_page(const void *buf)
{
	return is_vmalloc_addr(buf) ? vmalloc_to_page(buf) : virt_to_page(buf);
}

/* Fill @bio with as much of @buf as it takes. */
static size_t vhdx_bio_fill(struct bio *bio, const void *buf, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		const void *p = buf + done;
		unsigned int off = offset_in_page(p);
		unsigned int len = min_t(size_t, PAGE_SIZE - off, bytes - done);

		if (bio_add_page(bio, vhdx_buf_page(p), len, off) != len)
			break;
		done += len;
	}
	return done;
}

static int vhdx_io_rw(struct vhdx_backing *backing, blk_opf_t opf, u64 off,
		      void *buf, size_t bytes)
{
	while (bytes) {
		unsigned int pages = DIV_ROUND_UP(bytes, PAGE_SIZE) + 1;
		struct bio *bio = bio_alloc_bioset(backing->bdev,
						   bio_max_segs(pages), opf,
						   GFP_NOIO, &backing->bios);
		size_t done;
		int r;

		bio->bi_iter.bi_sector = off >> SECTOR_SHIFT;
		done = vhdx_bio_fill(bio, buf, bytes);
		r = done ? submit_bio_wait(bio) : -EIO;
		bio_put(bio);
		if (r)
			return r;
		off += done;
		buf += done;
		bytes -= done;
	}
	return 0;
}

/**
 * vhdx_io_read() - read from the backing device
 * @backing: backing device
 * @off: bytes, a multiple of its logical block size
 * @buf: kmalloc or vmalloc memory, aligned to 512
 * @bytes: a multiple of the logical block size
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_io_read(struct vhdx_backing *backing, u64 off, void *buf, size_t bytes)
{
	int r = vhdx_io_rw(backing, REQ_OP_READ | REQ_META, off, buf, bytes);

	if (is_vmalloc_addr(buf))
		invalidate_kernel_vmap_range(buf, bytes);
	return r;
}

/**
 * vhdx_io_write() - write to the backing device
 * @backing: backing device
 * @off: bytes, a multiple of its logical block size
 * @buf: kmalloc or vmalloc memory, aligned to 512
 * @bytes: a multiple of the logical block size
 *
 * Durable only after vhdx_io_flush().
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_io_write(struct vhdx_backing *backing, u64 off, const void *buf,
		  size_t bytes)
{
	if (is_vmalloc_addr(buf))
		flush_kernel_vmap_range((void *)buf, bytes);
	return vhdx_io_rw(backing, REQ_OP_WRITE | REQ_META | REQ_SYNC, off,
			  (void *)buf, bytes);
}

/**
 * vhdx_io_batch_init() - begin a number of writes that are under way at once
 * @batch: the batch
 *
 * Context: any.
 */
void vhdx_io_batch_init(struct vhdx_io_batch *batch)
{
	atomic_set(&batch->left, 1);
	batch->status = BLK_STS_OK;
	init_completion(&batch->done);
}

static void vhdx_io_batch_put(struct vhdx_io_batch *batch)
{
	if (atomic_dec_and_test(&batch->left))
		complete(&batch->done);
}

/* Lack of space is the one failure that passes: any other one counts more. */
static void vhdx_io_batch_end_io(struct bio *bio)
{
	struct vhdx_io_batch *batch = bio->bi_private;
	blk_status_t old = READ_ONCE(batch->status);

	if (unlikely(bio->bi_status) && (!old || old == BLK_STS_NOSPC))
		WRITE_ONCE(batch->status, bio->bi_status);
	bio_put(bio);
	vhdx_io_batch_put(batch);
}

static void vhdx_io_batch_submit(struct vhdx_io_batch *batch, struct bio *bio)
{
	atomic_inc(&batch->left);
	bio->bi_private = batch;
	bio->bi_end_io = vhdx_io_batch_end_io;
	submit_bio(bio);
}

/**
 * vhdx_io_batch_write() - send one more write of a batch
 * @batch: from vhdx_io_batch_init()
 * @backing: backing device
 * @off: bytes from the start of the device
 * @buf: kmalloc memory within a page, aligned to 512; must stay as it is until
 *       vhdx_io_batch_wait() returns
 * @bytes: how many
 *
 * Context: may sleep.
 */
void vhdx_io_batch_write(struct vhdx_io_batch *batch,
			 struct vhdx_backing *backing, u64 off,
			 const void *buf, u32 bytes)
{
	struct bio *bio = bio_alloc_bioset(backing->bdev, 1,
					   REQ_OP_WRITE | REQ_META | REQ_SYNC,
					   GFP_NOIO, &backing->bios);

	bio->bi_iter.bi_sector = off >> SECTOR_SHIFT;
	__bio_add_page(bio, virt_to_page(buf), bytes, offset_in_page(buf));
	vhdx_io_batch_submit(batch, bio);
}

/**
 * vhdx_io_batch_discard() - send one more discard of a batch
 * @batch: from vhdx_io_batch_init()
 * @backing: backing device
 * @off: bytes from the start of the device
 * @bytes: how many
 * @most: as for vhdx_io_discard_piece()
 *
 * Context: may sleep.
 * Return: so many bytes of them it is for; the rest takes another one.
 */
u64 vhdx_io_batch_discard(struct vhdx_io_batch *batch,
			  struct vhdx_backing *backing, u64 off, u64 bytes,
			  u32 most)
{
	struct block_device *bdev = backing->bdev;
	struct bio *bio = bio_alloc_bioset(bdev, 0, REQ_OP_DISCARD, GFP_NOIO,
					   &backing->bios);

	bytes = vhdx_io_discard_piece(off, bytes, most, bdev_discard_granularity(bdev),
				      bdev_discard_alignment(bdev));
	bio->bi_iter.bi_sector = off >> SECTOR_SHIFT;
	bio->bi_iter.bi_size = bytes;
	vhdx_io_batch_submit(batch, bio);
	return bytes;
}

/**
 * vhdx_io_discards() - does the backing device take discards?
 * @backing: backing device
 *
 * Context: any.
 * Return: true if so.
 */
bool vhdx_io_discards(const struct vhdx_backing *backing)
{
	return bdev_max_discard_sectors(backing->bdev);
}

/**
 * vhdx_io_batch_wait() - wait for all writes of a batch
 * @batch: from vhdx_io_batch_init(); needs that again before its next use
 *
 * Context: may sleep.
 * Return: 0 or a negative errno if any of them has failed; -ENOSPC only if none
 * has failed otherwise.
 */
int vhdx_io_batch_wait(struct vhdx_io_batch *batch)
{
	vhdx_io_batch_put(batch);
	wait_for_completion_io(&batch->done);
	return blk_status_to_errno(batch->status);
}

/* Have the device zero it. */
static int vhdx_io_zero_command(struct vhdx_backing *backing, u64 off, u64 bytes,
				bool unmap)
{
	blk_opf_t opf = REQ_OP_WRITE_ZEROES;
	struct bio *bio;
	int r;

	if (backing->no_unmap || !unmap)
		opf |= REQ_NOUNMAP;
	bio = bio_alloc_bioset(backing->bdev, 0, opf, GFP_NOIO, &backing->bios);
	bio->bi_iter.bi_sector = off >> SECTOR_SHIFT;
	bio->bi_iter.bi_size = bytes;
	r = submit_bio_wait(bio);
	bio_put(bio);
	return r;
}

/* Write zeroes. */
static int vhdx_io_zero_write(struct vhdx_backing *backing, u64 off, u64 bytes)
{
	struct vhdx_io_batch batch;
	struct blk_plug plug;

	vhdx_io_batch_init(&batch);
	blk_start_plug(&plug);
	while (bytes) {
		unsigned int pages = DIV_ROUND_UP_ULL(bytes, PAGE_SIZE);
		struct bio *bio = bio_alloc_bioset(backing->bdev,
						   bio_max_segs(pages),
						   REQ_OP_WRITE, GFP_NOIO,
						   &backing->bios);
		unsigned int step;

		bio->bi_iter.bi_sector = off >> SECTOR_SHIFT;
		do {
			step = min_t(u64, PAGE_SIZE, bytes);
			if (bio_add_page(bio, ZERO_PAGE(0), step, 0) != step)
				break;
			off += step;
			bytes -= step;
		} while (bytes);
		vhdx_io_batch_submit(&batch, bio);
	}
	blk_finish_plug(&plug);
	return vhdx_io_batch_wait(&batch);
}

/**
 * vhdx_io_zero() - make a range read as zeros
 * @backing: backing device
 * @off: bytes, a multiple of its logical block size
 * @bytes: likewise; may be 0
 * @unmap: the device may give up the space below
 *
 * By the device's own command where it has one, written otherwise.
 *
 * Context: may sleep; a fatal signal to the current task ends it.
 * Return: 0 or a negative errno.
 */
int vhdx_io_zero(struct vhdx_backing *backing, u64 off, u64 bytes, bool unmap)
{
	while (bytes) {
		u64 step = min(bytes, VHDX_ZERO_STEP);
		int r = -EOPNOTSUPP;

		/* A driver may find out only now that it cannot. */
		if (bdev_write_zeroes_sectors(backing->bdev))
			r = vhdx_io_zero_command(backing, off, step, unmap);
		if (r && r != -ENOSPC)
			r = vhdx_io_zero_write(backing, off, step);
		if (r)
			return r;
		if (fatal_signal_pending(current))
			return -EINTR;
		off += step;
		bytes -= step;
		cond_resched();
	}
	return 0;
}

/**
 * vhdx_io_flush() - make durable what was written and has completed
 * @backing: backing device
 *
 * Needs no memory.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_io_flush(struct vhdx_backing *backing)
{
	return blkdev_issue_flush(backing->bdev);
}

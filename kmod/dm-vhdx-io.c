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

/**
 * vhdx_io_bytes() - size of the backing device right now
 * @bdev: backing device
 *
 * Context: any.
 * Return: bytes.
 */
u64 vhdx_io_bytes(struct block_device *bdev)
{
	return bdev_nr_bytes(bdev);
}

/**
 * vhdx_io_logical_bytes() - smallest unit the backing device can address
 * @bdev: backing device
 *
 * Context: any.
 * Return: bytes.
 */
u32 vhdx_io_logical_bytes(struct block_device *bdev)
{
	return bdev_logical_block_size(bdev);
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

static int vhdx_io_rw(struct block_device *bdev, blk_opf_t opf, u64 off,
		      void *buf, size_t bytes)
{
	while (bytes) {
		unsigned int pages = DIV_ROUND_UP(bytes, PAGE_SIZE) + 1;
		struct bio *bio = bio_alloc(bdev, bio_max_segs(pages), opf,
					    GFP_NOIO);
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
 * @bdev: backing device
 * @off: bytes, a multiple of its logical block size
 * @buf: kmalloc or vmalloc memory, aligned to 512
 * @bytes: a multiple of the logical block size
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_io_read(struct block_device *bdev, u64 off, void *buf, size_t bytes)
{
	int r = vhdx_io_rw(bdev, REQ_OP_READ | REQ_META, off, buf, bytes);

	if (is_vmalloc_addr(buf))
		invalidate_kernel_vmap_range(buf, bytes);
	return r;
}

/**
 * vhdx_io_write() - write to the backing device
 * @bdev: backing device
 * @off: bytes, a multiple of its logical block size
 * @buf: kmalloc or vmalloc memory, aligned to 512
 * @bytes: a multiple of the logical block size
 *
 * Durable only after vhdx_io_flush().
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_io_write(struct block_device *bdev, u64 off, const void *buf,
		  size_t bytes)
{
	if (is_vmalloc_addr(buf))
		flush_kernel_vmap_range((void *)buf, bytes);
	return vhdx_io_rw(bdev, REQ_OP_WRITE | REQ_META | REQ_SYNC, off,
			  (void *)buf, bytes);
}

/**
 * vhdx_io_write_next() - one of many sector writes under way at once
 * @prev: what the call before returned; NULL at first
 * @bdev: backing device
 * @off: bytes from the start of the device
 * @sector: 4 KiB of kmalloc memory, aligned to 4 KiB
 *
 * Context: may sleep.
 * Return: to be passed to the next call, and in the end to
 * vhdx_io_write_wait().
 */
struct bio *vhdx_io_write_next(struct bio *prev, struct block_device *bdev,
			       u64 off, const void *sector)
{
	struct bio *bio = bio_alloc(bdev, 1, REQ_OP_WRITE | REQ_META | REQ_SYNC,
				    GFP_NOIO);

	bio->bi_iter.bi_sector = off >> SECTOR_SHIFT;
	__bio_add_page(bio, virt_to_page(sector), VHDX_SECTOR,
		       offset_in_page(sector));
	if (prev) {
		bio_chain(prev, bio);
		submit_bio(prev);
	}
	return bio;
}

/**
 * vhdx_io_write_wait() - wait for all writes of vhdx_io_write_next()
 * @last: what the last call returned; NULL if there was none
 *
 * Context: may sleep.
 * Return: 0 or a negative errno if any of them failed.
 */
int vhdx_io_write_wait(struct bio *last)
{
	int r = 0;

	if (last) {
		r = submit_bio_wait(last);
		bio_put(last);
	}
	return r;
}

/**
 * vhdx_io_zero() - make a range read as zeros
 * @bdev: backing device
 * @off: bytes, a multiple of its logical block size
 * @bytes: likewise; may be 0
 *
 * Offloaded to the device where it can, written otherwise.
 *
 * Context: may sleep; a fatal signal to the current task ends it.
 * Return: 0 or a negative errno.
 */
int vhdx_io_zero(struct block_device *bdev, u64 off, u64 bytes)
{
	while (bytes) {
		u64 step = min(bytes, VHDX_ZERO_STEP);
		int r;

		r = blkdev_issue_zeroout(bdev, off >> SECTOR_SHIFT,
					 step >> SECTOR_SHIFT, GFP_NOIO, 0);
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
 * @bdev: backing device
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_io_flush(struct block_device *bdev)
{
	return blkdev_issue_flush(bdev);
}

// SPDX-License-Identifier: GPL-2.0
/* The functions of dm-vhdx-io.c, on a device in memory (fake-dev.c). */
#include "dm-vhdx.h"
#include "fake-dm.h"

/* A write that fails may have been done in part. */
static int fake_dev_write(struct fake_dev *dev, enum fake_op op, u64 off,
			  const void *data, u64 bytes)
{
	int r = fake_dev_event(dev, op, off, bytes) ?:
		fake_dev_no_space(dev, off, bytes) ? -ENOSPC : 0;
	u64 done = r == -ENOSPC ? 0 :
		   r ? round_down(bytes / 2, dev->logical_bytes) : bytes;

	if (done && off < dev->bytes && done <= dev->bytes - off)
		fake_dev_begin_write(dev, off, data, done)->in_flight = false;
	fake_dev_after(dev, op, off, bytes, r);
	return r;
}

/* ------------------------------------------------------------------------
 * dm-vhdx-io.c
 */

int vhdx_io_init(struct vhdx_backing *backing, struct block_device *bdev)
{
	backing->bdev = bdev;
	return 0;
}

void vhdx_io_exit(struct vhdx_backing *backing)
{
}

static struct fake_dev *fake_backing(const struct vhdx_backing *backing)
{
	return fake_dev_of(backing->bdev);
}

u64 vhdx_io_bytes(const struct vhdx_backing *backing)
{
	return fake_backing(backing)->bytes;
}

u32 vhdx_io_logical_bytes(const struct vhdx_backing *backing)
{
	return fake_backing(backing)->logical_bytes;
}

bool vhdx_io_cached(const struct vhdx_backing *backing)
{
	return !fake_backing(backing)->uncached;
}

bool vhdx_io_fua(const struct vhdx_backing *backing)
{
	return fake.fua;
}

int vhdx_io_read(struct vhdx_backing *backing, u64 off, void *buf, size_t bytes)
{
	struct fake_dev *dev = fake_backing(backing);
	void (*first)(struct fake_dev *dev) = dev->on_read;
	int r;

	dev->on_read = NULL;
	if (first)
		first(dev);
	r = fake_dev_event(dev, FAKE_READ, off, bytes);
	if (!r)
		fake_dev_peek(dev, off, buf, bytes);
	return r;
}

int vhdx_io_write(struct vhdx_backing *backing, u64 off, const void *buf,
		  size_t bytes)
{
	return fake_dev_write(fake_backing(backing), FAKE_WRITE, off, buf,
			      bytes);
}

void vhdx_io_batch_init(struct vhdx_io_batch *batch)
{
	batch->status = BLK_STS_OK;
}

void vhdx_io_batch_write(struct vhdx_io_batch *batch,
			 struct vhdx_backing *backing, u64 off,
			 const void *buf, u32 bytes)
{
	int r = vhdx_io_write(backing, off, buf, bytes);

	if (r && (!batch->status || batch->status == BLK_STS_NOSPC))
		batch->status = errno_to_blk_status(r);
}

u64 vhdx_io_batch_discard(struct vhdx_io_batch *batch,
			  struct vhdx_backing *backing, u64 off, u64 bytes,
			  u32 most)
{
	struct fake_dev *dev = fake_backing(backing);
	int r;

	bytes = vhdx_io_discard_piece(off, bytes, most, 0, 0);
	r = fake_dev_event(dev, FAKE_DISCARD, off, bytes);

	if (!r && off + bytes <= dev->bytes)
		fake_dev_begin_discard(dev, off, bytes)->in_flight = false;
	fake_dev_after(dev, FAKE_DISCARD, off, bytes, r);
	if (r)
		batch->status = errno_to_blk_status(r);
	return bytes;
}

bool vhdx_io_discards(const struct vhdx_backing *backing)
{
	return !fake_backing(backing)->no_discards;
}

int vhdx_io_batch_wait(struct vhdx_io_batch *batch)
{
	return blk_status_to_errno(batch->status);
}

int vhdx_io_zero(struct vhdx_backing *backing, u64 off, u64 bytes, bool unmap)
{
	if (!bytes)
		return 0;
	return fake_dev_write(fake_backing(backing), FAKE_ZERO, off, NULL,
			      bytes);
}

int vhdx_io_flush(struct vhdx_backing *backing)
{
	struct fake_dev *dev = fake_backing(backing);
	int r = fake_dev_event(dev, FAKE_FLUSH, 0, 0);

	fake_dev_flushed(dev, r);
	fake_dev_after(dev, FAKE_FLUSH, 0, 0, r);
	return r;
}

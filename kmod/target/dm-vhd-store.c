// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions of a VHD image: what dm-vhdx-log.c is to VHDX.  There is no log.
 * Sectors, of 512 bytes, are staged under the publish mutex and then written to
 * their places; the data that they name was flushed before (dm-vhdx-txn.c).
 */
#include <linux/slab.h>

#include "dm-vhdx.h"

#define VHD_STORE_PER_PAGE	(PAGE_SIZE / VHD_SECTOR)

/**
 * vhd_store_create() - get memory for a transaction
 * @vt: the target
 *
 * Nothing is allocated later on, so that commits need no memory.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM; call vhd_store_destroy() in both cases.
 */
int vhd_store_create(struct vhdx_target *vt)
{
	struct vhd_store *store = kzalloc(sizeof(*store), GFP_KERNEL);
	u32 i;

	vt->store = store;
	if (!store)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(store->page); i++) {
		store->page[i] = (void *)__get_free_page(GFP_KERNEL);
		if (!store->page[i])
			return -ENOMEM;
	}
	return 0;
}

/**
 * vhd_store_destroy() - undo vhd_store_create()
 * @vt: the target; creating it may have failed
 *
 * Context: may sleep.
 */
void vhd_store_destroy(struct vhdx_target *vt)
{
	struct vhd_store *store = vt->store;
	u32 i;

	for (i = 0; store && i < ARRAY_SIZE(store->page); i++)
		free_page((unsigned long)store->page[i]);
	kfree(store);
}

static void *vhd_store_data(const struct vhd_store *store, u32 i)
{
	return store->page[i / VHD_STORE_PER_PAGE] +
	       i % VHD_STORE_PER_PAGE * VHD_SECTOR;
}

/**
 * vhd_store_stage() - add a sector to what is to be written
 * @store: the store; has less than VHD_STORE_SECTORS of them
 * @sector: where it is to go
 *
 * Context: commit work.
 * Return: VHD_SECTOR bytes for the caller to fill.
 */
void *vhd_store_stage(struct vhd_store *store, u64 sector)
{
	store->sector[store->nr] = sector;
	return vhd_store_data(store, store->nr++);
}

/**
 * vhd_store_build() - build a sector of the BAT
 * @vt: the target
 * @sector: of the image
 * @raw: takes it; NULL: nobody wants it
 * @pending: takes those of its blocks that will be durable with it
 *
 * What is there behind the disk's blocks stays as it is.
 *
 * Context: process context; the publish mutex is held.
 */
void vhd_store_build(const struct vhdx_target *vt, u64 sector, __be32 *raw,
		     unsigned long *pending)
{
	const struct vhd_image *vhd = vt->image.vhd;
	u32 blocks = vhd->layout.geo.blocks;
	u32 block = vhd_store_block(vt, sector), i;

	lockdep_assert_held(&vt->publish);
	for (i = 0; i < VHD_BAT_PER_SECTOR && block + i < blocks; i++) {
		u32 place = vhd->place[block + i];

		if (raw)
			raw[i] = cpu_to_be32(place ?: VHD_BAT_UNALLOCATED);
		if (place && (vt->bat[block + i] & VHDX_E_PENDING))
			__set_bit(i, pending);
	}
	for (; raw && i < VHD_BAT_PER_SECTOR; i++)
		raw[i] = vhd->bat_tail[i];
}

static int vhd_store_submit(struct vhdx_target *vt)
{
	struct vhd_store *store = vt->store;
	struct vhdx_io_batch batch;
	struct blk_plug plug;
	u32 i;

	vhdx_io_batch_init(&batch);
	blk_start_plug(&plug);
	for (i = 0; i < store->nr; i++)
		vhdx_io_batch_write(&batch, &vt->image.backing,
				    store->sector[i] << SECTOR_SHIFT,
				    vhd_store_data(store, i), VHD_SECTOR);
	blk_finish_plug(&plug);
	return vhdx_io_batch_wait(&batch);
}

/**
 * vhd_store_write() - write what was staged to its places
 * @vt: the target
 *
 * Durable only after a flush.
 *
 * Context: may sleep; commit work.
 * Return: 0 or a negative errno.
 */
int vhd_store_write(struct vhdx_target *vt)
{
	bool lacked = false;
	int r;

	do {
		r = vhd_store_submit(vt);
	} while (vhdx_image_lacks_space(&vt->image, r, &lacked));
	return r;
}

/* Does a sector of the BAT, from this block's entry on, name any block? */
static bool vhd_store_names(const struct vhd_image *vhd, u32 block)
{
	u32 blocks = min(vhd->layout.geo.blocks - block, VHD_BAT_PER_SECTOR);

	return memchr_inv(vhd->place + block, 0, blocks * sizeof(u32));
}

/**
 * vhd_store_rewrite() - write the BAT as it was read when the image was loaded
 * @vt: the target; nothing was published since
 *
 * Its entries need not be durable, and what a flush that failed has dropped is made so by
 * none after it, though reads may still see it.  Each byte stays as it is.
 *
 * Context: may sleep; worker.  The commit work finds nothing to do.
 * Return: 0 or a negative errno; durable after a flush.
 */
int vhd_store_rewrite(struct vhdx_target *vt)
{
	DECLARE_BITMAP(pending, VHD_BAT_PER_SECTOR) = {};	/* nothing is */
	const struct vhd_image *vhd = vt->image.vhd;
	struct vhd_store *store = vt->store;
	u32 block, blocks = vhd->layout.geo.blocks;
	u64 sector;
	int r = 0;

	store->nr = 0;
	for (block = 0; block < blocks && !r; block += VHD_BAT_PER_SECTOR) {
		if (!vhd_store_names(vhd, block))
			continue;
		sector = vhdx_txn_block_sector(vt, block);
		mutex_lock(&vt->publish);
		vhd_store_build(vt, sector, vhd_store_stage(store, sector), pending);
		mutex_unlock(&vt->publish);
		if (store->nr == VHD_STORE_SECTORS) {
			r = vhd_store_write(vt);
			store->nr = 0;
		}
	}
	return r ?: vhd_store_write(vt);
}

/**
 * vhd_store_again() - write once more what a commit that has failed was about
 * @vt: the target, of a VHD image
 *
 * The flush that has failed may have dropped what the commit had written, though reads
 * still see it, and then the next one to load the image would go by it.  As it is there,
 * sector by sector; nobody needs it if that fails.
 *
 * Context: may sleep; suspended, there is no commit any more.
 */
void vhd_store_again(struct vhdx_target *vt)
{
	struct vhd_store *store = vt->store;
	struct vhdx_change *change;

	store->nr = 0;
	list_for_each_entry(change, &vt->running->changes, list) {
		void *raw = vhd_store_stage(store, change->sector);

		if (vhdx_io_read(&vt->image.backing, change->sector << SECTOR_SHIFT, raw,
				 VHD_SECTOR))
			store->nr--;
		if (store->nr == VHD_STORE_SECTORS) {
			vhd_store_write(vt);
			store->nr = 0;
		}
	}
	vhd_store_write(vt);
}

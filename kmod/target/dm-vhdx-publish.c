// SPDX-License-Identifier: GPL-2.0
/*
 * Publishing: whatever changes the in-core BAT, or a sector bitmap, does it here,
 * and makes the sector part of the running transaction.  dm-vhdx-txn.c has that
 * logged.
 */
#include "dm-vhdx.h"
#include "dm-vhdx-trace.h"

/**
 * vhdx_txn_sector() - which sector of the image has an entry of the BAT
 * @vt: the target
 * @index: of the entry
 *
 * Context: any.
 * Return: its number, counted in 4 KiB.
 */
u64 vhdx_txn_sector(const struct vhdx_target *vt, u64 index)
{
	return vt->image.layout.regions.bat.off / VHDX_SECTOR +
	       index / VHDX_BAT_PER_SECTOR;
}

/**
 * vhdx_txn_block_sector() - which sector of the image has the entry of a block
 * @vt: the target
 * @block: the block
 *
 * Context: any.
 * Return: its number, counted in 4 KiB, of VHD in 512 bytes.
 */
u64 vhdx_txn_block_sector(const struct vhdx_target *vt, u32 block)
{
	if (vt->image.is_vhd)
		return (vt->image.vhd->layout.header.bat_off >> SECTOR_SHIFT) +
		       block / VHD_BAT_PER_SECTOR;
	return vhdx_txn_sector(vt, vhdx_bat_index(&vt->image.layout.geo, block));
}

/**
 * vhdx_txn_bitmap_sector() - which sector of the image has the entry of a sector bitmap
 * @vt: the target
 * @chunk: the chunk that it is for
 *
 * Context: any.
 * Return: its number, counted in 4 KiB.
 */
u64 vhdx_txn_bitmap_sector(const struct vhdx_target *vt, u32 chunk)
{
	return vhdx_txn_sector(vt, vhdx_bat_bitmap_index(&vt->image.layout.geo, chunk));
}

/**
 * vhdx_txn_bits_sector() - which sector of the image has these bits
 * @vt: the target
 * @bits: the bits
 *
 * Context: any.
 * Return: its number, counted as by vhdx_txn_block_sector().
 */
u64 vhdx_txn_bits_sector(const struct vhdx_target *vt,
			 const struct vhdx_bits *bits)
{
	return bits->off / vhdx_bits_bytes(&vt->image);
}

/**
 * vhdx_txn_find() - what a transaction changes of a sector
 * @txn: the transaction
 * @sector: of the image, counted as by vhdx_txn_block_sector()
 *
 * Context: process context; the publish mutex is held.
 * Return: the change, or NULL.
 */
struct vhdx_change *vhdx_txn_find(struct vhdx_txn *txn, u64 sector)
{
	struct vhdx_change *change;

	hash_for_each_possible(txn->hash, change, hash, sector)
		if (change->sector == sector)
			return change;
	return NULL;
}

/**
 * vhdx_txn_add() - make a change part of a transaction
 * @txn: the transaction
 * @change: of a sector that it does not change yet
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_add(struct vhdx_txn *txn, struct vhdx_change *change)
{
	list_add_tail(&change->list, &txn->changes);
	hash_add(txn->hash, &change->hash, change->sector);
	txn->sectors++;
	if (change->bits)
		change->bits->changes++;
}

/**
 * vhdx_txn_del() - undo vhdx_txn_add()
 * @txn: the transaction
 * @change: part of it
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_del(struct vhdx_txn *txn, struct vhdx_change *change)
{
	list_del(&change->list);
	hash_del(&change->hash);
	txn->sectors--;
	if (change->bits)
		change->bits->changes--;
}

/**
 * vhdx_txn_remove() - that, and free it
 * @vt: the target
 * @txn: the transaction
 * @change: part of it
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_remove(struct vhdx_target *vt, struct vhdx_txn *txn,
		     struct vhdx_change *change)
{
	lockdep_assert_held(&vt->publish);
	vhdx_txn_del(txn, change);
	mempool_free(change, &vt->change_pool);
}

/**
 * vhdx_txn_init() - begin without any changes
 * @vt: the target
 *
 * Context: any.
 */
void vhdx_txn_init(struct vhdx_target *vt)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vt->txns); i++) {
		INIT_LIST_HEAD(&vt->txns[i].changes);
		vt->txns[i].sectors = 0;
		hash_init(vt->txns[i].hash);
		INIT_LIST_HEAD(&vt->txns[i].limbo);
		vt->txns[i].exposed = false;
	}
	vt->moving = VHDX_NO_BLOCK;
	vt->moving_chunk = VHDX_NO_BLOCK;
	vt->running = &vt->txns[0];
	vt->logging = NULL;
	vt->nr_dirty = 0;
	INIT_LIST_HEAD(&vt->limbo);
	vt->limbo_mib = 0;
}

/**
 * vhdx_txn_has_sector() - does the running transaction change a sector?
 * @vt: the target
 * @sector: of the image
 *
 * Context: process context; the publish mutex is held.
 * Return: true if so; then changing it needs no memory.
 */
bool vhdx_txn_has_sector(struct vhdx_target *vt, u64 sector)
{
	lockdep_assert_held(&vt->publish);
	return vhdx_txn_find(vt->running, sector);
}

/**
 * vhdx_txn_has() - does the running transaction change a block's BAT sector?
 * @vt: the target
 * @block: the block
 *
 * Context: process context; the publish mutex is held.
 * Return: true if so; then publishing needs no memory.
 */
bool vhdx_txn_has(struct vhdx_target *vt, u32 block)
{
	lockdep_assert_held(&vt->publish);
	return vhdx_txn_has_sector(vt, vhdx_txn_block_sector(vt, block));
}

/**
 * vhdx_txn_has_room() - can further sectors be changed before the next commit?
 * @vt: the target
 * @sectors: how many that are not part of the running transaction
 *
 * Of a differencing image it has to fit into one entry of the log, as BAT and sector
 * bitmaps mean something only together; of a VHD image into what is staged at once.
 *
 * Context: process context; the publish mutex is held.
 * Return: true if so; false: see vhdx_starve().
 */
bool vhdx_txn_has_room(struct vhdx_target *vt, u32 sectors)
{
	u32 most = vt->image.is_vhd ? VHD_STORE_SECTORS : VHDX_LOG_FIRST_DESCS;

	lockdep_assert_held(&vt->publish);
	return !vt->chain || !sectors ||
	       vt->running->sectors + sectors <= most;
}

/* Part of the running transaction from now on; @spare is used up. */
static struct vhdx_change *vhdx_txn_note(struct vhdx_target *vt,
					 struct vhdx_change *spare, u64 sector,
					 struct vhdx_bits *bits)
{
	struct vhdx_change *change = vhdx_txn_find(vt->running, sector);

	lockdep_assert_held(&vt->publish);
	if (!change) {
		change = spare;
		change->sector = sector;
		change->nr = 0;
		change->moved = false;
		change->bits = bits;
		vhdx_txn_add(vt->running, change);
	} else if (spare) {
		mempool_free(spare, &vt->change_pool);
	}
	change->nr++;
	/* Before a write is sent: who sees it done sees this, too. */
	WRITE_ONCE(vt->nr_dirty, vt->nr_dirty + 1);
	return change;
}

/* A block gets space: it is there from now on, not committed yet. */
static void vhdx_txn_place(struct vhdx_target *vt, struct vhdx_change *spare,
			   u32 block, u32 mib, u32 state)
{
	struct vhd_image *vhd = vt->image.vhd;
	u32 e = vhdx_e_make(state, vhd ? 1 : mib) | VHDX_E_PENDING;

	vhdx_txn_note(vt, spare, vhdx_txn_block_sector(vt, block),
		      NULL)->moved = true;
	vt->image.allocated_blocks++;
	vhdx_stat_add(&vt->stats, VHDX_STAT_ALLOCATED, 1);
	if (vhd) {
		if (state == VHDX_BLOCK_FULL)
			set_bit(block, vhd->full);
		WRITE_ONCE(vhd->place[block], vhd_slot_sector(vhd, mib));
	}
	/* Pairs with vhd_map(): the place comes first. */
	smp_store_release(&vt->bat[block], e);
}

/**
 * vhdx_txn_publish() - make a new block usable, in the running transaction
 * @vt: the target
 * @spare: memory for it, which is used up; may be NULL if vhdx_txn_has() it
 * @block: the block
 * @mib: its space; of a VHD image the slot, whose bitmap says that all is there
 * @exposed: its space held foreign data until what was written to it is
 *           durable
 *
 * The block can be read and written as soon as this returns.
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_publish(struct vhdx_target *vt, struct vhdx_change *spare,
		      u32 block, u32 mib, bool exposed)
{
	lockdep_assert_held(&vt->publish);
	vt->running->exposed |= exposed;
	trace_vhdx_publish(vt->bdev, block, mib);
	vhdx_txn_place(vt, spare, block, mib, VHDX_BLOCK_FULL);
}

/* What becomes durable there is no longer all of what this block is. */
static void vhdx_txn_keep_pending(struct vhdx_target *vt, u32 block)
{
	struct vhdx_change *logged = NULL;

	if (vhdx_is_moving(vt, block))
		WRITE_ONCE(vt->move_committed, false);
	if (vt->logging)
		logged = vhdx_txn_find(vt->logging,
				       vhdx_txn_block_sector(vt, block));
	if (logged && vt->image.is_vhd)
		__clear_bit(block % VHD_BAT_PER_SECTOR, logged->pending);
	else if (logged)
		__clear_bit(vhdx_bat_index(&vt->image.layout.geo, block) %
			    VHDX_BAT_PER_SECTOR, logged->pending);
}

/* The block's entry is one to go by again. */
static void vhdx_txn_end_move(struct vhdx_target *vt, u32 block)
{
	if (vt->moving == block)
		/* Pairs with vhdx_is_moving(): the entry comes first. */
		smp_store_release(&vt->moving, VHDX_NO_BLOCK);
}

/**
 * vhdx_txn_begin_part() - give a block that parents have space of its own
 * @vt: the target
 * @spare: as for vhdx_txn_publish()
 * @block: the block; its bits are all clear
 * @mib: its space, which may hold anything; of a VHD image the slot
 *
 * It reads as before.
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_begin_part(struct vhdx_target *vt, struct vhdx_change *spare,
			 u32 block, u32 mib)
{
	lockdep_assert_held(&vt->publish);
	trace_vhdx_begin_part(vt->bdev, block, mib);
	vhdx_txn_place(vt, spare, block, mib, VHDX_BLOCK_PARTIAL);
}

/**
 * vhdx_txn_set_bits() - bits change, in the running transaction
 * @vt: the target
 * @spare: memory for it, which is used up; may be NULL if vhdx_txn_has_sector()
 * @bits: the bits
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_set_bits(struct vhdx_target *vt, struct vhdx_change *spare,
		       struct vhdx_bits *bits)
{
	lockdep_assert_held(&vt->publish);
	vhdx_txn_note(vt, spare, vhdx_txn_bits_sector(vt, bits), bits);
}

/**
 * vhdx_txn_extend_part() - more of a block is here, in the running transaction
 * @vt: the target
 * @spare: as for vhdx_txn_publish()
 * @block: the block, in parts; its bits are part of the transaction
 * @full: all of it is here now
 *
 * Its data has to be durable before its bits are.
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_extend_part(struct vhdx_target *vt, struct vhdx_change *spare,
			  u32 block, bool full)
{
	u32 state = full ? VHDX_BLOCK_FULL : VHDX_BLOCK_PARTIAL;

	vhdx_txn_note(vt, spare, vhdx_txn_block_sector(vt, block), NULL);
	vhdx_txn_keep_pending(vt, block);
	vt->running->exposed = true;
	if (full)
		vhdx_stat_add(&vt->stats, VHDX_STAT_FILLED, 1);
	trace_vhdx_extend_part(vt->bdev, block, vhdx_e_mib(vt->bat[block]));
	if (full && vt->image.is_vhd)
		set_bit(block, vt->image.vhd->full);
	WRITE_ONCE(vt->bat[block],
		   vhdx_e_make(state, vhdx_e_mib(vt->bat[block])) |
		   VHDX_E_PENDING);
}

/**
 * vhdx_txn_add_bitmap() - a chunk gets a sector bitmap, in the running transaction
 * @vt: the target
 * @spare: as for vhdx_txn_publish()
 * @chunk: the chunk; has none
 * @mib: space for it, zeroed, though that need not be durable yet
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_add_bitmap(struct vhdx_target *vt, struct vhdx_change *spare,
			 u32 chunk, u32 mib)
{
	lockdep_assert_held(&vt->publish);
	vhdx_txn_note(vt, spare, vhdx_txn_bitmap_sector(vt, chunk), NULL);
	vt->running->exposed = true;
	vhdx_stat_add(&vt->stats, VHDX_STAT_BITMAPS, 1);
	WRITE_ONCE(vt->image.bitmap[chunk], mib);
}

/**
 * vhdx_txn_move_bitmap() - a chunk's sector bitmap is somewhere else, in the running
 * transaction
 * @vt: the target
 * @spare: as for vhdx_txn_publish()
 * @chunk: the chunk; none of its bits are in core
 * @mib: its new space, which has all that the old one has, durably
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_move_bitmap(struct vhdx_target *vt, struct vhdx_change *spare,
			  u32 chunk, u32 mib)
{
	lockdep_assert_held(&vt->publish);
	vhdx_txn_note(vt, spare, vhdx_txn_bitmap_sector(vt, chunk), NULL);
	vhdx_stat_add(&vt->stats, VHDX_STAT_BITMAPS_MOVED, 1);
	trace_vhdx_move_bitmap(vt->bdev, chunk, vt->image.bitmap[chunk], mib);
	WRITE_ONCE(vt->image.bitmap[chunk], mib);
	/* What was read from the old place is another's before long. */
	vt->chain->bits_gone++;
}

/**
 * vhdx_txn_unpublish() - make a block absent, in the running transaction
 * @vt: the target
 * @spare: as for vhdx_txn_publish()
 * @block: the block; present, in parts, or a parent's
 *
 * It reads as zeros as soon as this returns, whatever parents have.  If it is being
 * moved, it is not any more.
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_unpublish(struct vhdx_target *vt, struct vhdx_change *spare,
			u32 block)
{
	lockdep_assert_held(&vt->publish);
	vhdx_txn_note(vt, spare, vhdx_txn_block_sector(vt, block), NULL);
	vhdx_txn_keep_pending(vt, block);
	vhdx_stat_add(&vt->stats, VHDX_STAT_FREED, 1);
	trace_vhdx_free(vt->bdev, block, vhdx_e_mib(vt->bat[block]));
	vt->image.allocated_blocks -= vhdx_e_has_space(vt->bat[block]);
	WRITE_ONCE(vt->bat[block], vhdx_e_make(VHDX_BLOCK_ZERO, 0));
	vhdx_txn_end_move(vt, block);
}

/**
 * vhdx_txn_begin_move() - nobody is to write to a block from now on
 * @vt: the target; nothing is moving
 * @block: the block, present or in parts
 *
 * Who has a flight by now may still do so.
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_begin_move(struct vhdx_target *vt, u32 block)
{
	u32 e = vt->bat[block];

	lockdep_assert_held(&vt->publish);
	WRITE_ONCE(vt->move_committed, !(e & VHDX_E_PENDING));
	WRITE_ONCE(vt->moving, block);
	WRITE_ONCE(vt->bat[block], e | VHDX_E_PENDING);
}

/**
 * vhdx_txn_give_up_move() - a block stays where it is
 * @vt: the target
 * @block: the block; nothing is done if it is not moving any more
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_give_up_move(struct vhdx_target *vt, u32 block)
{
	lockdep_assert_held(&vt->publish);
	if (vt->moving != block)
		return;
	if (vt->move_committed)
		WRITE_ONCE(vt->bat[block], vt->bat[block] & ~VHDX_E_PENDING);
	vhdx_txn_end_move(vt, block);
}

/**
 * vhdx_txn_move() - a block that is moving is somewhere else, in the running transaction
 * @vt: the target
 * @spare: as for vhdx_txn_publish()
 * @block: the block
 * @mib: its new space, which has all that the old one has, though that need not be
 *       durable yet
 *
 * It is not moving any more.
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_move(struct vhdx_target *vt, struct vhdx_change *spare, u32 block,
		   u32 mib)
{
	u32 e = vt->bat[block];

	lockdep_assert_held(&vt->publish);
	vhdx_txn_note(vt, spare, vhdx_txn_block_sector(vt, block), NULL);
	vhdx_txn_keep_pending(vt, block);
	vt->running->exposed = true;
	vhdx_stat_add(&vt->stats, VHDX_STAT_MOVED, 1);
	trace_vhdx_move(vt->bdev, block, vhdx_e_mib(e), mib);
	WRITE_ONCE(vt->bat[block],
		   vhdx_e_make(e & VHDX_E_STATE, mib) | VHDX_E_PENDING);
	vhdx_txn_end_move(vt, block);
}

/**
 * vhdx_txn_drop() - forget what has been published and not committed
 * @vt: the target
 *
 * Context: process context; suspended.
 */
void vhdx_txn_drop(struct vhdx_target *vt)
{
	struct vhdx_change *change, *next;

	mutex_lock(&vt->publish);
	list_for_each_entry_safe(change, next, &vt->running->changes, list)
		vhdx_txn_remove(vt, vt->running, change);
	vhdx_limbo_drop(vt, &vt->running->limbo);
	vhdx_limbo_drop(vt, &vt->limbo);
	vhdx_txn_init(vt);
	mutex_unlock(&vt->publish);
}

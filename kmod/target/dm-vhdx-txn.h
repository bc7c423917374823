/* SPDX-License-Identifier: GPL-2.0 */
/* Changes of blocks and bits, and the transactions that they become part of. */
#ifndef DM_VHDX_TXN_H
#define DM_VHDX_TXN_H

#include <linux/bio.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/workqueue.h>

#include "vhdx-disk.h"

struct vhdx_bits;
struct vhdx_target;

/**
 * struct vhdx_change - what a transaction changes, or what will be part of one
 * @list: a transaction's, or target's done
 * @hash: a transaction's, or target's preparing
 * @sector: of the image, in a transaction; counted in 4 KiB, of VHD in 512 bytes
 * @nr: so many changes in it
 * @moved: a block in it has got a place; otherwise only bits have changed
 * @bits: if it is one of a sector bitmap; NULL: of the BAT
 * @pending: those of its blocks that will be durable with it
 * @vt: the target; this and what follows is of a block that is being prepared
 * @block: payload block
 * @mib: its new space; of a VHD image the slot
 * @is_zero: which is known to be zero
 * @status: what came of preparing
 * @tries: places that were no good
 * @bio: the write that asked for it; the rest of the block is zeroed around it
 * @waiting: more writes to this block
 * @work: prepares space that may hold anything
 */
struct vhdx_change {
	struct list_head list;
	struct hlist_node hash;
	union {
		struct {
			u64 sector;
			u32 nr;
			bool moved;
			struct vhdx_bits *bits;
			DECLARE_BITMAP(pending, VHDX_BAT_PER_SECTOR);
		};
		struct {
			struct vhdx_target *vt;
			u32 block;
			u32 mib;
			blk_status_t status;
			u8 tries;
			bool is_zero;
			struct bio *bio;
			struct bio_list waiting;
			struct work_struct work;
		};
	};
};

/**
 * struct vhdx_extent - space of blocks that were freed
 * @mib: where it begins
 * @count: MiB
 */
struct vhdx_extent {
	u32 mib;
	u32 count;
};

/**
 * struct vhdx_limbo - space on its way from freed to free; a page
 * @list: a transaction's, or target's limbo
 * @nr: so many
 * @extents: which
 */
struct vhdx_limbo {
	struct list_head list;
	u32 nr;
	struct vhdx_extent extents[];
};

#define VHDX_LIMBO_EXTENTS	((PAGE_SIZE - sizeof(struct vhdx_limbo)) / \
				 sizeof(struct vhdx_extent))

#define VHDX_TXN_HASH_BITS	6

/**
 * struct vhdx_txn - changes that become durable together
 * @changes: one for each sector of the BAT, or of a sector bitmap
 * @hash: the same, by sector
 * @sectors: how many
 * @limbo: space of what it frees
 * @exposed: space of some of them held foreign data until what was written to it
 *           is durable
 */
struct vhdx_txn {
	struct list_head changes;
	DECLARE_HASHTABLE(hash, VHDX_TXN_HASH_BITS);
	u32 sectors;
	struct list_head limbo;
	bool exposed;
};

#endif /* DM_VHDX_TXN_H */

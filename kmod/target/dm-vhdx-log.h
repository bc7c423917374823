/* SPDX-License-Identifier: GPL-2.0 */
/* Writing the log; see dm-vhdx-log.c. */
#ifndef DM_VHDX_LOG_H
#define DM_VHDX_LOG_H

#include <linux/hashtable.h>
#include <linux/list.h>

#include "dm-vhdx-image.h"

/**
 * struct vhdx_log_slot - latest contents of a metadata sector that was logged
 * @hash: by @off, while in use
 * @list: free slots, or slots in use
 * @off: bytes from the start of the image
 * @pos: where the newest entry with this sector starts (see struct vhdx_log)
 * @data: 4 KiB
 */
struct vhdx_log_slot {
	struct hlist_node hash;
	struct list_head list;
	u64 off;
	u64 pos;
	void *data;
};

#define VHDX_LOG_SLOTS		512
#define VHDX_LOG_HASH_BITS	8

/**
 * struct vhdx_log - the writing end of the log
 * @image: whose log
 * @entry: the entry being built: a header sector and VHDX_LOG_FIRST_DESCS
 * @entry_sectors: data sectors in it
 * @sequence: number of the next entry
 * @write_pos: where the next entry goes
 * @durable_pos: entries before this are durable
 * @applied_pos: entries before this were written to their final places
 * @tail_pos: ... and these are durable there: the next entry's Tail
 * @logged_tail_pos: Tail of the newest entry written
 * @durable_tail_pos: Tail of the newest durable entry: space from here to
 *                    @write_pos must not be written over
 * @slots: VHDX_LOG_SLOTS of them
 * @free: slots not in use
 * @used: slots in use
 * @nr_free: how many
 * @checkpoints: how often vhdx_log_checkpoint() had to do its work
 * @hash: slots in use by offset
 * @opened: how often vhdx_log_open() was called: positions begin again
 *
 * Positions count bytes since the session began; modulo the length of the log
 * they are offsets in it.
 */
struct vhdx_log {
	struct vhdx_image *image;
	void *entry;
	u32 entry_sectors;
	u64 sequence;
	u64 write_pos;
	u64 durable_pos;
	u64 applied_pos;
	u64 tail_pos;
	u64 logged_tail_pos;
	u64 durable_tail_pos;
	struct vhdx_log_slot *slots;
	struct list_head free;
	struct list_head used;
	u32 nr_free;
	u64 checkpoints;
	DECLARE_HASHTABLE(hash, VHDX_LOG_HASH_BITS);
	u32 opened;
};

int vhdx_log_create(struct vhdx_log *log, struct vhdx_image *image);
void vhdx_log_destroy(struct vhdx_log *log);
int vhdx_log_open(struct vhdx_log *log);
int vhdx_log_make_room(struct vhdx_log *log, u32 sectors);
void *vhdx_log_stage(struct vhdx_log *log, u64 off);
int vhdx_log_write(struct vhdx_log *log);
int vhdx_log_flush(struct vhdx_log *log);
int vhdx_log_checkpoint(struct vhdx_log *log);

#endif /* DM_VHDX_LOG_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Log: entries, the active sequence, replay (MS-VHDX 2.3). */
#ifndef VHDX_LOG_H
#define VHDX_LOG_H

#include "vhdx-header.h"

/**
 * struct vhdx_log_source - where log sectors come from
 * @sector: returns 0 and the 4 KiB at @off (bytes from the start of the log)
 *          in @data, valid until the next call; or a negative errno
 * @guid: only entries with this GUID count
 * @log_off: bytes from the start of the image
 * @length: bytes
 * @image_bytes: size of the backing device; one who can extend the image may
 *               raise it to the head's last_bytes between search and replay
 * @scratch: VHDX_LOG_SCRATCH bytes, used by vhdx_log_replay()
 */
#define VHDX_LOG_SCRATCH	(2 * VHDX_SECTOR)

struct vhdx_log_source {
	int (*sector)(struct vhdx_log_source *source, u32 off,
		      const void **data);
	guid_t guid;
	u64 log_off;
	u32 length;
	u64 image_bytes;
	void *scratch;
};

/**
 * struct vhdx_log_entry - the header of a valid entry
 * @off: bytes from the start of the log
 * @length: bytes
 * @tail: offset of the oldest entry that may not be applied yet
 * @sequence: number, from 1
 * @descriptors: how many
 * @flushed_bytes: a size of the image that is stable
 * @last_bytes: size that holds all structures
 */
struct vhdx_log_entry {
	u32 off;
	u32 length;
	u32 tail;
	u64 sequence;
	u32 descriptors;
	u64 flushed_bytes;
	u64 last_bytes;
};

/**
 * struct vhdx_log_sequence - the active sequence
 * @first_off: the entry at the head's Tail, bytes from the start of the log
 * @first_sequence: its number
 * @head: the newest entry
 */
struct vhdx_log_sequence {
	u32 first_off;
	u64 first_sequence;
	struct vhdx_log_entry head;
};

/**
 * struct vhdx_log_sink - takes the changes of a replay, in order
 * @data: 4 KiB at @off of the image become @data
 * @zero: @bytes at @off of the image become zeros; both multiples of 4 KiB
 *
 * Both return 0, or a negative errno or fault that ends the replay.
 */
struct vhdx_log_sink {
	int (*data)(struct vhdx_log_sink *sink, u64 off, const void *data);
	int (*zero)(struct vhdx_log_sink *sink, u64 off, u64 bytes);
};

/* What vhdx_log_entry_check() returns where there is no entry. */
#define VHDX_LOG_NO_ENTRY	VHDX_NR_FAULTS

int vhdx_log_entry_check(struct vhdx_log_source *source, u32 off,
			 struct vhdx_log_entry *entry);
int vhdx_log_find(struct vhdx_log_source *source, struct vhdx_log_sequence *seq);
int vhdx_log_check_end(const struct vhdx_log_sequence *seq, u64 image_bytes,
		       bool writable);
int vhdx_log_replay(struct vhdx_log_source *source,
		    const struct vhdx_log_sequence *seq,
		    struct vhdx_log_sink *sink);

/* Writing: an entry of at most VHDX_LOG_FIRST_DESCS data sectors. */
void vhdx_log_entry_init(void *buf);
u32 vhdx_log_entry_add(void *buf, u64 off, const void *data);
u32 vhdx_log_entry_seal(void *buf, const struct vhdx_header *header,
			u64 sequence, u32 tail, u64 end_bytes);

#endif /* VHDX_LOG_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Changes of an image's tables that are made by way of its log. */
#ifndef VHDX_TOOLS_JOURNAL_H
#define VHDX_TOOLS_JOURNAL_H

#include "image.h"

#define JOURNAL_SECTORS	VHDX_LOG_FIRST_DESCS	/* of one transaction */

/**
 * struct journal - the log of an image, in use
 * @image: the image
 * @data: sectors of the transaction
 * @off: where they belong, in bytes from the start of the image
 * @count: how many
 * @entry: memory for a log entry
 * @sequence: number of the next one
 * @at: where that goes, in bytes from the start of the log
 */
struct journal {
	struct image *image;
	u8 *data;
	u64 off[JOURNAL_SECTORS];
	u32 count;
	u8 *entry;
	u64 sequence;
	u32 at;
};

int journal_begin(struct journal *journal, struct image *image);
u8 *journal_sector(struct journal *journal, u64 off);
int journal_set(struct journal *journal, u64 off, const void *data, u32 bytes);
bool journal_has_room(const struct journal *journal, u64 off);
int journal_commit(struct journal *journal);
int journal_end(struct journal *journal);
void journal_free(struct journal *journal);

#endif /* VHDX_TOOLS_JOURNAL_H */

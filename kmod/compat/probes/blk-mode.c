// SPDX-License-Identifier: GPL-2.0
/*
 * Linux 6.5, 05bdb9965305 ("block: replace fmode_t with a block-specific type
 * for block open flags")
 */
#include <linux/device-mapper.h>

blk_mode_t probe(struct dm_target *ti);
blk_mode_t probe(struct dm_target *ti)
{
	return dm_table_get_mode(ti->table) & BLK_OPEN_WRITE;
}

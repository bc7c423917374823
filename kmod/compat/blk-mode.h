/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a block device is opened has a type and flags of its own since Linux 6.5,
 * 05bdb9965305 ("block: replace fmode_t with a block-specific type for block
 * open flags").  Before, they were those of files.
 */
#ifndef VHDX_COMPAT_BLK_MODE_H
#define VHDX_COMPAT_BLK_MODE_H

#include <linux/blkdev.h>

#include "compat/have.h"

#ifndef VHDX_HAVE_BLK_MODE
typedef fmode_t blk_mode_t;

#define BLK_OPEN_WRITE	FMODE_WRITE
#endif

#endif /* VHDX_COMPAT_BLK_MODE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In-core BAT entries: 3 bits of state as on disk, 1 bit pending, 28 bits MiB.
 *
 * Pending on an absent block: space is being prepared, reads still see zeros
 * and writes wait.  Pending on a present block: in use, but not yet durable in
 * the log, so a FUA write has to wait for a commit.
 */
#ifndef DM_VHDX_ENTRY_H
#define DM_VHDX_ENTRY_H

#include <linux/blkdev.h>

#include "vhdx-bat.h"
#include "vhdx-resolve.h"

#define VHDX_E_STATE		7U
#define VHDX_E_PENDING		8U
#define VHDX_E_SHIFT		4

static inline u32 vhdx_e_make(u32 state, u64 mib)
{
	return (u32)mib << VHDX_E_SHIFT | state;
}

static inline u32 vhdx_e_mib(u32 e)
{
	return e >> VHDX_E_SHIFT;
}

static inline bool vhdx_e_present(u32 e)
{
	return (e & VHDX_E_STATE) == VHDX_BLOCK_FULL;
}

/* Reads as zeros, whatever parents there may be. */
static inline bool vhdx_e_zeros(u32 e)
{
	return (e & VHDX_E_STATE) < VHDX_CORE_PARENT;
}

/* The image has all of it, or some. */
static inline bool vhdx_e_has_space(u32 e)
{
	return vhdx_block_present(e & VHDX_E_STATE) && vhdx_e_mib(e);
}

/* The image has none of it, and its parents have something. */
static inline bool vhdx_e_inherits(u32 e)
{
	return !vhdx_e_zeros(e) && !vhdx_core_own(e);
}

/* As the BAT on the device has it. */
static inline u64 vhdx_e_raw(u32 e)
{
	return vhdx_core_own(e) ?
	       VHDX_BAT_RAW(e & VHDX_E_STATE, vhdx_e_mib(e)) : 0;
}

#define VHDX_MIB_SECTORS_SHIFT	(20 - SECTOR_SHIFT)
/* So much of a backing device an entry can name. */
#define VHDX_MIB_MAX		(1U << (32 - VHDX_E_SHIFT))

#endif /* DM_VHDX_ENTRY_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Reading a whole image in the one right order. */
#ifndef VHDX_LOAD_H
#define VHDX_LOAD_H

#include "vhdx-bat.h"
#include "vhdx-log.h"
#include "vhdx-reader.h"
#include "vhdx-region.h"
#include "vhdx-space.h"

/**
 * struct vhdx_layout - all of an image but its BAT
 * @header: the current header
 * @header_slot: 0 or 1, where it was
 * @header_damaged: the other header needs to be written again
 * @region_slot: 0 or 1, which region table was used
 * @region_differ: the other region table needs to be written again
 * @regions: the known regions
 * @meta: the metadata
 * @locator: the parent locator, from the start of the metadata region; of no
 *           length where there is none
 * @geo: what follows from it
 */
struct vhdx_layout {
	struct vhdx_header header;
	int header_slot;
	bool header_damaged;
	int region_slot;
	bool region_differ;
	struct vhdx_regions regions;
	struct vhdx_meta meta;
	struct vhdx_meta_item locator;
	struct vhdx_geometry geo;
};

/* Bytes of scratch memory that the functions here want. */
#define VHDX_LOAD_SCRATCH	(2 * VHDX_REGION_BYTES)

/**
 * typedef vhdx_bat_visit_fn - called for each BAT entry that says something
 * @arg: the caller's
 * @index: in the BAT
 * @block: payload block; for a sector bitmap slot the number of the chunk
 * @bitmap: this is a sector bitmap slot
 * @entry: the decoded entry
 * @result: 0 or what is wrong with it
 *
 * Return: 0 to go on; anything else ends the scan and becomes its result.
 */
typedef int (*vhdx_bat_visit_fn)(void *arg, u64 index, u32 block, bool bitmap,
				 const struct vhdx_bat_entry *entry, int result);

int vhdx_load_header(struct vhdx_reader *reader, struct vhdx_layout *layout,
		     void *scratch);
int vhdx_load_layout(struct vhdx_reader *reader, struct vhdx_layout *layout,
		     void *scratch);
int vhdx_load_space(struct vhdx_reader *reader, struct vhdx_layout *layout,
		    struct vhdx_space *space, void *scratch);
int vhdx_load_bat(struct vhdx_reader *reader, const struct vhdx_layout *layout,
		  struct vhdx_space *space, void *buf, u32 buf_bytes,
		  vhdx_bat_visit_fn visit, void *arg);

#endif /* VHDX_LOAD_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Reading a whole VHD image in the one right order. */
#ifndef VHD_LOAD_H
#define VHD_LOAD_H

#include "vhd-bitmap.h"
#include "vhdx-reader.h"

/**
 * enum vhd_copy - how one of the two footers is
 * @VHD_COPY_NONE: there has to be none
 * @VHD_COPY_GOOD: good, and like the other one
 * @VHD_COPY_SHORT: good, of 511 bytes
 * @VHD_COPY_DIFFERS: good, but not like the other one, which counts
 * @VHD_COPY_DAMAGED: to be written again
 */
enum vhd_copy {
	VHD_COPY_NONE,
	VHD_COPY_GOOD,
	VHD_COPY_SHORT,
	VHD_COPY_DIFFERS,
	VHD_COPY_DAMAGED,
};

/**
 * struct vhd_layout - all of a VHD image but its BAT
 * @footer: the footer that counts
 * @tail: how the one at the end is
 * @copy: how the one at the start is
 * @end: end of the image but for its footer, in bytes: where a good footer is;
 *	else the end of the backing device, since a block may have overwritten it
 * @header: the header of a dynamic or differencing image
 * @geo: what follows from both
 * @tables: space that is no block
 * @batmap: where the batmap is, if there is one
 */
struct vhd_layout {
	struct vhd_footer footer;
	enum vhd_copy tail;
	enum vhd_copy copy;
	u64 end;
	struct vhd_header header;
	struct vhd_geometry geo;
	struct vhd_tables tables;
	struct vhd_batmap batmap;
};

/* Bytes of scratch memory that the functions here want. */
#define VHD_LOAD_SCRATCH	VHD_HEADER_BYTES

/**
 * typedef vhd_bat_visit_fn - called for each BAT entry of a block with space
 * @arg: the caller's
 * @block: its number
 * @sector: the entry: where its bitmap is, and then its data
 * @result: 0 or what is wrong with it
 *
 * Return: 0 to go on; anything else ends the scan and becomes its result.
 */
typedef int (*vhd_bat_visit_fn)(void *arg, u32 block, u32 sector, int result);

int vhd_load_footer(struct vhdx_reader *reader, struct vhd_layout *layout,
		    void *scratch);
int vhd_load_layout(struct vhdx_reader *reader, struct vhd_layout *layout,
		    enum vhd_size_from from, void *scratch);
int vhd_load_bat(struct vhdx_reader *reader, const struct vhd_layout *layout,
		 struct vhd_space *space, void *buf, u32 buf_bytes,
		 vhd_bat_visit_fn visit, void *arg);
void vhd_load_next_id(guid_t *next, const guid_t *id, const guid_t *child);
bool vhd_load_takes_parent(const struct vhd_layout *child, const guid_t *id);
int vhd_load_check_parent(const struct vhd_layout *child,
			  const struct vhd_layout *parent);

#endif /* VHD_LOAD_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* What 'vhdx map' lists, of either format. */
#ifndef VHDX_TOOLS_MAP_H
#define VHDX_TOOLS_MAP_H

#include "output.h"
#include "parent.h"

/**
 * struct map_row - a part of a disk with parents that has one source
 * @start: in bytes from the start of the disk
 * @length: in bytes
 * @state: what it is, a constant
 * @off: where it is in @file
 * @layer: which layer has it: 0 is the image, 1 its parent
 * @file: the file of that; NULL: no layer has it
 * @has_off: @off says something
 */
struct map_row {
	u64 start;
	u64 length;
	const char *state;
	u64 off;
	unsigned int layer;
	const char *file;
	bool has_off;
};

void map_rows_begin(struct output *out, bool json);
void map_rows_add(struct output *out, const struct map_row *row);
void map_rows_end(struct output *out);

int map_vhd(struct image *image, bool json);
int map_vhd_chain(const char *path, const struct parent_search *search,
		  bool json);

#endif /* VHDX_TOOLS_MAP_H */

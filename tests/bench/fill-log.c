// SPDX-License-Identifier: GPL-2.0
/*
 * fill-log IMAGE - give a clean image the longest log to replay that fits
 *
 * Benchmarks of the replay want a full log, and no workload leaves one: the
 * target starts to apply at half.  The entries change BAT sectors, each one
 * before any gets a second change, to what they are in a new image.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"
#include "guid.h"
#include "message.h"

#define ENTRY_BYTES	((1 + VHDX_LOG_FIRST_DESCS) * VHDX_SECTOR)

static int fill(struct image *image, u8 *entry)
{
	static const u8 zeros[VHDX_SECTOR];
	struct vhdx_header *header = &image->layout.header;
	const struct vhdx_region *bat = &image->layout.regions.bat;
	u64 sequence = 1, target = 0;
	u32 off = 0, room, sectors, length;
	int r;

	guid_random(&header->log_guid);
	for (;;) {
		/* One sector of a log stays free. */
		room = (header->log_length - off) / VHDX_SECTOR - 1;
		if (room < 2)
			break;
		sectors = min_t(u32, room - 1, VHDX_LOG_FIRST_DESCS);
		vhdx_log_entry_init(entry);
		while (sectors--) {
			vhdx_log_entry_add(entry, bat->off + target, zeros);
			target = (target + VHDX_SECTOR) % bat->length;
		}
		length = vhdx_log_entry_seal(entry, header, sequence++, 0,
					     image_end(image));
		r = edit_write(image, header->log_off + off, entry, length);
		if (r)
			return r;
		off += length;
	}
	r = edit_sync(image);
	return r ? r : edit_header(image);
}

int main(int argc, char **argv)
{
	u8 *entry = malloc(ENTRY_BYTES);
	struct image image;
	int r;

	if (argc != 2 || !entry) {
		fprintf(stderr, "usage: fill-log IMAGE\n");
		return 2;
	}
	r = image_open(&image, argv[1], IMAGE_WRITE);
	if (r)
		return 1;
	r = image_load(&image);
	if (!r && image.dirty)
		r = -EBUSY;
	if (!r)
		r = fill(&image, entry);
	if (r)
		complain_fault(argv[1], r);
	image_close(&image);
	free(entry);
	return r ? 1 : 0;
}

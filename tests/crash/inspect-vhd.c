// SPDX-License-Identifier: GPL-2.0
/* A VHD image as the tool's code sees it, and read by the book. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"
#include "vhd-audit.h"

/* What a power cut may leave: slots that nobody names, a footer at the start only. */
static bool inspect_vhd_may_be(int kind)
{
	return kind == AUDIT_VHD_BEHIND || kind == AUDIT_VHD_TAIL;
}

static bool inspect_vhd_audit(struct vhd_image *vhd, struct image *image)
{
	struct audit audit;
	bool good = true;
	int r, kind;

	image->reader.parents = true;
	r = vhd_audit(&audit, vhd, image);
	if (r) {
		printf("  the check failed: %d\n", r);
		return false;
	}
	for (kind = 0; kind < AUDIT_NR; kind++) {
		if (!audit.problem[kind].count || inspect_vhd_may_be(kind))
			continue;
		printf("  vhdx check: %s: %s\n", audit_name(kind),
		       audit_text(kind));
		good = false;
	}
	return good;
}

static int inspect_vhd_visit(void *arg, u32 block, u32 sector, int result)
{
	u32 *place = arg;

	place[block] = sector;
	return result;
}

static void inspect_vhd_sector(const struct ramdisk *disk, u32 place, u32 skip,
			       const void *inherited, void *to)
{
	const u8 *bitmap = disk->map + (u64)place * SECTOR;

	if (place && bitmap[skip / 8] & 0x80 >> skip % 8)
		memcpy(to, bitmap + (1 + skip) * SECTOR, SECTOR);
	else if (inherited)
		memcpy(to, inherited, SECTOR);
	else
		memset(to, 0, SECTOR);
}

/**
 * inspect_vhd() - check an image that was closed, and read it
 * @disk: the image
 * @view: what to read
 * @heritage: what comes from parents
 * @buf: takes it
 *
 * Prints what is wrong.
 *
 * Return: true if nothing is.
 */
bool inspect_vhd(const struct ramdisk *disk, const struct view *view,
		 const struct heritage *heritage, void *buf)
{
	struct vhd_image vhd = {};
	struct image image;
	u32 *place = NULL, i, k;
	bool good;
	int r;

	r = image_open(&image, disk->loop.path, IMAGE_READ);
	good = !r && inspect_vhd_audit(&vhd, &image);
	if (good) {
		place = calloc(vhd.layout.geo.blocks, sizeof(*place));
		r = vhd_image_load_bat(&vhd, inspect_vhd_visit, place);
	}
	for (i = 0; good && !r && i < view->nr; i++) {
		const struct window *w = &view->windows[i];

		for (k = 0; k < w->count; k++) {
			u64 at = (u64)(w->at + k) * SECTOR, lba = w->lba + k;

			inspect_vhd_sector(disk, place[lba / BLOCK_SECTORS],
					   lba % BLOCK_SECTORS,
					   heritage->content ?
					   (u8 *)heritage->content + at : NULL,
					   (u8 *)buf + at);
		}
	}
	free(place);
	vhd_image_free(&vhd);
	image_close(&image);
	if (r)
		printf("  the tool cannot read it: %d\n", r);
	return good && !r;
}

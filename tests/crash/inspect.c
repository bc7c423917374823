// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "inspect.h"

/**
 * inspect_is_dirty() - is there a log to replay?
 * @disk: the image
 * @dirty: result
 *
 * Return: false if there is no valid header.
 */
bool inspect_is_dirty(const struct ramdisk *disk, bool *dirty)
{
	struct image image;
	int r;

	r = image_open(&image, disk->loop.path, IMAGE_READ);
	if (!r)
		r = vhdx_load_header(&image.reader, &image.layout,
				     image.scratch);
	*dirty = !r && !guid_is_null(&image.layout.header.log_guid);
	image_close(&image);
	if (r)
		printf("  the tool finds no header: %d\n", r);
	return !r;
}

/* Does 'vhdx check' have nothing to say? */
static bool inspect_audit(struct image *image)
{
	struct audit audit;
	bool good = true;
	int r, kind;

	r = audit_image(&audit, image);
	if (r) {
		printf("  the check failed: %d\n", r);
		return false;
	}
	if (image->dirty) {
		printf("  the log is still dirty\n");
		return false;
	}
	for (kind = 0; kind < AUDIT_NR; kind++) {
		if (!audit.problem[kind].count)
			continue;
		printf("  vhdx check: %s: %s\n", audit_name(kind),
		       audit_text(kind));
		good = false;
	}
	return good;
}

/**
 * struct inspect_bat - where blocks are
 * @mib: of each block; 0 if it is absent
 */
struct inspect_bat {
	u32 *mib;
};

static int inspect_visit(void *arg, u64 index, u32 block, bool bitmap,
			 const struct vhdx_bat_entry *entry, int result)
{
	struct inspect_bat *bat = arg;

	(void)index;
	if (!result && !bitmap)
		bat->mib[block] = entry->state == VHDX_BLOCK_FULL ? entry->mib : 0;
	return result;
}

static void inspect_read(const struct ramdisk *disk, const struct view *view,
			 const struct inspect_bat *bat, u8 *buf)
{
	u32 i, done, step;

	for (i = 0; i < view->nr; i++) {
		const struct window *w = &view->windows[i];

		for (done = 0; done < w->count; done += step) {
			u64 lba = w->lba + done, skip = lba % BLOCK_SECTORS;
			u64 mib = bat->mib[lba / BLOCK_SECTORS];
			u8 *to = buf + (u64)(w->at + done) * SECTOR;

			step = min_t(u32, w->count - done, BLOCK_SECTORS - skip);
			if (mib)
				memcpy(to, disk->map + (mib << 20) +
				       skip * SECTOR, step * SECTOR);
			else
				memset(to, 0, step * SECTOR);
		}
	}
}

/**
 * inspect_clean() - check an image that was closed, and read it
 * @disk: the image
 * @view: what to read
 * @buf: takes it
 *
 * Prints what is wrong.
 *
 * Return: true if nothing is.
 */
bool inspect_clean(const struct ramdisk *disk, const struct view *view,
		   void *buf)
{
	struct inspect_bat bat = { NULL };
	struct image image;
	bool good;
	int r;

	r = image_open(&image, disk->loop.path, IMAGE_READ);
	good = !r && inspect_audit(&image);
	if (good) {
		image_forget(&image);
		r = image_load(&image);
		bat.mib = calloc(image.layout.geo.blocks + 1, sizeof(u32));
		if (!r)
			r = image_load_bat(&image, inspect_visit, &bat);
		if (!r)
			inspect_read(disk, view, &bat, buf);
		free(bat.mib);
	}
	image_close(&image);
	if (r)
		printf("  the tool cannot read it: %d\n", r);
	return good && !r;
}

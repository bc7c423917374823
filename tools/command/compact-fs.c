// SPDX-License-Identifier: GPL-2.0
/* vhdx compact --fs: what may be done, and what is said of it. */
#define _GNU_SOURCE
#include <stdio.h>

#include "children.h"
#include "compact-fs.h"
#include "message.h"
#include "size.h"
#include "vhd-layer.h"

/* A child may show what is free here, and goes by the data write GUID. */
static int compact_fs_check_children(const struct image *image)
{
	char names[CHILDREN_TEXT];

	if (!children_find(image, NULL, names))
		return 0;
	complain(image->path, "merge or flatten them first, or leave --fs out",
		 "is the parent of %s", names);
	return -EBUSY;
}

/**
 * compact_fs_look() - find out what file systems do not use
 * @fs: result, all zeros; compact_fs_free() it, also after a failure
 * @image: the image, open and loaded, without a log to replay
 * @format: DISK_VHDX or DISK_VHD
 * @search: where its parents are
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int compact_fs_look(struct compact_fs *fs, const struct image *image,
		    enum disk_format format,
		    const struct parent_search *search)
{
	struct disk *disk = &fs->disk;
	int r = compact_fs_check_children(image);

	if (r)
		return r;
	r = disk_take(disk, image->path, format, image->fd, search);
	if (r)
		return r;
	return unused_find(&fs->unused, disk, format == DISK_VHD ?
			   disk->vhd[0].vhd.layout.geo.block_shift :
			   image->layout.geo.block_shift);
}

static void compact_fs_say(const struct compact_fs *fs,
			   const struct unused_part *part)
{
	char where[32] = "the disk", size[SIZE_TEXT];

	if (part->number)
		snprintf(where, sizeof(where), "partition %d", part->number);
	if (part->kept[0])
		note(fs->disk.path, "%s is kept whole%s%s%s: %s", where,
		     part->type[0] ? " ('" : "", part->type,
		     part->type[0] ? "')" : "", part->kept);
	else
		note(fs->disk.path, "%s ('%s') does not use %s", where,
		     part->type, size_text(size, part->unused));
}

/**
 * compact_fs_print() - tell what was found
 * @fs: from compact_fs_look()
 * @out: report; where people read it, standard error gets it
 */
void compact_fs_print(const struct compact_fs *fs, struct output *out)
{
	static const struct output_column none[] = { {} };
	const struct unused_part *part;
	unsigned int i;

	if (out->json)
		output_list(out, "filesystems", none);
	for (i = 0; i < fs->unused.parts; i++) {
		part = &fs->unused.part[i];
		if (!out->json) {
			compact_fs_say(fs, part);
			continue;
		}
		output_row(out);
		output_number(out, "partition", "", part->number);
		output_text(out, "type", "", part->type);
		output_size(out, "size", "", part->bytes);
		output_size(out, "unused", "", part->unused);
		output_text(out, "kept", "", part->kept);
	}
	if (out->json)
		output_list_end(out);
}

/**
 * compact_fs_free() - free memory, and let go of the disk
 * @fs: from compact_fs_look(), or all zeros
 */
void compact_fs_free(struct compact_fs *fs)
{
	unused_free(&fs->unused);
	disk_close(&fs->disk);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the order of writes
 *
 * A footer is written as it is, byte for byte, from the one that counts.  One of
 * the two is good at every moment: the one at the start before the one at the
 * end is moved, and a file is cut behind a new footer only when that is durable.
 */
#include <stdlib.h>

#include "edit.h"
#include "vhd-identity.h"
#include "vhd-repair.h"

/* The footer that counts, in 512 bytes. */
static int vhd_repair_read(const struct vhd_image *vhd, u8 *buf)
{
	const struct vhd_layout *layout = &vhd->layout;

	memset(buf, 0, VHD_FOOTER_BYTES);
	switch (layout->tail) {
	case VHD_COPY_DAMAGED:
		return image_pread(vhd->image, 0, buf, VHD_FOOTER_BYTES);
	case VHD_COPY_SHORT:
		return image_pread(vhd->image, layout->end, buf,
				   VHD_FOOTER_SHORT_BYTES);
	default:
		return image_pread(vhd->image, layout->end, buf,
				   VHD_FOOTER_BYTES);
	}
}

/* The start gets what the end has, unless it is like that. */
static int vhd_repair_copy(struct vhd_image *vhd, const u8 *footer)
{
	int r;

	if (vhd->layout.copy != VHD_COPY_DAMAGED &&
	    vhd->layout.copy != VHD_COPY_DIFFERS)
		return 0;
	r = edit_write(vhd->image, 0, footer, VHD_FOOTER_BYTES);
	if (!r)
		r = edit_sync(vhd->image);
	if (!r)
		vhd->layout.copy = VHD_COPY_GOOD;
	return r;
}

/**
 * vhd_repair_rename() - give an image that loses something another UniqueId
 * @vhd: the image, open for writing, with blocks
 * @id: the new one
 *
 * The footer at the start has it, durably, and is the one that counts for what follows;
 * vhd_repair_footer() writes the other one.  Until then that still counts for everybody
 * else, if it was good.
 *
 * Return: 0 or a negative errno.
 */
int vhd_repair_rename(struct vhd_image *vhd, const guid_t *id)
{
	u8 footer[VHD_FOOTER_BYTES];
	int r = vhd_repair_read(vhd, footer);

	if (r)
		return r;
	vhd_identity_change(footer, id);
	r = edit_write(vhd->image, 0, footer, sizeof(footer));
	if (!r)
		r = edit_sync(vhd->image);
	vhd->layout.footer.id = *id;
	vhd->layout.copy = VHD_COPY_GOOD;
	vhd->layout.tail = VHD_COPY_DAMAGED;
	return r;
}

/**
 * vhd_repair_footer() - write the footer at the end
 * @vhd: the image, open for writing
 * @end: end of all else; the footer comes there or behind: a device keeps it in
 *       its last sector, a file as far behind as it ends
 *
 * Both footers are good afterwards, and durable.  A file may have got longer.
 *
 * Return: 0 or a negative errno: -ENOSPC if the device is too small.
 */
int vhd_repair_footer(struct vhd_image *vhd, u64 end)
{
	struct image *image = vhd->image;
	u64 off = image->file_bytes & ~(u64)(VHD_SECTOR - 1);
	u8 footer[VHD_FOOTER_BYTES];
	int r;

	/* Where a good or damaged one was, if one was; else behind all. */
	if (off == image->file_bytes)
		off -= VHD_FOOTER_BYTES;
	if (off < end && image->block_device)
		return -ENOSPC;
	off = max_t(u64, off, end);
	r = vhd_repair_read(vhd, footer);
	if (!r)
		r = vhd_repair_copy(vhd, footer);
	if (!r)
		r = edit_write_end(image, off, footer, sizeof(footer));
	return r ? r : edit_sync(image);
}

/**
 * vhd_repair_mend() - make both footers good, if they are not, as a crash may leave them
 * @vhd: the image, open for writing and loaded
 * @end: as of vhd_repair_footer()
 *
 * Return: 0 or a negative errno.
 */
int vhd_repair_mend(struct vhd_image *vhd, u64 end)
{
	struct vhd_layout *layout = &vhd->layout;
	int r;

	if (layout->tail == VHD_COPY_GOOD &&
	    (layout->copy == VHD_COPY_GOOD || layout->copy == VHD_COPY_NONE))
		return 0;
	r = vhd_repair_footer(vhd, end);
	if (r)
		return r;
	layout->tail = VHD_COPY_GOOD;
	if (layout->copy != VHD_COPY_NONE)
		layout->copy = VHD_COPY_GOOD;
	layout->end = vhd->image->file_bytes - VHD_FOOTER_BYTES;
	return 0;
}

/**
 * vhd_repair_trim() - give back what is behind the last block
 * @vhd: the image, open for writing, in a file
 * @end: end of all but the footer, which comes there
 *
 * Return: 0 or a negative errno.
 */
int vhd_repair_trim(struct vhd_image *vhd, u64 end)
{
	u8 footer[VHD_FOOTER_BYTES];
	int r = vhd_repair_read(vhd, footer);

	if (!r)
		r = edit_write(vhd->image, end, footer, sizeof(footer));
	if (!r)
		r = edit_sync(vhd->image);
	if (!r)
		r = edit_resize(vhd->image, end + VHD_FOOTER_BYTES);
	return r ? r : edit_sync(vhd->image);
}

/**
 * vhd_repair_batmap() - let a batmap say what the bitmaps do
 * @vhd: the image, open for writing, which has one
 *
 * Its bits before its checksum: XenServer takes no wrong one for right.  Durable on
 * return.
 *
 * Return: 0 or a negative errno.
 */
int vhd_repair_batmap(struct vhd_image *vhd)
{
	const struct vhd_batmap *batmap = &vhd->layout.batmap;
	u8 *map = malloc(batmap->bytes), header[VHD_SECTOR];
	int r = map ? vhd_audit_batmap(vhd, map) : -ENOMEM;

	if (!r)
		r = image_pread(vhd->image, batmap->header_off, header,
				sizeof(header));
	if (!r)
		r = edit_write(vhd->image, batmap->off, map, batmap->bytes);
	if (!r)
		r = edit_sync(vhd->image);
	if (!r) {
		vhd_batmap_seal(header, vhd_batmap_sum(batmap, 0, map,
						       batmap->bytes));
		r = edit_write(vhd->image, batmap->header_off, header,
			       sizeof(header));
	}
	free(map);
	return r ? r : edit_sync(vhd->image);
}

/**
 * vhd_repair() - repair what needs no guess
 * @audit: what was found
 * @vhd: the image, open for writing and loaded; has to be loaded again
 *
 * Each step leaves the image no worse than it was, wherever a crash comes in
 * between.
 *
 * Return: 0 or a negative errno.
 */
int vhd_repair(const struct audit *audit, struct vhd_image *vhd)
{
	const struct audit_problem *problem = audit->problem;
	int r = 0;

	/* Where blocks are cut a file may have to become whole first. */
	if (!problem[VHDX_FAULT_VHD_BAT_RANGE].count &&
	    (problem[AUDIT_VHD_TAIL].count || problem[AUDIT_VHD_COPY].count ||
	     problem[AUDIT_VHD_DIFFER].count ||
	     problem[VHDX_FAULT_VHD_SHORT].count))
		r = vhd_repair_footer(vhd, audit->end);
	if (!r && problem[AUDIT_VHD_BATMAP].count)
		r = vhd_repair_batmap(vhd);
	if (!r && problem[AUDIT_VHD_BEHIND].count)
		r = vhd_repair_trim(vhd, audit->end);
	return r;
}

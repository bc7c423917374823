// SPDX-License-Identifier: GPL-2.0
/*
 * A dynamic or differencing VHD image is written while its file is as long as it can
 * become, with the footer at the end of that; it has its old place behind the last
 * block again when the file is cut.
 */
#include "edit.h"
#include "size.h"
#include "vhd-extent.h"
#include "vhd-repair.h"

static int vhd_extent_visit(void *arg, u32 block, u32 sector, int result)
{
	struct extent *extent = arg;
	u64 end = (u64)sector << VHD_SECTOR_SHIFT;

	(void)block;
	if (result)
		return result;
	extent->placed++;
	extent->end = max_t(u64, extent->end, end);
	return 0;
}

/* An image and its BAT. */
static int vhd_extent_read(struct extent *extent, struct vhd_image *vhd,
			   struct image *image)
{
	const struct vhd_geometry *geo = &vhd->layout.geo;
	int r = vhd_image_load(vhd, image);

	memset(extent, 0, sizeof(*extent));
	if (r)
		return r;
	if (!geo->blocks) {
		extent->end = image->file_bytes;
		extent->max_bytes = image->file_bytes;
		return 0;
	}
	r = vhd_image_load_bat(vhd, vhd_extent_visit, extent);
	if (extent->placed)
		extent->end += (u64)vhd_block_sectors(geo) << VHD_SECTOR_SHIFT;
	extent->end = max_t(u64, extent->end,
			    vhd_tables_end(&vhd->layout.tables));
	return r;
}

/*
 * As the target places blocks, and a footer.  But no longer than what anybody opens: an
 * image of few and small blocks may have one far behind all others.
 */
static u64 vhd_extent_most(const struct extent *extent,
			   const struct vhd_geometry *geo)
{
	u64 block_bytes = (u64)vhd_block_sectors(geo) << VHD_SECTOR_SHIFT;
	u64 stride = round_up_u64(block_bytes, VHD_DATA_ALIGN);
	u64 most = (vhd_bat_place(geo, extent->end) << VHD_SECTOR_SHIFT) +
		   (geo->blocks - extent->placed) * stride + VHD_FOOTER_BYTES;

	most = round_up_u64(most, SZ_1M);
	if (vhd_space_pieces(geo, most - VHD_FOOTER_BYTES) <= VHD_MAX_PIECES)
		return most;
	return max_t(u64, VHD_MAX_PIECES * block_bytes / SZ_1M * SZ_1M,
		     extent->end + VHD_FOOTER_BYTES);
}

/**
 * vhd_extent_load() - find out how far an image reaches
 * @extent: result; its end is that of all but the footer
 * @image: the image, open
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_extent_load(struct extent *extent, struct image *image)
{
	struct vhd_image vhd = {};
	const struct vhd_geometry *geo = &vhd.layout.geo;
	int r = vhd_extent_read(extent, &vhd, image);

	if (!r && geo->blocks)
		extent->max_bytes = vhd_extent_most(extent, geo);
	vhd_image_free(&vhd);
	return r;
}

/**
 * vhd_extent_grow() - extend an image's file so that blocks have room
 * @extent: from vhd_extent_load()
 * @image: the image, open for writing
 * @host: the file and its file system
 * @steps: as for extent_grow()
 *
 * The footer is at the new end, and its copy is good, so whatever happens then
 * anybody can open the image.
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_extent_grow(const struct extent *extent, struct image *image,
		    const struct hostfs *host, bool *steps)
{
	u8 footer[VHD_FOOTER_BYTES];
	struct vhd_image vhd = {};
	int r = vhd_image_load(&vhd, image);

	*steps = false;
	if (!r && vhd.layout.geo.blocks) {
		/* The copy has to be good before the other one is in the middle. */
		r = vhd_repair_footer(&vhd, extent->end);
		if (!r)
			r = image_pread(image, 0, footer, sizeof(footer));
		if (!r)
			r = extent_grow(extent, image, host, footer, steps);
		if (!r)
			r = vhd_repair_footer(&vhd, extent->end);
	}
	vhd_image_free(&vhd);
	return r;
}

/**
 * vhd_extent_trim() - cut off what an image's file has behind the image
 * @image: the image, open for writing
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_extent_trim(struct image *image)
{
	struct vhd_image vhd = {};
	struct extent extent;
	int r = vhd_extent_read(&extent, &vhd, image);

	if (!r && vhd.layout.geo.blocks && !image->block_device &&
	    extent.end + VHD_FOOTER_BYTES < image->file_bytes)
		r = vhd_repair_trim(&vhd, extent.end);
	vhd_image_free(&vhd);
	return r;
}

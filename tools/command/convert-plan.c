// SPDX-License-Identifier: GPL-2.0
/* vhdx convert: what comes of the command line, and of the disk that is read. */
#include <uuid/uuid.h>

#include "content.h"
#include "convert.h"
#include "guid.h"
#include "message.h"
#include "size.h"
#include "vhd-layer.h"

#define CONVERT_BLOCK	(32 * (u64)SZ_1M)	/* as 'vhdx create' has it */
#define CONVERT_VHD_BLOCK	(2 * (u64)SZ_1M)

/* Other sectors only where what is on the disk can be found with them. */
static int convert_check_sectors(struct convert *convert, u32 logical_bytes)
{
	struct disk *from = &convert->from;
	struct content content;
	int r;

	if (logical_bytes == from->logical_bytes || convert->force)
		return 0;
	r = content_look(&content, from);
	if (r || content_takes_sectors(&content, logical_bytes))
		return r;
	complain(convert->source, convert->to_format == DISK_VHDX ?
		 "leave --logical-sector-size out, or use --force all the same" :
		 "convert it to VHDX, or use --force all the same",
		 "holds %s '%s' for sectors of %u bytes, which cannot be read with %u",
		 content.table[0] ? "a partition table" : "a file system",
		 content.table[0] ? content.table : content.type,
		 from->logical_bytes, logical_bytes);
	return -EINVAL;
}

static int convert_plan_vhdx(struct convert *convert)
{
	const struct disk *from = &convert->from;
	struct newdisk *to = &convert->to;
	struct vhdx_meta *meta = &to->vhdx.meta;

	meta->logical_bytes = convert->logical_bytes ? convert->logical_bytes :
						       from->logical_bytes;
	meta->physical_bytes = max_t(u32, meta->logical_bytes,
				     from->physical_bytes);
	to->bytes = round_up_u64(from->bytes, meta->logical_bytes);
	meta->disk_bytes = to->bytes;
	meta->leave_allocated = to->fixed;
	meta->block_bytes = CONVERT_BLOCK;
	guid_random(&meta->disk_id);
	if (from->format == DISK_VHDX) {
		meta->block_bytes = from->chain.layer[0]->image.layout.meta
				    .block_bytes;
		meta->disk_id = from->chain.layer[0]->image.layout.meta.disk_id;
	}
	if (convert->block_bytes)
		meta->block_bytes = convert->block_bytes;
	to->vhdx.log_bytes = SZ_1M;
	if (to->bytes > VHDX_MAX_DISK_BYTES) {
		complain(convert->source, "use --to raw",
			 "larger than a VHDX can be, which is 64 TiB");
		return -EFBIG;
	}
	return convert_check_sectors(convert, meta->logical_bytes);
}

static int convert_plan_vhd(struct convert *convert)
{
	const struct disk *from = &convert->from;
	struct newdisk *to = &convert->to;
	struct vhd_format *vhd = &to->vhd;
	char text[SIZE_TEXT];

	to->bytes = round_up_u64(from->bytes, convert->azure ? SZ_1M :
							       VHD_SECTOR);
	vhd->type = to->fixed ? VHD_TYPE_FIXED : VHD_TYPE_DYNAMIC;
	vhd->disk_bytes = to->bytes;
	vhd->block_bytes = convert->block_bytes;
	if (!vhd->block_bytes && from->format == DISK_VHD)
		vhd->block_bytes = from->vhd[0].vhd.layout.header.block_bytes;
	if (!vhd->block_bytes)
		vhd->block_bytes = CONVERT_VHD_BLOCK;
	uuid_generate_random(vhd->id.b);
	if (to->bytes > VHD_MAX_SECTORS * VHD_SECTOR) {
		complain(convert->source, "use --to vhdx",
			 "larger than a VHD can be, which is 2040 GiB");
		return -EFBIG;
	}
	if (!to->fixed && to->bytes / vhd->block_bytes >= VHD_MAX_BLOCKS) {
		complain(convert->target, "use a larger --block-size", "%s",
			 vhdx_fault_text(VHDX_FAULT_VHD_BLOCK_COUNT));
		return -EFBIG;
	}
	if (to->bytes != from->bytes)
		note(convert->target, "made %s, as Azure wants whole MiB: the disk has %s more of zeros at its end",
		     size_argument(text, to->bytes), "some sectors");
	return convert_check_sectors(convert, VHD_SECTOR);
}

/**
 * convert_plan() - work out what the target is to be like
 * @convert: with @from open; takes @to
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int convert_plan(struct convert *convert)
{
	struct newdisk *to = &convert->to;

	to->format = convert->to_format;
	to->fixed = convert->fixed;
	to->preallocate = convert->preallocate;
	to->image = &convert->image;
	to->bytes = convert->from.bytes;
	if (to->format == DISK_VHDX)
		return convert_plan_vhdx(convert);
	if (to->format == DISK_VHD)
		return convert_plan_vhd(convert);
	return to->format == DISK_QCOW2 ?
	       convert_check_sectors(convert, VHD_SECTOR) : 0;
}

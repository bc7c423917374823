// SPDX-License-Identifier: GPL-2.0
/*
 * A child names its parent by a UniqueId and by a time, which are in the first sector of
 * its header.  Nobody relies on the time.  So a child that is being merged has one there
 * which is none: it follows from both UniqueIds.
 */
#include <string.h>
#include <uuid/uuid.h>

#include "edit.h"
#include "vhd-link.h"

/* Where fields are, all of them in the first sector. */
#define VHD_LINK_ID_OFF		offsetof(struct vhd_header_disk, parent_unique_id)
#define VHD_LINK_TIME_OFF	offsetof(struct vhd_header_disk, parent_timestamp)

static u32 vhd_link_merge_time(const guid_t *parent, const guid_t *child)
{
	guid_t sum;
	__be32 time;

	uuid_generate_sha1(sum.b, parent->b, (const char *)child->b,
			   sizeof(child->b));
	memcpy(&time, sum.b, sizeof(time));
	return be32_to_cpu(time);
}

/**
 * vhd_link_begin_merge() - a child says that it is about to be merged into its parent
 * @child: takes it; see vhd_link_write()
 * @id: the UniqueId that the parent is going to have
 */
void vhd_link_begin_merge(struct vhd_layout *child, const guid_t *id)
{
	child->header.parent_id = *id;
	child->header.parent_timestamp =
		vhd_link_merge_time(id, &child->footer.id);
}

/**
 * vhd_link_is_merging() - has a merge of a child begun, and not ended?
 * @child: the child
 *
 * Return: true if so.
 */
bool vhd_link_is_merging(const struct vhd_layout *child)
{
	const struct vhd_header *header = &child->header;

	return header->parent_timestamp ==
	       vhd_link_merge_time(&header->parent_id, &child->footer.id);
}

/**
 * vhd_link_write() - write what names the parent, UniqueId and time
 * @vhd: the child, open for writing
 *
 * One sector, so it is there or not.  All else is as it is there.  Durable on return.
 *
 * Return: 0 or a negative errno.
 */
int vhd_link_write(struct vhd_image *vhd)
{
	const struct vhd_header *header = &vhd->layout.header;
	__be32 time = cpu_to_be32(header->parent_timestamp), sum;
	u64 place = vhd->layout.footer.header_off;
	u8 buf[VHD_HEADER_BYTES];
	int r = image_pread(vhd->image, place, buf, sizeof(buf));

	if (r)
		return r;
	memcpy(buf + VHD_LINK_ID_OFF, &header->parent_id,
	       sizeof(header->parent_id));
	memcpy(buf + VHD_LINK_TIME_OFF, &time, sizeof(time));
	sum = cpu_to_be32(vhd_checksum(buf, sizeof(buf), VHD_HEADER_SUM_OFF));
	memcpy(buf + VHD_HEADER_SUM_OFF, &sum, sizeof(sum));
	r = edit_write(vhd->image, place, buf, VHD_SECTOR);
	return r ? r : edit_sync(vhd->image);
}

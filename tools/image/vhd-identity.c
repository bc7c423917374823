// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: an image that is no longer what its children were made from
 *
 * VHD has nothing like the DataWriteGuid of VHDX: a child takes its parent by the
 * parent's UniqueId, whatever has been written there since.  So who changes what an
 * image shows, and knows that it does, gives it another one before.  Both footers have
 * it, first that at the start: a crash in between leaves two that differ, of which the
 * one at the end counts, and nothing else has been written then.  The target does not
 * write to such an image, as it may be two; 'vhdx check --repair' ends that, and so does
 * the same command.
 */
#include "edit.h"
#include "vhd-identity.h"

#define VHD_IDENTITY_OFF	offsetof(struct vhd_footer_disk, unique_id)
#define VHD_IDENTITY_HEADER_OFF	offsetof(struct vhd_footer_disk, data_offset)

/**
 * vhd_identity_change() - change the UniqueId in a footer
 * @footer: VHD_FOOTER_BYTES; all else is as it was, but for the checksum
 * @id: the new one
 */
void vhd_identity_change(u8 *footer, const guid_t *id)
{
	__be32 sum;

	memcpy(footer + VHD_IDENTITY_OFF, id, sizeof(*id));
	sum = cpu_to_be32(vhd_checksum(footer, VHD_FOOTER_BYTES,
				       VHD_FOOTER_SUM_OFF));
	memcpy(footer + VHD_FOOTER_SUM_OFF, &sum, sizeof(sum));
}

/**
 * vhd_identity_put_footer() - write the footer somewhere
 * @vhd: the image, open for writing, with a good footer at its end; the UniqueId in its
 *	layout, and where that says that the header is, are what is written
 * @off: where, in bytes
 *
 * All else is as it is there, whatever it says that nobody knows of.  A file may get
 * longer by it.  Durable on return.
 *
 * Return: 0 or a negative errno.
 */
int vhd_identity_put_footer(const struct vhd_image *vhd, u64 off)
{
	const struct vhd_layout *layout = &vhd->layout;
	u8 buf[VHD_FOOTER_BYTES];
	__be64 header_off;
	int r = image_pread(vhd->image, layout->end, buf, sizeof(buf));

	if (r)
		return r;
	header_off = cpu_to_be64(layout->footer.header_off);
	memcpy(buf + VHD_IDENTITY_HEADER_OFF, &header_off, sizeof(header_off));
	vhd_identity_change(buf, &layout->footer.id);
	r = edit_write_end(vhd->image, off, buf, sizeof(buf));
	return r ? r : edit_sync(vhd->image);
}

/**
 * vhd_identity_write() - give an image another UniqueId
 * @vhd: the image, open for writing, with a good footer at its end
 * @id: the new one
 *
 * Return: 0 or a negative errno.
 */
int vhd_identity_write(struct vhd_image *vhd, const guid_t *id)
{
	int r = 0;

	vhd->layout.footer.id = *id;
	if (vhd->layout.footer.type != VHD_TYPE_FIXED)
		r = vhd_identity_put_footer(vhd, 0);
	return r ? r : vhd_identity_put_footer(vhd, vhd->layout.end);
}

// SPDX-License-Identifier: GPL-2.0
#include "vhd-load.h"

/*
 * The footer at the end: in the last 512 bytes, or, before 2004, in the last
 * 511 of a file that is a byte short (case 97).  Its place is @layout->end.
 */
static int vhd_load_tail(struct vhdx_reader *reader, struct vhd_layout *layout,
			 u8 *buf)
{
	u32 bytes = VHD_FOOTER_BYTES;
	int r;

	layout->tail = VHD_COPY_DAMAGED;
	if (reader->image_bytes % VHD_SECTOR == VHD_FOOTER_SHORT_BYTES)
		bytes = VHD_FOOTER_SHORT_BYTES;
	if (reader->image_bytes < bytes)
		return 0;
	memset(buf, 0, VHD_FOOTER_BYTES);
	r = reader->read(reader, reader->image_bytes - bytes, buf, bytes);
	if (r)
		return r;
	if (vhd_footer_is_poison(buf))
		return VHDX_FAULT_VHD_POISON;		/* case 119 */
	if (!vhd_footer_valid(buf))
		return 0;
	layout->tail = bytes == VHD_FOOTER_BYTES ? VHD_COPY_GOOD :
						   VHD_COPY_SHORT;
	layout->end = reader->image_bytes - bytes;
	vhd_footer_decode(buf, &layout->footer);
	return 0;
}

/* Whatever is in one of them is in the other one. */
static bool vhd_load_alike(const u8 *tail, const u8 *copy)
{
	return !memcmp(tail, copy, VHD_FOOTER_BYTES);
}

/* The copy at the start, of which a fixed image has none (cases 94, 95). */
static int vhd_load_copy(struct vhdx_reader *reader, struct vhd_layout *layout,
			 const u8 *tail, u8 *buf)
{
	bool have_tail = layout->tail != VHD_COPY_DAMAGED;
	int r;

	if (have_tail && layout->footer.type == VHD_TYPE_FIXED)
		return 0;
	if (reader->image_bytes < VHD_FOOTER_BYTES)
		return VHDX_FAULT_VHD_NO_FOOTER;
	r = reader->read(reader, 0, buf, VHD_FOOTER_BYTES);
	if (r)
		return r;
	if (!vhd_footer_valid(buf)) {
		layout->copy = VHD_COPY_DAMAGED;
		return have_tail ? 0 : VHDX_FAULT_VHD_NO_FOOTER; /* case 96 */
	}
	layout->copy = VHD_COPY_GOOD;
	if (have_tail) {
		if (!vhd_load_alike(tail, buf))
			layout->copy = VHD_COPY_DIFFERS;	/* case 96 */
		return 0;
	}
	vhd_footer_decode(buf, &layout->footer);		/* case 93 */
	layout->end = reader->image_bytes;
	return layout->footer.type == VHD_TYPE_FIXED ?
	       VHDX_FAULT_VHD_FIXED_CUT : 0;			/* case 95 */
}

/**
 * vhd_load_footer() - read and judge the footers
 * @reader: the image
 * @layout: takes the footer; the rest is cleared
 * @scratch: VHD_LOAD_SCRATCH bytes
 *
 * The one at the end counts, where it is good: the start of a fixed image is
 * the guest's.
 *
 * Context: may sleep if @reader does.
 * Return: 0, a fault, or a negative errno.
 */
int vhd_load_footer(struct vhdx_reader *reader, struct vhd_layout *layout,
		    void *scratch)
{
	u8 *copy = (u8 *)scratch + VHD_FOOTER_BYTES;
	int r;

	memset(layout, 0, sizeof(*layout));
	if (reader->logical_bytes > VHD_SECTOR)
		return VHDX_FAULT_VHD_SECTOR_LARGE;
	r = vhd_load_tail(reader, layout, scratch);
	if (!r)
		r = vhd_load_copy(reader, layout, scratch, copy);
	if (!r)
		r = vhd_footer_check(&layout->footer);
	if (!r && layout->tail == VHD_COPY_SHORT && reader->writable)
		r = VHDX_FAULT_VHD_SHORT;
	return r;
}

/* Case 99. */
static int vhd_load_fixed(struct vhd_layout *layout)
{
	u64 disk_bytes = layout->geo.disk_bytes;
	u64 current_bytes = layout->footer.current_bytes;

	if (disk_bytes > layout->end ||
	    (current_bytes & ~(u64)(VHD_SECTOR - 1)) > layout->end)
		return VHDX_FAULT_VHD_DISK_CUT;
	vhd_tables_add(&layout->tables, 0, disk_bytes);
	return 0;
}

/* Case 103. */
static int vhd_load_header(struct vhdx_reader *reader,
			   struct vhd_layout *layout, u64 disk_bytes,
			   void *scratch)
{
	u64 off = layout->footer.header_off;
	int r;

	if (off % VHD_SECTOR || off < VHD_FOOTER_BYTES || off > layout->end ||
	    layout->end - off < VHD_HEADER_BYTES)
		return VHDX_FAULT_VHD_HEADER_OFFSET;
	r = reader->read(reader, off, scratch, VHD_HEADER_BYTES);
	if (r)
		return r;
	if (!vhd_header_valid(scratch))
		return VHDX_FAULT_VHD_HEADER;		/* case 104 */
	vhd_header_decode(scratch, &layout->header);
	r = vhd_header_check(&layout->header, off, disk_bytes, layout->end);
	if (r)
		return r;
	vhd_geometry_init(&layout->geo, disk_bytes, layout->header.block_bytes);
	/* Even few blocks may be anywhere in the image (case 105). */
	return vhd_space_pieces(&layout->geo, layout->end) > VHD_MAX_PIECES ?
	       VHDX_FAULT_VHD_BLOCK_COUNT : 0;
}

/* XenServer's map is behind the BAT, and its creator's name says so. */
static int vhd_load_batmap(struct vhdx_reader *reader,
			   struct vhd_layout *layout, u64 bat_end,
			   void *scratch)
{
	int r;

	if (memcmp(layout->footer.creator_app, "tap", 4) ||
	    bat_end > layout->end || layout->end - bat_end < VHD_SECTOR)
		return 0;
	r = reader->read(reader, bat_end, scratch, VHD_SECTOR);
	if (r || !vhd_batmap_decode(scratch, bat_end, layout->geo.blocks,
				    layout->end, &layout->batmap))
		return r;
	vhd_tables_add(&layout->tables, bat_end, VHD_SECTOR);
	vhd_tables_add(&layout->tables, layout->batmap.off,
		       layout->batmap.bytes);
	return 0;
}

static int vhd_load_tables(struct vhdx_reader *reader,
			   struct vhd_layout *layout, void *scratch)
{
	const struct vhd_header *header = &layout->header;
	u64 bat_bytes = (u64)header->bat_entries * sizeof(__be32);
	int i;

	vhd_tables_add(&layout->tables, 0, VHD_FOOTER_BYTES);
	vhd_tables_add(&layout->tables, layout->footer.header_off,
		       VHD_HEADER_BYTES);
	bat_bytes = (bat_bytes + VHD_SECTOR - 1) & ~(u64)(VHD_SECTOR - 1);
	vhd_tables_add(&layout->tables, header->bat_off, bat_bytes);
	for (i = 0; i < VHD_LOCATORS; i++)
		if (layout->footer.type == VHD_TYPE_DIFFERENCING &&
		    vhd_locator_usable(&header->locator[i], layout->end))
			vhd_tables_add(&layout->tables, header->locator[i].off,
				       header->locator[i].length);
	return vhd_load_batmap(reader, layout, header->bat_off + bat_bytes,
			       scratch);
}

/**
 * vhd_load_layout() - read and judge all but footers and BAT
 * @reader: the image
 * @layout: has the footer, takes the rest
 * @from: what tells the size of the disk
 * @scratch: VHD_LOAD_SCRATCH bytes
 *
 * Context: may sleep if @reader does.
 * Return: 0, a fault, or a negative errno.
 */
int vhd_load_layout(struct vhdx_reader *reader, struct vhd_layout *layout,
		    enum vhd_size_from from, void *scratch)
{
	u64 disk_bytes;
	int r;

	r = vhd_footer_disk_bytes(&layout->footer, from, &disk_bytes);
	if (r)
		return r;
	if (layout->footer.type == VHD_TYPE_FIXED) {
		vhd_geometry_init(&layout->geo, disk_bytes, 0);
		return vhd_load_fixed(layout);
	}
	r = vhd_load_header(reader, layout, disk_bytes, scratch);
	return r ? r : vhd_load_tables(reader, layout, scratch);
}

/* Judge one entry, and claim the space of its block (case 110). */
static int vhd_load_entry(const struct vhd_layout *layout,
			  struct vhd_space *space, u32 sector)
{
	int r = vhd_bat_check(&layout->geo, &layout->tables, sector,
			      layout->end);

	if (!r && !vhd_space_claim(space, sector))
		r = VHDX_FAULT_VHD_BAT_OVERLAP;
	return r;
}

/**
 * vhd_load_bat() - read and judge the BAT
 * @reader: the image
 * @layout: complete, of a dynamic or differencing image
 * @space: takes the blocks; empty, of vhd_space_pieces()
 * @buf: memory to read into
 * @buf_bytes: its size, a multiple of 4
 * @visit: called for each block that has space, in order
 * @arg: for @visit
 *
 * What lies behind the entries that the disk needs is padding and may be
 * anything (case 112).
 *
 * Context: may sleep if @reader does.
 * Return: 0, what @visit returned to end the scan, or a negative errno.
 */
int vhd_load_bat(struct vhdx_reader *reader, const struct vhd_layout *layout,
		 struct vhd_space *space, void *buf, u32 buf_bytes,
		 vhd_bat_visit_fn visit, void *arg)
{
	u32 blocks = layout->geo.blocks, block, i, n, sector;
	const __be32 *raw = buf;
	int r;

	for (block = 0; block < blocks; block += n) {
		n = min_t(u32, buf_bytes / sizeof(*raw), blocks - block);
		r = reader->read(reader, layout->header.bat_off +
				 (u64)block * sizeof(*raw), buf,
				 n * sizeof(*raw));
		for (i = 0; !r && i < n; i++) {
			sector = be32_to_cpu(raw[i]);
			if (sector != VHD_BAT_UNALLOCATED)
				r = visit(arg, block + i, sector,
					  vhd_load_entry(layout, space,
							 sector));
		}
		if (r)
			return r;
		vhdx_relax();
	}
	return 0;
}

/**
 * vhd_load_next_id() - the UniqueId that a parent gets when a child is merged into it
 * @next: result
 * @id: the one that it has
 * @child: the child's own
 *
 * It follows from the two, so that the child can name it before the parent has it: those
 * are two writes, and there is no order of them that would leave one name at any time.
 * Unlike a mere difference it does not come back to @id when that is done again.
 *
 * Context: any.
 */
void vhd_load_next_id(guid_t *next, const guid_t *id, const guid_t *child)
{
	u32 i;

	for (i = 0; i < sizeof(next->b); i++)
		next->b[i] = id->b[(i + 1) % sizeof(id->b)] * 5 + child->b[i] + 1;
}

/**
 * vhd_load_takes_parent() - does a child mean the image with this UniqueId?
 * @child: a differencing image, complete
 * @id: the UniqueId
 *
 * Also where a merge into that was cut off between the child and the parent: nothing has
 * been written to the parent then.
 *
 * Context: any.
 * Return: true if so.
 */
bool vhd_load_takes_parent(const struct vhd_layout *child, const guid_t *id)
{
	guid_t next;

	vhd_load_next_id(&next, id, &child->footer.id);
	return guid_equal(&child->header.parent_id, id) ||
	       guid_equal(&child->header.parent_id, &next);
}

/**
 * vhd_load_check_parent() - is this the parent of a child?
 * @child: a differencing image, complete
 * @parent: complete
 *
 * Case 115.  Hyper-V does not keep the time of the parent's last change, so that
 * is not compared; and where one disk is shorter than the other it is so.
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhd_load_check_parent(const struct vhd_layout *child,
			  const struct vhd_layout *parent)
{
	return vhd_load_takes_parent(child, &parent->footer.id) ? 0 :
	       VHDX_FAULT_VHD_PARENT_ID;
}

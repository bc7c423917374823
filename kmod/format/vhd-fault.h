/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be wrong with a VHD image: part of the one list in vhdx-fault.h,
 * so that whoever gets a fault need not know of which format it is.
 */
#ifndef VHD_FAULT_H
#define VHD_FAULT_H

#define VHD_ADVICE_NOT_VHD	"if it is a raw disk, map it as it is"

#define VHD_FAULTS(F) \
	/* Footer */ \
	F(VHD_NO_FOOTER, EINVAL, "no VHD image: no good footer, at the end or at the start", \
	  VHDX_ADVICE_WHOLE ", or " VHD_ADVICE_NOT_VHD) /* 96 */ \
	F(VHD_IS_VHDX,	EINVAL, "a VHDX image: use the target 'vhdx'", \
	  "or 'vhdx attach'") \
	F(VHD_FIXED_CUT, EINVAL, "the footer of a fixed VHD image is at its start only", \
	  VHDX_ADVICE_WHOLE ", or " VHD_ADVICE_NOT_VHD) /* 95 */ \
	F(VHD_POISON,	EBUSY, "marked by XenServer as not to be used", \
	  "let XenServer finish what it does with it") /* 119 */ \
	F(VHD_SHORT,	EOPNOTSUPP, "a footer of 511 bytes, so the VHD image cannot be written", \
	  "map it read-only, or " VHDX_ADVICE_REPAIR) /* 97 */ \
	F(VHD_SAVED,	EROFS, "the VHD image belongs to a machine whose state is saved", \
	  "map it with --readonly, or let the machine go on and shut it down") /* 116 */ \
	F(VHD_VERSION,	EOPNOTSUPP, "unknown VHD version", VHDX_ADVICE_NEWER) /* 98 */ \
	F(VHD_TYPE,	EINVAL, "a VHD image neither fixed, dynamic nor differencing", \
	  VHDX_ADVICE_COPY) /* 98 */ \
	F(VHD_SIZE,	EINVAL, "the VHD image has no disk size", \
	  VHDX_ADVICE_COPY) /* 99, 101 */ \
	F(VHD_HUGE,	EFBIG, "the disk is larger than 2040 GiB", VHDX_ADVICE_COPY) /* 102 */ \
	F(VHD_DISK_CUT,	EINVAL, "a fixed VHD image that is shorter than its disk", \
	  VHDX_ADVICE_WHOLE) /* 99 */ \
	F(VHD_SECTOR_LARGE, EOPNOTSUPP, \
	  "backing device's logical sectors are larger than those of a VHD image", \
	  "attach it through a loop device with sectors of 512 bytes") \
	/* Header of dynamic and differencing images */ \
	F(VHD_HEADER_OFFSET, EINVAL, "the footer names no place for the header", \
	  VHDX_ADVICE_COPY) /* 103 */ \
	F(VHD_HEADER,	EINVAL, "the header of the VHD image is damaged, and has no copy", \
	  VHDX_ADVICE_COPY) /* 104 */ \
	F(VHD_HEADER_VERSION, EOPNOTSUPP, "unknown version of the VHD header", \
	  VHDX_ADVICE_NEWER) /* 104 */ \
	F(VHD_BLOCK_SIZE, EINVAL, "the block size is no power of two from 4 KiB to 256 MiB", \
	  VHDX_ADVICE_COPY) /* 105 */ \
	F(VHD_BLOCK_COUNT, EFBIG, \
	  "more than 33554432 blocks, or places for twice as many: too many to keep in memory", \
	  "convert it with 'qemu-img convert' to blocks of 2 MiB") /* 105 */ \
	F(VHD_TABLE_SHORT, EINVAL, "the BAT is too small for the disk", \
	  VHDX_ADVICE_COPY) /* 106 */ \
	F(VHD_TABLE_RANGE, EINVAL, "the BAT reaches past the end", \
	  VHDX_ADVICE_WHOLE) /* 106 */ \
	F(VHD_TABLE_OFFSET, EINVAL, "the BAT is not aligned, or inside a footer or the header", \
	  VHDX_ADVICE_COPY) /* 107 */ \
	/* BAT */ \
	F(VHD_BAT_TABLES, EINVAL, "a BAT entry points into footer, header, BAT or locators", \
	  VHDX_ADVICE_CHECK) /* 108, 111 */ \
	F(VHD_BAT_RANGE, EINVAL, "a BAT entry points past the end of the VHD image", \
	  VHDX_ADVICE_CUT) /* 109 */ \
	F(VHD_BAT_OVERLAP, EINVAL, "two blocks of the VHD image overlap", \
	  VHDX_ADVICE_CHECK) /* 110 */ \
	F(VHD_BATMAP,	EINVAL, "a map of full blocks that has one which is not there", \
	  "map it with --readonly") \
	F(VHD_TWO_IMAGES, EINVAL, "the footers at the end and at the start are of two VHD images", \
	  "zero the device's last sector if the one at the start counts, or " VHDX_ADVICE_REPAIR) \
	F(VHD_NO_ROOM,	ENOSPC, "the backing device has no room for a footer behind the blocks", \
	  "extend it by a MiB") \
	/* Chains */ \
	F(VHD_NO_PARENT, EINVAL, "the VHD image has no usable path of its parent", \
	  "name the parent") /* 114 */ \
	F(VHD_PARENT_ID, EINVAL, "the parent is not the one that the VHD image was made from", \
	  "name the right parent") /* 115 */ \
	F(VHD_SPLIT,	EOPNOTSUPP, "a VHD image that is split into several files", \
	  "join them with the software that split it") /* 118 */

#endif /* VHD_FAULT_H */

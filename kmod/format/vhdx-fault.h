/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything that can be wrong with an image, once: the errno the kernel
 * returns, the sentence that module and tool print, and what to do about it.
 *
 * The format code returns int: 0, one of these (positive), or the negative
 * errno of a read that failed.  The numbers in comments are those of
 * Documentation/on-disk.md, "Malformed images".
 */
#ifndef VHDX_FAULT_H
#define VHDX_FAULT_H

#include "vhd-fault.h"
#include "vhdx-shim.h"

#define VHDX_ADVICE_COPY	"restore the image from a copy"
#define VHDX_ADVICE_CHECK	"run 'vhdx check' on it"
#define VHDX_ADVICE_REPAIR	"run 'vhdx check --repair' on it"
#define VHDX_ADVICE_SALVAGE "run 'vhdx check --repair=salvage' on a copy of it"
#define VHDX_ADVICE_CUT		"get the whole image again, or " VHDX_ADVICE_SALVAGE
#define VHDX_ADVICE_NEWER	"it needs newer software"
#define VHDX_ADVICE_WHOLE	"make sure that the copy of the image is complete"

#define VHDX_FAULTS(F) \
	/* File identifier and headers */ \
	F(TOO_SHORT,	EINVAL, "shorter than 1 MiB, too short for a VHDX image", \
	  VHDX_ADVICE_WHOLE) /* 1 */ \
	F(NOT_VHDX,	EINVAL, "no VHDX image: the signature 'vhdxfile' is missing", \
	  "check that this is the right device or file") /* 2 */ \
	F(IS_VHD,	EINVAL, "a VHD image: use the target 'vhd'", \
	  "or 'vhdx attach'") \
	F(NO_HEADER,	EINVAL, "both headers are damaged", VHDX_ADVICE_SALVAGE) /* 4 */ \
	F(HEADER_TIE,	EINVAL, "two different headers carry the same sequence number", \
	  VHDX_ADVICE_SALVAGE) /* 5 */ \
	F(HEADER_SEQ_MAX, EINVAL, "the header sequence number is used up", \
	  "map it read-only, or convert it with 'qemu-img convert'") /* 6 */ \
	F(VERSION,	EOPNOTSUPP, "unknown VHDX version", VHDX_ADVICE_NEWER) /* 7 */ \
	F(LOG_VERSION,	EOPNOTSUPP, "unknown log version with a log to replay", \
	  VHDX_ADVICE_NEWER) /* 8 */ \
	F(LOG_ALIGN,	EINVAL, "the log is not aligned to 1 MiB", \
	  VHDX_ADVICE_COPY) /* 9 */ \
	F(LOG_RANGE,	EINVAL, "the log reaches past the end", VHDX_ADVICE_CUT) /* 10 */ \
	F(LOG_NONE_DIRTY, EINVAL, "a log to replay but no space for a log", \
	  VHDX_ADVICE_COPY) /* 11 */ \
	F(LOG_HUGE,	EFBIG, "the log is larger than 1 GiB", \
	  "replay it with the software that wrote the image") /* 12 */ \
	F(LOG_NONE,	EOPNOTSUPP, "the image has no log, so it cannot be written", \
	  "map it read-only") /* 13 */ \
	/* Region tables */ \
	F(NO_REGION_TABLE, EINVAL, "both region tables are damaged", \
	  VHDX_ADVICE_COPY) /* 16 */ \
	F(REGION_COUNT,	EINVAL, "the region table has more than 2047 entries", \
	  VHDX_ADVICE_COPY) /* 18 */ \
	F(REGION_TWICE,	EINVAL, "the region table names one region twice", \
	  VHDX_ADVICE_COPY) /* 19 */ \
	F(NO_BAT,	EINVAL, "the region table names no BAT", \
	  VHDX_ADVICE_COPY) /* 20 */ \
	F(NO_METADATA,	EINVAL, "the region table names no metadata region", \
	  VHDX_ADVICE_COPY) /* 20 */ \
	F(REGION_UNKNOWN, EOPNOTSUPP, "the image requires an unknown region", \
	  VHDX_ADVICE_NEWER) /* 21 */ \
	F(REGION_ALIGN,	EINVAL, "a region is empty or not aligned to 1 MiB", \
	  VHDX_ADVICE_COPY) /* 22 */ \
	F(REGION_RANGE,	EINVAL, "a region reaches past the end", \
	  VHDX_ADVICE_WHOLE) /* 23 */ \
	F(REGION_OVERLAP, EINVAL, "a region overlaps the log or another region", \
	  VHDX_ADVICE_COPY) /* 24 */ \
	F(REGION_RESERVED, EINVAL, "reserved bits are set in the region table", \
	  VHDX_ADVICE_COPY) /* 25 */ \
	/* Metadata */ \
	F(META_SIGNATURE, EINVAL, "the metadata table has no signature", \
	  VHDX_ADVICE_COPY) /* 26 */ \
	F(META_COUNT,	EINVAL, "the metadata table has more than 2047 entries", \
	  VHDX_ADVICE_COPY) /* 26 */ \
	F(META_HUGE,	EINVAL, "the metadata region is larger than 128 MiB", \
	  VHDX_ADVICE_COPY) /* 27 */ \
	F(META_LOW,	EINVAL, "a metadata item lies inside the metadata table", \
	  VHDX_ADVICE_COPY) /* 28 */ \
	F(META_RANGE,	EINVAL, "a metadata item reaches past its region", \
	  VHDX_ADVICE_COPY) /* 29 */ \
	F(META_OVERLAP,	EINVAL, "two metadata items overlap", VHDX_ADVICE_COPY) /* 30 */ \
	F(META_EMPTY,	EINVAL, "an empty metadata item has an offset", \
	  VHDX_ADVICE_COPY) /* 31 */ \
	F(META_LONG,	EINVAL, "a metadata item is longer than 1 MiB", \
	  VHDX_ADVICE_COPY) /* 31 */ \
	F(META_TWICE,	EINVAL, "the metadata table names one item twice", \
	  VHDX_ADVICE_COPY) /* 32 */ \
	F(META_USER_COUNT, EINVAL, "more than 1024 user metadata items", \
	  VHDX_ADVICE_COPY) /* 33 */ \
	F(META_USER_REQUIRED, EINVAL, "a user metadata item claims to be required", \
	  VHDX_ADVICE_COPY) /* 33 */ \
	F(META_MISSING,	EINVAL, "a required metadata item is missing", \
	  VHDX_ADVICE_COPY) /* 35 */ \
	F(META_LENGTH,	EINVAL, "a metadata item has the wrong length", \
	  VHDX_ADVICE_COPY) /* 36 */ \
	F(META_UNKNOWN,	EOPNOTSUPP, "the image requires an unknown metadata item", \
	  VHDX_ADVICE_NEWER) /* 37 */ \
	F(INCOMPLETE,	EOPNOTSUPP, "the image is marked as incomplete", \
	  "finish the operation that was creating it") /* 37 */ \
	F(BLOCK_SIZE,	EINVAL, "the block size is no power of two from 1 to 256 MiB", \
	  VHDX_ADVICE_COPY) /* 39 */ \
	F(LOGICAL_SIZE,	EINVAL, "the logical sector size is neither 512 nor 4096", \
	  VHDX_ADVICE_COPY) /* 40 */ \
	F(PHYSICAL_SIZE, EINVAL, "the physical sector size is neither 512 nor 4096", \
	  VHDX_ADVICE_COPY) /* 40 */ \
	F(DISK_SIZE,	EINVAL, "the disk size is zero or no multiple of the sector size", \
	  VHDX_ADVICE_COPY) /* 41 */ \
	F(DISK_HUGE,	EFBIG, "the disk is larger than 64 TiB", VHDX_ADVICE_COPY) /* 41 */ \
	F(PARAM_RESERVED, EINVAL, "reserved bits are set in the file parameters", \
	  VHDX_ADVICE_COPY) /* 42 */ \
	F(SECTOR_SMALL, EOPNOTSUPP, \
	  "backing device's logical sectors are larger than the image's", \
	  "attach it through a loop device with the image's sector size") /* 43 */ \
	F(NO_LOCATOR,	EINVAL, "a differencing image without a parent locator", \
	  VHDX_ADVICE_COPY) /* 44 */ \
	F(LOCATOR_SHORT, EINVAL, "the parent locator is too short", \
	  VHDX_ADVICE_COPY) /* 45 */ \
	F(LOCATOR_COUNT, EINVAL, "the parent locator has no entries or more than 256", \
	  VHDX_ADVICE_COPY) /* 45 */ \
	F(LOCATOR_RANGE, EINVAL, "an entry of the parent locator points out of it", \
	  VHDX_ADVICE_COPY) /* 46 */ \
	F(LOCATOR_TEXT,	EINVAL, "an entry of the parent locator is no UTF-16 text", \
	  VHDX_ADVICE_COPY) /* 46 */ \
	F(LOCATOR_TYPE,	EOPNOTSUPP, "a parent locator of an unknown type", \
	  VHDX_ADVICE_NEWER) /* 47 */ \
	F(LOCATOR_TWICE, EINVAL, "the parent locator has a key twice", \
	  VHDX_ADVICE_COPY) /* 48 */ \
	F(LOCATOR_LINKAGE, EINVAL, "the parent locator has no GUID of the parent", \
	  VHDX_ADVICE_COPY) /* 48 */ \
	F(HAS_PARENT,	EINVAL, "a differencing image needs its parents", \
	  "attach it with 'vhdx attach', which finds them") \
	/* BAT */ \
	F(BAT_SHORT,	EINVAL, "the BAT region is too small for the disk", \
	  VHDX_ADVICE_COPY) /* 52 */ \
	F(BAT_RESERVED,	EINVAL, "reserved bits are set in a BAT entry", \
	  VHDX_ADVICE_CHECK) /* 54 */ \
	F(BAT_STATE,	EINVAL, "a BAT entry has an invalid state", \
	  VHDX_ADVICE_CHECK) /* 55 */ \
	F(BAT_OFFSET,	EINVAL, "a BAT entry points into the header area", \
	  VHDX_ADVICE_CHECK) /* 56 */ \
	F(BAT_FAR,	EFBIG, "a BAT entry points past the 256 TiB that can be addressed", \
	  VHDX_ADVICE_CHECK) /* 57 */ \
	F(BAT_RANGE,	EINVAL, "a BAT entry points past the end", \
	  VHDX_ADVICE_CUT) /* 58 */ \
	F(BAT_CUT,	EINVAL, "the last block is cut short by the end", \
	  "extend the file or device by the rest of the block, or map it read-only") /* 59 */ \
	F(BAT_OVERLAP,	EINVAL, "a block overlaps the log, a region or another block", \
	  VHDX_ADVICE_CHECK) /* 60, 61 */ \
	F(BAT_PARTIAL,	EINVAL, "a partially present block without a parent", \
	  VHDX_ADVICE_CHECK) /* 62 */ \
	F(BITMAP_PRESENT, EINVAL, "a sector bitmap entry holds what may be a block's", \
	  "map it read-only, and run 'vhdx check' on it") /* 64 */ \
	F(BITMAP_STATE,	EINVAL, "a sector bitmap entry has an invalid state", \
	  VHDX_ADVICE_CHECK) /* 64 */ \
	F(BITMAP_MISSING, EINVAL, "partially present blocks without a sector bitmap", \
	  VHDX_ADVICE_CHECK) /* 63 */ \
	F(BAT_ANCHOR,	EINVAL, "an unmapped block keeps space that it cannot own", \
	  "map it read-only, or " VHDX_ADVICE_SALVAGE) /* 66 */ \
	/* Log */ \
	F(LOG_LOST,	EINVAL, "the log holds no valid sequence", \
	  VHDX_ADVICE_SALVAGE) /* 70 */ \
	F(LOG_TARGET,	EINVAL, "the log writes past the end", VHDX_ADVICE_WHOLE) /* 84 */ \
	F(FILE_CUT,	EINVAL, "shorter than the log says, it was cut off", \
	  VHDX_ADVICE_CUT) /* 87 */ \
	F(LOG_GROWS,	ENOSPC, "the log needs a larger backing device", \
	  "extend the file or device, or map it read-only") /* 88 */ \
	F(LOG_ABSURD,	EFBIG, "the log asks for an absurd file size", \
	  VHDX_ADVICE_COPY) /* 88 */ \
	F(LOG_MEMORY,	ENOMEM, "too little memory for the log's changes", \
	  "run 'vhdx replay' on it first") \
	/* Chain */ \
	F(CHAIN_LINKAGE, EINVAL, \
	  "the parent is not what the child was made from, or has changed since", \
	  "name the right parent; 'vhdx chain' shows both GUIDs") /* 50 */ \
	F(CHAIN_NO_CHILD, EINVAL, "this is no differencing image, so it has no parent", \
	  "name no parent for it") \
	F(CHAIN_SECTOR,	EINVAL, "parent and child have logical sectors of different size", \
	  "name the right parent") /* 51 */ \
	F(CHAIN_LOOP,	ELOOP, "the chain of parents leads back to itself", \
	  "name the right parent") /* 51 */ \
	F(CHAIN_DEEP,	ELOOP, "a chain of more than 256 images", \
	  "merge some of them first") /* 51 */ \
	F(CHAIN_SPACE,	EFBIG, "the images of the chain take more than 256 TiB together", \
	  "merge some of them first")

enum vhdx_fault {
	VHDX_OK,
#define VHDX_FAULT_ENUM(name, err, text, advice) VHDX_FAULT_##name,
	VHDX_FAULTS(VHDX_FAULT_ENUM)
	VHD_FAULTS(VHDX_FAULT_ENUM)
#undef VHDX_FAULT_ENUM
	VHDX_NR_FAULTS
};

const char *vhdx_fault_name(int result);
const char *vhdx_fault_text(int result);
const char *vhdx_fault_advice(int result);
int vhdx_fault_errno(int result);

#endif /* VHDX_FAULT_H */

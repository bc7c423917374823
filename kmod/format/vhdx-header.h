/* SPDX-License-Identifier: GPL-2.0 */
/* File identifier and header pair (MS-VHDX 2.2.1, 2.2.2). */
#ifndef VHDX_HEADER_H
#define VHDX_HEADER_H

#include "vhdx-disk.h"
#include "vhdx-fault.h"

/**
 * struct vhdx_header - a decoded header
 * @sequence: the higher one of a pair is current
 * @file_write_guid: changes before the first change of any kind
 * @data_write_guid: changes before the first change a reader could see
 * @log_guid: null where the log is empty
 * @log_version: 0
 * @version: 1
 * @log_length: bytes
 * @log_off: bytes from the start of the image
 */
struct vhdx_header {
	u64 sequence;
	guid_t file_write_guid;
	guid_t data_write_guid;
	guid_t log_guid;
	u16 log_version;
	u16 version;
	u32 log_length;
	u64 log_off;
};

int vhdx_ident_check(const void *buf);
void vhdx_ident_encode(void *buf, const char *creator);
bool vhdx_header_fields(const void *buf, struct vhdx_header *header);
bool vhdx_header_decode(const void *buf, struct vhdx_header *header);
void vhdx_header_encode(const struct vhdx_header *header, void *buf);
int vhdx_header_select(const void *first, const void *second,
		       struct vhdx_header *header, int *slot, bool *damaged);
int vhdx_header_check(const struct vhdx_header *header, u64 image_bytes);
int vhdx_header_check_writable(const struct vhdx_header *header);
u32 vhdx_checksum(const void *buf, size_t bytes);

#endif /* VHDX_HEADER_H */

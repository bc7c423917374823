/* SPDX-License-Identifier: GPL-2.0 */
/* Parent locator: which image a differencing image is based on (MS-VHDX 2.6.2.6). */
#ifndef VHDX_LOCATOR_H
#define VHDX_LOCATOR_H

#include "vhdx-disk.h"
#include "vhdx-fault.h"

/* Keys that mean something. */
#define VHDX_LOCATOR_LINKAGE	"parent_linkage"
#define VHDX_LOCATOR_LINKAGE2	"parent_linkage2"
#define VHDX_LOCATOR_RELATIVE	"relative_path"
#define VHDX_LOCATOR_VOLUME	"volume_path"
#define VHDX_LOCATOR_ABSOLUTE	"absolute_win32_path"

/**
 * struct vhdx_locator_text - a key or value
 * @utf16: UTF-16LE, not aligned, without an end
 * @bytes: its length
 */
struct vhdx_locator_text {
	const u8 *utf16;
	u32 bytes;
};

/**
 * struct vhdx_locator_pair - an entry of a locator
 * @key: what is said
 * @value: what it is
 */
struct vhdx_locator_pair {
	struct vhdx_locator_text key;
	struct vhdx_locator_text value;
};

/**
 * struct vhdx_locator_words - an entry of a locator that is to be built
 * @key: what is said, in UTF-8
 * @value: what it is
 */
struct vhdx_locator_words {
	const char *key;
	const char *value;
};

bool vhdx_locator_text_valid(const struct vhdx_locator_text *text);
int vhdx_locator_check(const void *item, u32 bytes);
u32 vhdx_locator_count(const void *item);
void vhdx_locator_decode(const void *item, u32 index,
			 struct vhdx_locator_pair *pair);
bool vhdx_locator_find(const void *item, const char *key,
		       struct vhdx_locator_text *value);
u32 vhdx_locator_linkage(const void *item, guid_t linkage[2]);
bool vhdx_linkage_accepts(const guid_t *linkage, u32 count,
			  const guid_t *data_write_guid);
bool vhdx_locator_accepts(const void *item, const guid_t *data_write_guid);
bool vhdx_locator_guid(const struct vhdx_locator_text *text, guid_t *guid);
u32 vhdx_locator_build(void *item, u32 size,
		       const struct vhdx_locator_words *words, u32 count);
u32 vhdx_locator_utf8(const struct vhdx_locator_text *text, char *buf, u32 size);

#endif /* VHDX_LOCATOR_H */

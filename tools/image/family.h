/* SPDX-License-Identifier: GPL-2.0 */
/* Images, and which of them is whose parent. */
#ifndef VHDX_TOOLS_FAMILY_H
#define VHDX_TOOLS_FAMILY_H

#include "parent.h"

/**
 * enum family_link - how an image and its parent get along
 * @FAMILY_ROOT: it has none
 * @FAMILY_FOUND: well
 * @FAMILY_MISSING: it was not found
 * @FAMILY_REFUSED: what may be it cannot be opened or read
 * @FAMILY_CHANGED: what is there has another GUID
 * @FAMILY_SECTORS: it has sectors of another size
 * @FAMILY_FORMAT: it is an image of the other format
 * @FAMILY_LOOP: it is a descendant
 */
enum family_link {
	FAMILY_ROOT,
	FAMILY_FOUND,
	FAMILY_MISSING,
	FAMILY_REFUSED,
	FAMILY_CHANGED,
	FAMILY_SECTORS,
	FAMILY_FORMAT,
	FAMILY_LOOP,
};

#define FAMILY_NOBODY	(~0U)

/**
 * struct family_member - an image
 * @path: where it was found
 * @st: its file
 * @result: 0 or what is wrong with it: a fault or a negative errno
 * @foreign: it is neither a VHDX image nor a VHD image
 * @is_vhd: it is a VHD image
 * @meta: its metadata
 * @guid: its DataWriteGuid; of a VHD image its UniqueId
 * @dirty: its log has to be replayed
 * @link: how it gets along with its parent
 * @linkage: the parent's GUID, as the image says
 * @parent: number of the parent; FAMILY_NOBODY: it is not here
 * @sought: where the parent was looked for
 */
struct family_member {
	char *path;
	struct stat st;
	int result;
	bool foreign;
	bool is_vhd;
	struct vhdx_meta meta;
	guid_t guid;
	bool dirty;
	enum family_link link;
	guid_t linkage;
	unsigned int parent;
	struct parent sought;
};

/**
 * struct family - all of them
 * @member: parents come after those of their children that were found first
 * @count: how many
 */
struct family {
	struct family_member *member;
	unsigned int count;
};

int family_add(struct family *family, const char *path,
	       const struct parent_search *search);
int family_add_dir(struct family *family, const char *dir,
		   const struct parent_search *search);
bool family_is_broken(const struct family *family);
void family_free(struct family *family);

#endif /* VHDX_TOOLS_FAMILY_H */

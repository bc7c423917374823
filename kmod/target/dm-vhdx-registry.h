/* SPDX-License-Identifier: GPL-2.0 */
/* Which backing devices are in use, and what tables leave: see dm-vhdx-registry.c. */
#ifndef DM_VHDX_REGISTRY_H
#define DM_VHDX_REGISTRY_H

#include <linux/list.h>
#include <linux/types.h>

struct dm_table;
struct vhdx_estate;
struct vhdx_header;

/**
 * struct vhdx_limits - what of an image becomes queue limits; in bytes
 * @logical: logical sector size, 0 while unknown
 * @physical: physical sector size
 * @block: block size
 * @frees: blocks can be freed
 */
struct vhdx_limits {
	u32 logical;
	u32 physical;
	u32 block;
	bool frees;
};

/**
 * struct vhdx_legacy - what a table leaves to the next one of its device
 * @used_mib: space below this was taken at some time, or lost: it is not zero
 * @footer_mib: of a VHD image: there may be a footer at the end of a device of this
 *              size
 * @lost: writes that were acknowledged are gone; the next flush has to say so
 */
struct vhdx_legacy {
	u32 used_mib;
	u32 footer_mib;
	bool lost;
};

/**
 * enum vhdx_user_state - what a table does with its backing device
 * @VHDX_USER_LOADING: it was loaded, and not resumed yet
 * @VHDX_USER_ACTIVE: it is resumed, or about to be: the image may change
 * @VHDX_USER_QUIESCED: it is suspended, or its resume has failed
 */
enum vhdx_user_state {
	VHDX_USER_LOADING,
	VHDX_USER_ACTIVE,
	VHDX_USER_QUIESCED,
};

/**
 * struct vhdx_user - one table's use of a backing device
 * @list: in the registry
 * @dev: the backing device
 * @table: the table
 * @writable: it means to write
 * @state: what it does
 * @estate: what it shares with other tables of its mapped device
 * @wakes: the estate's, when the table was loaded
 * @edits: likewise, or when it was last resumed
 * @limits: of the image; a table that waits for the live one's end has them
 *          from there, as dm asks for them before it lets it look itself
 */
struct vhdx_user {
	struct list_head list;
	dev_t dev;
	struct dm_table *table;
	bool writable;
	enum vhdx_user_state state;
	struct vhdx_estate *estate;
	unsigned int wakes;
	unsigned int edits;
	struct vhdx_limits limits;
};

int vhdx_registry_add(struct vhdx_user *user);
bool vhdx_registry_is_live(struct vhdx_user *user);
bool vhdx_registry_is_ours(const struct vhdx_user *user);
void vhdx_registry_set_limits(struct vhdx_user *user,
			      const struct vhdx_limits *limits);
void vhdx_registry_set_state(struct vhdx_user *user,
			     enum vhdx_user_state state);
void vhdx_registry_leave(struct vhdx_user *user,
			 const struct vhdx_legacy *legacy,
			 const struct vhdx_header *header);
bool vhdx_registry_inherit(struct vhdx_user *user,
			   const struct vhdx_header *header,
			   struct vhdx_legacy *legacy);
void vhdx_registry_inherited(struct vhdx_user *user);
void vhdx_registry_del(struct vhdx_user *user);
void vhdx_registry_exit(void);

#endif /* DM_VHDX_REGISTRY_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: registry
 *
 * Which backing devices are in use, by whom, and how; and what the tables of a
 * mapped device leave to each other.
 *
 * One writer, or any number of readers.  The exception are the tables of one
 * mapped device: dm loads the next while the live one still runs, and suspends
 * the live one before it resumes the next.  A table that is loaded judges the
 * image, unless one of the same mapped device is ACTIVE and may be writing it
 * right now; then it is told so and reads the image at its resume.
 *
 * A table may leave writes that are lost though they were acknowledged, and
 * space that was taken though the image does not say so.  Both have to reach the
 * next table that is resumed, whatever comes between: tables that fail to
 * resume, read-only ones, tables of other devices or targets.  So they are kept
 * per mapped device and backing device, in an estate, until the mapped device is
 * gone.  For that, an estate holds a reference to the gendisk: as long as it
 * does nobody else can have that address, and the gendisk says when it is dead.
 * (A reference to the mapped device itself would keep it from being removed.)
 * Estates of dead disks are freed with the last table, or, if none of ours was
 * there at that time, with the next call, at the latest when the module goes.
 */
#include <linux/slab.h>

#include "dm-vhdx.h"

/**
 * struct vhdx_estate - what the tables of a mapped device share of an image
 * @list: all of them
 * @disk: of the mapped device; a reference
 * @dev: the backing device
 * @users: tables
 * @wakes: how often one of them began to use the image
 * @edits: how often a resume found that somebody else had changed it
 * @known: @sequence and @guid are
 * @sequence: of the image's header when last seen or written by a table
 * @guid: its FileWriteGuid
 * @limits: of the image when last loaded
 * @legacy: for the next table
 */
struct vhdx_estate {
	struct list_head list;
	struct gendisk *disk;
	dev_t dev;
	unsigned int users;
	unsigned int wakes;
	unsigned int edits;
	bool known;
	u64 sequence;
	guid_t guid;
	struct vhdx_limits limits;
	struct vhdx_legacy legacy;
};

static DEFINE_MUTEX(vhdx_registry_mutex);	/* protects all of it */
static LIST_HEAD(vhdx_registry);
static LIST_HEAD(vhdx_estates);

static bool vhdx_estate_is_dead(const struct vhdx_estate *estate)
{
	return test_bit(GD_DEAD, &estate->disk->state);
}

/* Move those that are of no use to @gone.  The mutex is held. */
static void vhdx_estates_sort_out(struct list_head *gone)
{
	struct vhdx_estate *estate, *next;

	lockdep_assert_held(&vhdx_registry_mutex);
	list_for_each_entry_safe(estate, next, &vhdx_estates, list) {
		if (estate->users)
			continue;
		if (vhdx_estate_is_dead(estate) ||
		    (!estate->legacy.lost && !estate->legacy.used_mib))
			list_move(&estate->list, gone);
	}
}

/* Without the mutex: the last reference to a gendisk takes a while. */
static void vhdx_estates_free(struct list_head *gone)
{
	struct vhdx_estate *estate, *next;

	list_for_each_entry_safe(estate, next, gone, list) {
		put_disk(estate->disk);
		kfree(estate);
	}
}

/* The estate of @user's devices; @fresh becomes it if there is none. */
static struct vhdx_estate *vhdx_estate_find(const struct vhdx_user *user,
					    struct vhdx_estate **fresh)
{
	struct gendisk *disk = dm_disk(dm_table_get_md(user->table));
	struct vhdx_estate *estate;

	list_for_each_entry(estate, &vhdx_estates, list)
		if (estate->dev == user->dev && estate->disk == disk)
			return estate;
	estate = *fresh;
	*fresh = NULL;
	get_device(disk_to_dev(disk));
	estate->disk = disk;
	estate->dev = user->dev;
	list_add(&estate->list, &vhdx_estates);
	return estate;
}

static bool vhdx_registry_excludes(const struct vhdx_user *user)
{
	struct vhdx_user *other;

	list_for_each_entry(other, &vhdx_registry, list) {
		if (other->dev != user->dev ||
		    (!other->writable && !user->writable))
			continue;	/* nobody writes */
		if (other->table == user->table ||
		    dm_table_get_md(other->table) !=
		    dm_table_get_md(user->table))
			return true;
	}
	return false;
}

/**
 * vhdx_registry_add() - begin to use a backing device
 * @user: its device, table and writable set by the caller, the rest zeros
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EBUSY if the device is in use in a way that excludes
 * @user.
 */
int vhdx_registry_add(struct vhdx_user *user)
{
	struct vhdx_estate *fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
	LIST_HEAD(gone);
	int r = 0;

	if (!fresh)
		return -ENOMEM;
	mutex_lock(&vhdx_registry_mutex);
	vhdx_estates_sort_out(&gone);
	if (vhdx_registry_excludes(user)) {
		r = -EBUSY;
	} else {
		user->state = VHDX_USER_LOADING;
		user->estate = vhdx_estate_find(user, &fresh);
		user->estate->users++;
		user->wakes = user->estate->wakes;
		user->edits = user->estate->edits;
		list_add(&user->list, &vhdx_registry);
	}
	mutex_unlock(&vhdx_registry_mutex);
	vhdx_estates_free(&gone);
	kfree(fresh);
	return r;
}

/**
 * vhdx_registry_is_live() - may another table have written the image meanwhile?
 * @user: from vhdx_registry_add()
 *
 * Since it was added, that is.  If so, what @user has read may be half of one
 * state and half of another, and it gets the limits from the other one: dm asks
 * for them before it lets @user look itself.
 *
 * Context: may sleep.
 * Return: true if one is active, or was.
 */
bool vhdx_registry_is_live(struct vhdx_user *user)
{
	struct vhdx_user *other;
	bool live;

	mutex_lock(&vhdx_registry_mutex);
	live = user->wakes != user->estate->wakes;
	list_for_each_entry(other, &vhdx_registry, list)
		live |= other->estate == user->estate && other->writable &&
			other->state == VHDX_USER_ACTIVE;
	if (live)
		user->limits = user->estate->limits;
	mutex_unlock(&vhdx_registry_mutex);
	return live;
}

static bool vhdx_registry_is_active(const struct dm_table *table)
{
	const struct vhdx_user *user;

	list_for_each_entry(user, &vhdx_registry, list)
		if (user->table == table && user->state == VHDX_USER_ACTIVE)
			return true;
	return false;
}

/**
 * vhdx_registry_is_ours() - does nobody read a device right now but who asks?
 * @user: from vhdx_registry_add()
 *
 * Context: may sleep.
 * Return: true if all others that use it are tables of the same mapped device, and
 * not active: they look at it again before they are.
 */
bool vhdx_registry_is_ours(const struct vhdx_user *user)
{
	const struct vhdx_user *other;
	bool ours = true;

	mutex_lock(&vhdx_registry_mutex);
	list_for_each_entry(other, &vhdx_registry, list) {
		if (other->dev != user->dev || other->table == user->table)
			continue;
		ours &= dm_table_get_md(other->table) ==
			dm_table_get_md(user->table) &&
			!vhdx_registry_is_active(other->table);
	}
	mutex_unlock(&vhdx_registry_mutex);
	return ours;
}

/**
 * vhdx_registry_set_limits() - the image is loaded, these are its limits
 * @user: from vhdx_registry_add()
 * @limits: the limits
 *
 * Context: may sleep.
 */
void vhdx_registry_set_limits(struct vhdx_user *user,
			      const struct vhdx_limits *limits)
{
	mutex_lock(&vhdx_registry_mutex);
	user->limits = *limits;
	user->estate->limits = *limits;
	mutex_unlock(&vhdx_registry_mutex);
}

/**
 * vhdx_registry_set_state() - what does the table do?
 * @user: from vhdx_registry_add()
 * @state: ACTIVE before it may write, QUIESCED when it no longer does
 *
 * Context: may sleep.
 */
void vhdx_registry_set_state(struct vhdx_user *user, enum vhdx_user_state state)
{
	mutex_lock(&vhdx_registry_mutex);
	user->state = state;
	if (state == VHDX_USER_ACTIVE && user->writable)
		user->estate->wakes++;
	mutex_unlock(&vhdx_registry_mutex);
}

static void vhdx_estate_saw(struct vhdx_estate *estate,
			    const struct vhdx_header *header)
{
	estate->known = true;
	estate->sequence = header->sequence;
	estate->guid = header->file_write_guid;
}

/**
 * vhdx_registry_leave() - the table's turn is over, what should the next know?
 * @user: from vhdx_registry_add()
 * @legacy: what
 * @header: of the image as it is left
 *
 * Context: may sleep; suspended.
 */
void vhdx_registry_leave(struct vhdx_user *user,
			 const struct vhdx_legacy *legacy,
			 const struct vhdx_header *header)
{
	struct vhdx_estate *estate = user->estate;

	mutex_lock(&vhdx_registry_mutex);
	estate->legacy.used_mib = max(estate->legacy.used_mib,
				      legacy->used_mib);
	estate->legacy.footer_mib = max(estate->legacy.footer_mib,
					legacy->footer_mib);
	estate->legacy.lost |= legacy->lost;
	vhdx_estate_saw(estate, header);
	user->state = VHDX_USER_QUIESCED;
	mutex_unlock(&vhdx_registry_mutex);
}

/**
 * vhdx_registry_inherit() - what have the tables before left?
 * @user: from vhdx_registry_add()
 * @header: of the image as it is now
 * @legacy: result; all zeros if there is nothing
 *
 * It stays where it is until vhdx_registry_inherited(): the resume may yet fail,
 * and the next table be another one.
 *
 * Context: may sleep; about to resume.
 * Return: true if, since @user was added, nobody but tables of this mapped
 * device has changed the image.
 */
bool vhdx_registry_inherit(struct vhdx_user *user,
			   const struct vhdx_header *header,
			   struct vhdx_legacy *legacy)
{
	struct vhdx_estate *estate = user->estate, *other;
	bool ours;

	mutex_lock(&vhdx_registry_mutex);
	*legacy = estate->legacy;
	/* A disk's users are to hear of it, whatever the disk lies on by now. */
	list_for_each_entry(other, &vhdx_estates, list)
		legacy->lost |= other->disk == estate->disk &&
				other->legacy.lost;
	ours = estate->known && header->sequence == estate->sequence &&
	       guid_equal(&header->file_write_guid, &estate->guid);
	if (estate->known && !ours)
		estate->edits++;
	ours &= user->edits == estate->edits;
	user->edits = estate->edits;
	vhdx_estate_saw(estate, header);
	mutex_unlock(&vhdx_registry_mutex);
	return ours;
}

/**
 * vhdx_registry_inherited() - the table is resumed and will tell of what is lost
 * @user: from vhdx_registry_add()
 *
 * Context: may sleep.
 */
void vhdx_registry_inherited(struct vhdx_user *user)
{
	struct vhdx_estate *estate;

	mutex_lock(&vhdx_registry_mutex);
	list_for_each_entry(estate, &vhdx_estates, list)
		if (estate->disk == user->estate->disk)
			estate->legacy.lost = false;
	mutex_unlock(&vhdx_registry_mutex);
}

/**
 * vhdx_registry_del() - end the use of a backing device
 * @user: from vhdx_registry_add()
 *
 * Context: may sleep.
 */
void vhdx_registry_del(struct vhdx_user *user)
{
	LIST_HEAD(gone);

	mutex_lock(&vhdx_registry_mutex);
	list_del(&user->list);
	user->estate->users--;
	user->estate = NULL;
	vhdx_estates_sort_out(&gone);
	mutex_unlock(&vhdx_registry_mutex);
	vhdx_estates_free(&gone);
}

/**
 * vhdx_registry_exit() - forget everything
 *
 * Context: may sleep; no table is left.
 */
void vhdx_registry_exit(void)
{
	struct vhdx_estate *estate;
	LIST_HEAD(gone);

	mutex_lock(&vhdx_registry_mutex);
	list_splice_init(&vhdx_estates, &gone);
	mutex_unlock(&vhdx_registry_mutex);
	list_for_each_entry(estate, &gone, list)
		if (estate->legacy.lost && !vhdx_estate_is_dead(estate))
			DMWARN("%s: acknowledged writes are lost, and no flush will say so now",
			       estate->disk->disk_name);
	vhdx_estates_free(&gone);
}

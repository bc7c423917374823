// SPDX-License-Identifier: GPL-2.0
/*
 * Which backing devices are in use, by whom, and how.
 *
 * One writer, or any number of readers.  The exception is the next table of a
 * mapped device: dm loads it while the live one still runs, and suspends the
 * live one before it resumes the next.  Such a table must not look at an image
 * that is being written; it is told so and reads the image at its resume.
 */
#include "dm-vhdx.h"

static DEFINE_MUTEX(vhdx_registry_mutex);	/* protects the list */
static LIST_HEAD(vhdx_registry);

/**
 * vhdx_registry_add() - begin to use a backing device
 * @user: all fields but the list set by the caller
 * @live: result: another table of the same mapped device may be writing it
 *
 * Context: may sleep.
 * Return: 0, or -EBUSY if the device is in use in a way that excludes @user.
 */
int vhdx_registry_add(struct vhdx_user *user, bool *live)
{
	struct vhdx_user *other;
	int r = 0;

	*live = false;
	mutex_lock(&vhdx_registry_mutex);
	list_for_each_entry(other, &vhdx_registry, list) {
		if (other->dev != user->dev ||
		    (!other->writable && !user->writable))
			continue;	/* nobody writes */
		if (other->table == user->table ||
		    dm_table_get_md(other->table) !=
		    dm_table_get_md(user->table)) {
			r = -EBUSY;
			break;
		}
		*live = true;
		if (other->limits.logical)
			user->limits = other->limits;
	}
	if (!r)
		list_add(&user->list, &vhdx_registry);
	mutex_unlock(&vhdx_registry_mutex);
	return r;
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
	mutex_unlock(&vhdx_registry_mutex);
}

/**
 * vhdx_registry_leave() - the table's turn is over, what should the next know?
 * @user: from vhdx_registry_add()
 * @legacy: what
 *
 * Context: may sleep; suspended.
 */
void vhdx_registry_leave(struct vhdx_user *user,
			 const struct vhdx_legacy *legacy)
{
	mutex_lock(&vhdx_registry_mutex);
	user->legacy = *legacy;
	mutex_unlock(&vhdx_registry_mutex);
}

/**
 * vhdx_registry_inherit() - take over what the table before has left
 * @user: from vhdx_registry_add()
 * @legacy: result; all zeros if there is nothing
 *
 * Context: may sleep; about to resume.
 */
void vhdx_registry_inherit(struct vhdx_user *user, struct vhdx_legacy *legacy)
{
	struct vhdx_user *other;

	memset(legacy, 0, sizeof(*legacy));
	mutex_lock(&vhdx_registry_mutex);
	list_for_each_entry(other, &vhdx_registry, list) {
		if (other->dev != user->dev || !other->writable)
			continue;
		legacy->used_mib = max(legacy->used_mib,
				       other->legacy.used_mib);
		legacy->lost |= other->legacy.lost;
		other->legacy.lost = false;
	}
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
	mutex_lock(&vhdx_registry_mutex);
	list_del(&user->list);
	mutex_unlock(&vhdx_registry_mutex);
}

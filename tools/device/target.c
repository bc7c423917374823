// SPDX-License-Identifier: GPL-2.0
/*
 * Devices are addressed by number here: a name may be given to another device
 * while somebody waits for events of this one.
 */
#define _GNU_SOURCE
#include <libdevmapper.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "target.h"

/**
 * target_has_version() - is a target at least of a version?
 * @target: its name
 * @major: of the version
 * @minor: the same
 *
 * Return: false also if the kernel does not have it (yet).
 */
bool target_has_version(const char *target, u32 major, u32 minor)
{
	struct dm_task *task = dm_task_create(DM_DEVICE_LIST_VERSIONS);
	struct dm_versions *each;
	bool found = false;

	each = task && dm_task_run(task) ? dm_task_get_versions(task) : NULL;
	while (each) {
		if (!strcmp(each->name, target))
			found = each->version[0] > major ||
				(each->version[0] == major &&
				 each->version[1] >= minor);
		each = each->next ? (void *)((char *)each + each->next) : NULL;
	}
	if (task)
		dm_task_destroy(task);
	return found;
}

static struct dm_task *target_task(int type, dev_t dev)
{
	struct dm_task *task = dm_task_create(type);

	if (task && dm_task_set_major(task, major(dev)) &&
	    dm_task_set_minor(task, minor(dev)))
		return task;
	if (task)
		dm_task_destroy(task);
	return NULL;
}

static int target_run(struct dm_task *task)
{
	int r;

	if (dm_task_run(task))
		return 0;
	r = -(dm_task_get_errno(task) ?: EIO);
	return r == -ENXIO ? -ENODEV : r;
}

static int target_take(struct dm_task *task, struct mapping *mapping,
		       char params[MAPPING_PARAMS], u32 *event)
{
	uint64_t start = 0, length = 0;
	char *type = NULL, *text = NULL;
	struct dm_info info;

	if (!dm_task_get_info(task, &info) || !info.exists)
		return -ENODEV;
	snprintf(mapping->name, sizeof(mapping->name), "%s",
		 dm_task_get_name(task) ?: "");
	snprintf(mapping->uuid, sizeof(mapping->uuid), "%s",
		 dm_task_get_uuid(task) ?: "");
	mapping->dev = makedev(info.major, info.minor);
	mapping->read_only = info.read_only;
	*event = info.event_nr;

	dm_get_next_target(task, NULL, &start, &length, &type, &text);
	mapping->sectors = length;
	snprintf(mapping->target, sizeof(mapping->target), "%s", type ?: "");
	snprintf(params, MAPPING_PARAMS, "%s", text ?: "");
	return 0;
}

static int target_query(int type, struct mapping *mapping, dev_t dev,
			char params[MAPPING_PARAMS], u32 *event)
{
	struct dm_task *task = target_task(type, dev);
	int r;

	if (!task)
		return -ENOMEM;
	r = dm_task_no_flush(task) ? target_run(task) : -EINVAL;
	if (!r)
		r = target_take(task, mapping, params, event);
	dm_task_destroy(task);
	return r;
}

/**
 * target_get() - look up a device by its number
 * @dev: the device
 * @mapping: result
 * @event: takes the number of the last event before that
 *
 * Return: 0 or a negative errno; -ENODEV if there is none.
 */
int target_get(dev_t dev, struct mapping *mapping, u32 *event)
{
	u32 later;
	int r;

	memset(mapping, 0, sizeof(*mapping));
	r = target_query(DM_DEVICE_TABLE, mapping, dev, mapping->table, event);
	if (!r)
		r = target_query(DM_DEVICE_STATUS, mapping, dev,
				 mapping->status, &later);
	return r;
}

/**
 * target_wait() - wait for an event, or for the end of the device
 * @dev: the device
 * @event: number of the last one known
 *
 * Return: 0; -EINTR after a signal; or another negative errno, -ENODEV if
 * there is no such device (any more).
 */
int target_wait(dev_t dev, u32 event)
{
	struct dm_task *task = target_task(DM_DEVICE_WAITEVENT, dev);
	int r;

	if (!task)
		return -ENOMEM;
	r = dm_task_set_event_nr(task, event) && dm_task_no_flush(task) ?
	    target_run(task) : -EINVAL;
	dm_task_destroy(task);
	return r;
}

/**
 * target_message() - send a message to the target of a device
 * @dev: the device
 * @message: words
 *
 * Return: 0 or a negative errno.
 */
int target_message(dev_t dev, const char *message)
{
	struct dm_task *task = target_task(DM_DEVICE_TARGET_MSG, dev);
	int r;

	if (!task)
		return -ENOMEM;
	r = dm_task_set_sector(task, 0) && dm_task_set_message(task, message) ?
	    target_run(task) : -EINVAL;
	dm_task_destroy(task);
	return r;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Devices are addressed by number here: a name may be given to another device
 * while somebody waits for events of this one.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/sysmacros.h>

#include "target.h"
#include "task.h"

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

static int target_query(int type, struct mapping *mapping, dev_t dev,
			char params[MAPPING_PARAMS], u32 *event)
{
	struct dm_task *task = target_task(type, dev);
	int r;

	if (!task)
		return -ENOMEM;
	r = dm_task_no_flush(task) ? task_run(task) : -EINVAL;
	if (!r)
		r = mapping_take(task, mapping, params, event);
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
	    task_run(task) : -EINVAL;
	dm_task_destroy(task);
	return r;
}

/**
 * target_ask() - send a message to the target of a device, and take the answer
 * @dev: the device
 * @message: words
 * @answer: takes it, empty if there is none; may be NULL
 * @size: of @answer
 *
 * Return: 0 or a negative errno.
 */
int target_ask(dev_t dev, const char *message, char *answer, size_t size)
{
	struct dm_task *task = target_task(DM_DEVICE_TARGET_MSG, dev);
	const char *text = NULL;
	int r;

	if (!task)
		return -ENOMEM;
	r = dm_task_set_sector(task, 0) && dm_task_set_message(task, message) ?
	    task_run(task) : -EINVAL;
	if (!r)
		text = dm_task_get_message_response(task);
	if (answer)
		snprintf(answer, size, "%s", text ? text : "");
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
	return target_ask(dev, message, NULL, 0);
}

// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/sysmacros.h>

#include "task.h"

/**
 * task_find_target() - does the kernel have a target?
 * @target: its name
 * @version: takes its version
 *
 * Return: false also if the kernel does not have it yet.
 */
bool task_find_target(const char *target, u32 version[3])
{
	struct dm_task *task = dm_task_create(DM_DEVICE_LIST_VERSIONS);
	struct dm_versions *each;
	bool found = false;

	each = task && dm_task_run(task) ? dm_task_get_versions(task) : NULL;
	while (each) {
		if (!strcmp(each->name, target)) {
			memcpy(version, each->version, sizeof(each->version));
			found = true;
		}
		each = each->next ? (void *)((char *)each + each->next) : NULL;
	}
	if (task)
		dm_task_destroy(task);
	return found;
}

/**
 * task_run() - run a task
 * @task: the task
 *
 * Return: 0 or a negative errno; -ENODEV if there is no such device.
 */
int task_run(struct dm_task *task)
{
	int r;

	if (dm_task_run(task))
		return 0;
	r = -(dm_task_get_errno(task) ?: EIO);
	return r == -ENXIO ? -ENODEV : r;
}

/**
 * task_take_target() - take the device and its first target
 * @task: a table or status task that has run
 * @mapping: result, but for table and status
 * @params: takes what the task says of the target
 * @event: takes the number of the last event before that
 *
 * Return: 0 or -ENODEV.
 */
int task_take_target(struct dm_task *task, struct mapping *mapping,
		     char params[MAPPING_PARAMS], u32 *event)
{
	uint64_t start = 0, length = 0;
	char *type = NULL, *text = NULL;
	void *next;
	struct dm_info info;

	if (!dm_task_get_info(task, &info) || !info.exists)
		return -ENODEV;
	snprintf(mapping->name, sizeof(mapping->name), "%s",
		 dm_task_get_name(task) ?: "");
	snprintf(mapping->uuid, sizeof(mapping->uuid), "%s",
		 dm_task_get_uuid(task) ?: "");
	mapping->dev = makedev(info.major, info.minor);
	mapping->read_only = info.read_only;
	mapping->suspended = info.suspended;
	mapping->inactive = !info.live_table && info.inactive_table;
	mapping->open_count = info.open_count;
	*event = info.event_nr;

	next = dm_get_next_target(task, NULL, &start, &length, &type, &text);
	snprintf(mapping->target, sizeof(mapping->target), "%s", type ?: "");
	snprintf(params, MAPPING_PARAMS, "%s", text ?: "");
	mapping->targets = type ? 1 : 0;
	for (; next; mapping->targets++)
		next = dm_get_next_target(task, next, &start, &length, &type,
					  &text);
	mapping->sectors = start + length;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

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

// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <libdevmapper.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mapping.h"
#include "message.h"
#include "task.h"

static char mapping_message[512];	/* libdevmapper's last error */

static void mapping_log(int level, const char *file, int line,
			int dm_errno_or_class, const char *fmt, ...)
{
	va_list args;

	(void)file;
	(void)line;
	(void)dm_errno_or_class;
	if ((level & 7) > 3)		/* no error */
		return;
	va_start(args, fmt);
	vsnprintf(mapping_message, sizeof(mapping_message), fmt, args);
	va_end(args);
}

/**
 * mapping_error() - libdevmapper's words about the last failure
 *
 * Return: a sentence.
 */
const char *mapping_error(void)
{
	return *mapping_message ? mapping_message : "the kernel refused it";
}

/**
 * mapping_possible() - could the device mapper be used just now?
 *
 * Asks without loading its module or making its node.
 *
 * Return: true if the kernel has it and the caller may.
 */
bool mapping_possible(void)
{
	return !access("/sys/class/misc/device-mapper", F_OK) &&
	       !access("/dev/mapper/control", R_OK | W_OK);
}

/**
 * mapping_start() - get ready to use the device mapper
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int mapping_start(void)
{
	char version[32];

	dm_log_with_errno_init(mapping_log);
	dm_lib_init();
	if (geteuid()) {
		complain(NULL, "run it as root",
			 "only root may use the device mapper");
		return -EPERM;
	}
	if (!dm_driver_version(version, sizeof(version))) {
		complain(NULL, "load the module 'dm-mod'",
			 "the kernel has no device mapper");
		return -ENODEV;
	}
	return 0;
}

/* A task of a kind for a device; NULL with errno set. */
static struct dm_task *mapping_task(int type, const char *name)
{
	struct dm_task *task = dm_task_create(type);

	if (!task) {
		errno = ENOMEM;
	} else if (!dm_task_set_name(task, name)) {
		dm_task_destroy(task);
		task = NULL;
		errno = EINVAL;
	}
	return task;
}

static int mapping_perform(struct dm_task *task)
{
	*mapping_message = '\0';
	return dm_task_run(task) ? 0 : -(dm_task_get_errno(task) ?: EIO);
}

/* Perform a task that changes a device, and wait for udev to know of it. */
static int mapping_perform_wait(struct dm_task *task)
{
	uint32_t cookie = 0;
	int r;

	if (!dm_task_set_cookie(task, &cookie, 0))
		return -EIO;
	r = mapping_perform(task);
	/* Also without udev: this is what creates or removes the node then. */
	dm_udev_wait(cookie);
	return r;
}

static int mapping_change(int type, const char *name,
			  int (*perform)(struct dm_task *task))
{
	struct dm_task *task = mapping_task(type, name);
	int r;

	if (!task)
		return -errno;
	r = perform(task);
	dm_task_destroy(task);
	return r;
}

static bool mapping_describe(struct dm_task *task,
			     const struct mapping *mapping)
{
	return (!mapping->read_only || dm_task_set_ro(task)) &&
	       dm_task_add_target(task, 0, mapping->sectors, mapping->target,
				  mapping->table);
}

/**
 * mapping_take() - take the device and its first target
 * @task: a table or status task that has run
 * @mapping: result
 * @params: takes what the task says of the target
 * @event: takes the number of the last event before that
 *
 * Return: 0 or -ENODEV.
 */
int mapping_take(struct dm_task *task, struct mapping *mapping,
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

static int mapping_query(int type, const char *name, struct mapping *mapping,
			 char params[MAPPING_PARAMS])
{
	struct dm_task *task = mapping_task(type, name);
	u32 event;
	int r;

	if (!task)
		return -errno;
	/* Where nothing was ever resumed, what was loaded is what there is. */
	if (mapping->inactive && !dm_task_query_inactive_table(task))
		r = -EINVAL;
	else
		r = dm_task_no_flush(task) ? task_run(task) : -EINVAL;
	if (!r)
		r = mapping_take(task, mapping, params, &event);
	dm_task_destroy(task);
	return r;
}

/**
 * mapping_get() - look up a device
 * @name: its name, which may be that in @mapping
 * @mapping: result
 *
 * Return: 0 or a negative errno; -ENODEV if there is none.
 */
int mapping_get(const char *name, struct mapping *mapping)
{
	char wanted[MAPPING_NAME];
	int r;

	/* The caller's @name may be in @mapping. */
	snprintf(wanted, sizeof(wanted), "%s", name);
	memset(mapping, 0, sizeof(*mapping));
	r = mapping_query(DM_DEVICE_TABLE, wanted, mapping, mapping->table);
	if (!r && mapping->inactive)
		r = mapping_query(DM_DEVICE_TABLE, wanted, mapping,
				  mapping->table);
	return r ? r : mapping_query(DM_DEVICE_STATUS, wanted, mapping,
				     mapping->status);
}

/**
 * mapping_each() - visit all devices
 * @visit: called with @arg, name and device number; non-zero ends it
 * @arg: for @visit
 *
 * Return: what @visit returned last, 0, or a negative errno.
 */
int mapping_each(mapping_visit_fn visit, void *arg)
{
	struct dm_task *task = dm_task_create(DM_DEVICE_LIST);
	struct dm_names *names;
	int r = -EIO;

	if (task && dm_task_run(task)) {
		names = dm_task_get_names(task);
		r = 0;
		while (names->dev) {
			r = visit(arg, names->name, names->dev);
			if (r || !names->next)
				break;
			names = (void *)((char *)names + names->next);
		}
	}
	if (task)
		dm_task_destroy(task);
	return r;
}

/**
 * mapping_is_stock() - is this an image without the module's target?
 * @mapping: a device
 *
 * Return: true if 'vhdx attach --stock' has made it.
 */
bool mapping_is_stock(const struct mapping *mapping)
{
	return !strncmp(mapping->uuid, "VHDX-", 5) &&
	       (!strcmp(mapping->target, "linear") ||
		!strcmp(mapping->target, "zero"));
}

/**
 * mapping_is_vhd() - is a mapping one of a VHD image?
 * @mapping: a device
 *
 * Return: true if so.
 */
bool mapping_is_vhd(const struct mapping *mapping)
{
	return !strcmp(mapping->target, "vhd");
}

/**
 * mapping_is_ours() - is a mapping one of the module's?
 * @mapping: a device
 *
 * Return: true if so.
 */
bool mapping_is_ours(const struct mapping *mapping)
{
	return !strcmp(mapping->target, "vhdx") || mapping_is_vhd(mapping);
}

/**
 * mapping_is_image() - is this an image?
 * @mapping: a device
 *
 * Return: true if it is the module's, or 'vhdx attach --stock' has made it.
 */
bool mapping_is_image(const struct mapping *mapping)
{
	return mapping_is_ours(mapping) || mapping_is_stock(mapping);
}

static int mapping_add_rows(struct dm_task *task, mapping_row_fn get, void *arg)
{
	struct mapping_row row;
	u32 i;

	for (i = 0; get(arg, i, &row); i++)
		if (!dm_task_add_target(task, row.start, row.sectors,
					row.target, row.params))
			return -ENOMEM;
	return 0;
}

/**
 * mapping_create_rows() - create a device with a table of many lines
 * @mapping: name, uuid and read_only count
 * @get: called for one line after the other
 * @arg: for @get
 *
 * Its node exists on return.
 *
 * Return: 0 or a negative errno, with more in mapping_error().
 */
int mapping_create_rows(const struct mapping *mapping, mapping_row_fn get,
			void *arg)
{
	struct dm_task *task = mapping_task(DM_DEVICE_CREATE, mapping->name);
	int r = -EINVAL;

	if (!task)
		return -errno;
	if (dm_task_set_uuid(task, mapping->uuid) &&
	    (!mapping->read_only || dm_task_set_ro(task)))
		r = mapping_add_rows(task, get, arg);
	if (!r)
		r = mapping_perform_wait(task);
	dm_task_destroy(task);
	return r;
}

/**
 * mapping_create() - create a device
 * @mapping: name, uuid, read_only, sectors, target and table count
 *
 * Its node exists on return.
 *
 * Return: 0 or a negative errno, with more in mapping_error().
 */
int mapping_create(const struct mapping *mapping)
{
	struct dm_task *task = mapping_task(DM_DEVICE_CREATE, mapping->name);
	int r = -EINVAL;

	if (!task)
		return -errno;
	if (dm_task_set_uuid(task, mapping->uuid) &&
	    mapping_describe(task, mapping))
		r = mapping_perform_wait(task);
	dm_task_destroy(task);
	return r;
}

/**
 * mapping_suspend() - let a device's I/O come to rest, and new I/O wait
 * @name: its name
 *
 * Return: 0 or a negative errno.
 */
int mapping_suspend(const char *name)
{
	return mapping_change(DM_DEVICE_SUSPEND, name, mapping_perform);
}

/**
 * mapping_resume() - end mapping_suspend()
 * @name: the device's name
 *
 * Return: 0 or a negative errno.
 */
int mapping_resume(const char *name)
{
	return mapping_change(DM_DEVICE_RESUME, name, mapping_perform_wait);
}

/**
 * mapping_resume_begin() - end mapping_suspend(), without waiting for udev
 * @name: the device's name
 * @cookie: 0, or from the last call
 *
 * Where several devices are resumed, udev's programs may need all of them.
 *
 * Return: 0 or a negative errno; mapping_resume_end() in any case.
 */
int mapping_resume_begin(const char *name, u32 *cookie)
{
	struct dm_task *task = mapping_task(DM_DEVICE_RESUME, name);
	int r = -EINVAL;

	if (!task)
		return -errno;
	if (dm_task_set_cookie(task, cookie, 0))
		r = mapping_perform(task);
	dm_task_destroy(task);
	return r;
}

/**
 * mapping_resume_end() - wait for udev to know of what was resumed
 * @cookie: from mapping_resume_begin()
 */
void mapping_resume_end(u32 cookie)
{
	if (cookie)
		dm_udev_wait(cookie);
}

/**
 * mapping_load() - load another table, which is used from the next resume on
 * @mapping: name, read_only, sectors, target and table count
 *
 * Return: 0 or a negative errno, with more in mapping_error().
 */
int mapping_load(const struct mapping *mapping)
{
	struct dm_task *task = mapping_task(DM_DEVICE_RELOAD, mapping->name);
	int r = -EINVAL;

	if (!task)
		return -errno;
	if (mapping_describe(task, mapping))
		r = mapping_perform(task);
	dm_task_destroy(task);
	return r;
}

/**
 * mapping_clear() - undo mapping_load()
 * @name: the device's name
 *
 * Return: 0 or a negative errno.
 */
int mapping_clear(const char *name)
{
	return mapping_change(DM_DEVICE_CLEAR, name, mapping_perform);
}

static int mapping_remove_task(const char *name, bool retry)
{
	struct dm_task *task = mapping_task(DM_DEVICE_REMOVE, name);
	int r = -EINVAL;

	if (!task)
		return -errno;
	if (!retry || dm_task_retry_remove(task))
		r = mapping_perform_wait(task);
	dm_task_destroy(task);
	return r;
}

/**
 * mapping_remove() - remove a device
 * @name: its name
 *
 * Tries again for some seconds if it is open, which udev's programs do for a
 * moment.
 *
 * Return: 0 or a negative errno.
 */
int mapping_remove(const char *name)
{
	return mapping_remove_task(name, true);
}

/**
 * mapping_remove_now() - remove a device, or not
 * @name: its name
 *
 * Return: 0 or a negative errno; -EBUSY if it is open.
 */
int mapping_remove_now(const char *name)
{
	return mapping_remove_task(name, false);
}

/**
 * mapping_path() - where the node of a device is
 * @path: takes the path
 * @size: size of @path
 * @name: the device's name
 *
 * Return: @path.
 */
const char *mapping_path(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", dm_dir(), name);
	return path;
}

// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <libdevmapper.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "kmsg.h"
#include "mapping.h"

#define DEVICE_NAME	"bulk"

/**
 * device_open() - set up the loop device
 * @device: result
 *
 * Return: 0 or a negative errno.
 */
int device_open(struct device *device)
{
	struct loop_config config = {
		.block_size = 512,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
	};
	int control, number, r;

	device->logical = 512;
	device->fd = memfd_create("image", MFD_CLOEXEC);
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	r = number < 0 ? -errno : 0;
	close(control);
	if (r)
		return r;
	snprintf(device->loop_path, sizeof(device->loop_path), "/dev/loop%d",
		 number);
	device->loop = open(device->loop_path, O_RDWR | O_CLOEXEC);
	config.fd = device->fd;
	if (device->loop < 0 || ioctl(device->loop, LOOP_CONFIGURE, &config))
		return -errno;
	device->kmsg = kmsg_open();
	return mapping_start();
}

void device_close(struct device *device)
{
	device_unmap(device);
	kmsg_close(device->kmsg);
	close(device->loop);
	close(device->fd);
}

/**
 * device_put() - make the loop device what the image says
 * @device: the device, not mapped
 * @image: the image; its size is a multiple of the sector size
 *
 * The file is filled anew and the loop device told of its size, which is much
 * faster than a new loop device.  Nobody reads through the cache of that.
 *
 * Return: 0 or a negative errno.
 */
int device_put(struct device *device, const struct sparse *image)
{
	u32 logical = image->flags & SPARSE_LOGICAL_4K ? 4096 : 512;
	int r = sparse_to_fd(image, device->fd);

	if (!r && ioctl(device->loop, LOOP_SET_CAPACITY, 0))
		r = -errno;
	if (!r && logical != device->logical) {
		r = ioctl(device->loop, LOOP_SET_BLOCK_SIZE, logical);
		if (r)
			r = -errno;
		else
			device->logical = logical;
	}
	return r;
}

/* Run one step on the mapping; the table counts if there are sectors. */
static int device_task(int type, u64 sectors, const char *table)
{
	struct dm_task *task = dm_task_create(type);
	u32 cookie = 0;
	int r = -EINVAL;

	if (!task)
		return -ENOMEM;
	if (dm_task_set_name(task, DEVICE_NAME) &&
	    (!sectors || dm_task_add_target(task, 0, sectors, "vhdx", table)) &&
	    (type == DM_DEVICE_RELOAD || dm_task_set_cookie(task, &cookie, 0)))
		r = dm_task_run(task) ? 0 : -(dm_task_get_errno(task) ?: EIO);
	if (type != DM_DEVICE_RELOAD)
		dm_udev_wait(cookie);
	dm_task_destroy(task);
	return r;
}

/**
 * device_map() - map the image
 * @device: the device
 * @sectors: length of the table
 * @writable: without read_only
 *
 * Step by step, for only so the kernel's errno is to be had.  A mapping whose
 * table was refused stays, without one, for the next image.
 *
 * Return: 0 or a negative errno, the kernel's.
 */
int device_map(struct device *device, u64 sectors, bool writable)
{
	char table[64];
	int r = 0;

	snprintf(table, sizeof(table), "%s 1 %s", device->loop_path,
		 writable ? "error_if_no_space" : "read_only");
	if (!device->exists)
		r = device_task(DM_DEVICE_CREATE, 0, NULL);
	if (r)
		return r;
	device->exists = true;
	/* What was said before is about something else. */
	device_said(device, "\n");
	r = device_task(DM_DEVICE_RELOAD, sectors, table);
	return r ? r : device_task(DM_DEVICE_RESUME, 0, NULL);
}

int device_unmap(struct device *device)
{
	int r = device->exists ? device_task(DM_DEVICE_REMOVE, 0, NULL) : 0;

	if (!r)
		device->exists = false;
	return r;
}

/* The disk, open; or a negative errno. */
int device_disk(bool writable)
{
	char path[64];
	int fd = open(mapping_path(path, sizeof(path), DEVICE_NAME),
		      O_CLOEXEC | O_DIRECT | (writable ? O_RDWR : O_RDONLY));

	return fd < 0 ? -errno : fd;
}

/* Has the kernel said this since the last call? */
bool device_said(struct device *device, const char *sentence)
{
	char text[512];

	return kmsg_find(device->kmsg, sentence, text, sizeof(text));
}

// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapping.h"
#include "stack.h"

/**
 * ramdisk_init() - make or open a file in memory, and map it
 * @disk: result; without a loop device yet
 * @dir: directory in a tmpfs
 * @name: the file's name
 * @bytes: its new size
 */
void ramdisk_init(struct ramdisk *disk, const char *dir, const char *name,
		  u64 bytes)
{
	memset(disk, 0, sizeof(*disk));
	disk->loop.fd = -1;
	disk->bytes = bytes;
	snprintf(disk->path, sizeof(disk->path), "%s/%s", dir, name);
	disk->fd = open(disk->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (disk->fd < 0 || ftruncate(disk->fd, bytes))
		die("%s: %s", disk->path, strerror(errno));
	disk->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			 disk->fd, 0);
	if (disk->map == MAP_FAILED)
		die("%s: mmap: %s", disk->path, strerror(errno));
}

/**
 * ramdisk_attach() - set up the loop device
 * @disk: the disk
 */
void ramdisk_attach(struct ramdisk *disk)
{
	int r = loop_attach(&disk->loop, disk->fd, disk->path, SECTOR, false);

	if (r)
		die("%s: no loop device: %s", disk->path, strerror(-r));
}

/**
 * ramdisk_freeze() - nobody writes it from now on
 * @disk: the disk, attached and not in use; gets another loop device
 */
void ramdisk_freeze(struct ramdisk *disk)
{
	int r;

	loop_close(&disk->loop);
	r = loop_attach(&disk->loop, disk->fd, disk->path, SECTOR, true);
	if (r)
		die("%s: no loop device: %s", disk->path, strerror(-r));
}

static const char *ramdisk_sysfs(const struct ramdisk *disk, const char *file,
				 char path[96])
{
	snprintf(path, 96, "/sys/block/%s/%s",
		 disk->loop.path + strlen("/dev/"), file);
	return path;
}

/**
 * ramdisk_exit() - give a disk's memory back
 * @disk: the disk
 */
void ramdisk_exit(struct ramdisk *disk)
{
	loop_close(&disk->loop);
	munmap(disk->map, disk->bytes);
	close(disk->fd);
	unlink(disk->path);
}

/**
 * ramdisk_next_data() - skip holes
 * @disk: the disk
 * @off: where to begin
 * @end: result: end of the data
 *
 * Return: where there is data, or the disk's size.
 */
u64 ramdisk_next_data(const struct ramdisk *disk, u64 off, u64 *end)
{
	off_t data = lseek(disk->fd, off, SEEK_DATA), hole;

	*end = disk->bytes;
	if (data < 0)
		return disk->bytes;
	hole = lseek(disk->fd, data, SEEK_HOLE);
	if (hole >= 0)
		*end = hole;
	return data;
}

/**
 * ramdisk_counts() - what has the device done?
 * @disk: the disk, attached
 * @counts: result
 */
void ramdisk_counts(const struct ramdisk *disk, struct io_counts *counts)
{
	unsigned long long n[15] = { 0 };
	char path[96];
	FILE *file = fopen(ramdisk_sysfs(disk, "stat", path), "re");
	int i;

	for (i = 0; file && i < 15; i++)
		if (fscanf(file, "%llu", &n[i]) != 1)
			break;
	if (i < 11)
		die("%s: unexpected contents", path);
	fclose(file);
	counts->writes = n[4];
	counts->discards = n[11];
}

/**
 * stack_map() - create a device
 * @name: its name
 * @target: its target
 * @sectors: its size
 * @read_only: it cannot be written
 * @fmt: the target's arguments
 *
 * Return: 0 or a negative errno.
 */
int stack_map(const char *name, const char *target, u64 sectors, bool read_only,
	      const char *fmt, ...)
{
	struct mapping mapping = {
		.read_only = read_only,
		.sectors = sectors,
	};
	va_list args;

	snprintf(mapping.name, sizeof(mapping.name), "%s", name);
	snprintf(mapping.target, sizeof(mapping.target), "%s", target);
	va_start(args, fmt);
	vsnprintf(mapping.table, sizeof(mapping.table), fmt, args);
	va_end(args);
	return mapping_create(&mapping);
}

/**
 * stack_unmap() - remove a device
 * @name: its name
 */
void stack_unmap(const char *name)
{
	int r = mapping_remove(name);

	if (r)
		die("%s: cannot be removed: %s: %s", name, strerror(-r),
		    mapping_error());
}

/**
 * stack_open() - open a device
 * @name: its name
 * @flags: for open()
 *
 * Return: file descriptor.
 */
int stack_open(const char *name, int flags)
{
	char path[96];
	int fd = open(mapping_path(path, sizeof(path), name), flags | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static void stack_task(const char *name, int type, const char *message)
{
	struct dm_task *task = dm_task_create(type);

	if (!task || !dm_task_set_name(task, name) ||
	    (message && (!dm_task_set_sector(task, 0) ||
			 !dm_task_set_message(task, message))) ||
	    (type == DM_DEVICE_SUSPEND && !dm_task_skip_lockfs(task)) ||
	    !dm_task_run(task))
		die("%s: device mapper request %d %s failed: %s", name, type,
		    message ? message : "", mapping_error());
	dm_task_destroy(task);
}

/**
 * stack_message() - send a message to a target
 * @name: the device
 * @message: the message
 */
void stack_message(const char *name, const char *message)
{
	stack_task(name, DM_DEVICE_TARGET_MSG, message);
}

/**
 * stack_suspend() - suspend a device
 * @name: the device
 */
void stack_suspend(const char *name)
{
	stack_task(name, DM_DEVICE_SUSPEND, NULL);
}

/**
 * stack_resume() - resume a device
 * @name: the device
 */
void stack_resume(const char *name)
{
	stack_task(name, DM_DEVICE_RESUME, NULL);
}

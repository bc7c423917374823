// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: mounting hosts
 *
 * By the system call, as an initramfs may have no mount(8) worth the name; but
 * for file systems that the kernel does not have, mount(8) is tried then.
 *
 * NTFS is its own case.  A Windows that is hibernated (Fast Startup leaves its
 * system disk so, too) keeps in memory what it thinks the disk has; whoever
 * writes there destroys it.  ntfs3 does not look, so it is mounted read-only
 * first and looked at.  A volume that is only marked dirty, as a power cut
 * leaves it, ntfs3 takes with "force".  Where the kernel has no ntfs3 there is
 * ntfs-3g, a program; from an initramfs it has to live until the end, and '@'
 * in front of its name keeps systemd from killing it.
 */
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "initramfs.h"
#include "message.h"

#define HOST_TYPE	32
#define HOST_FLAGS	(MS_NODEV | MS_NOSUID | MS_NOEXEC)

/* Return: false if nobody knows. */
static bool host_type(const char *node, char type[HOST_TYPE])
{
	blkid_probe probe = blkid_new_probe_from_filename(node);
	const char *value = NULL;

	if (!probe)
		return false;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE);
	if (!blkid_do_safeprobe(probe) &&
	    !blkid_probe_lookup_value(probe, "TYPE", &value, NULL))
		snprintf(type, HOST_TYPE, "%s", value);
	blkid_free_probe(probe);
	return value;
}

static int host_run(pid_t pid)
{
	int status;

	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

/* mount(8): it knows the file systems that are programs, too. */
static int host_program(const char *node, const char *dir, const char *options)
{
	pid_t pid = fork();

	if (!pid) {
		execlp("mount", "mount", "-o", options, "--", node, dir,
		       (char *)NULL);
		_exit(127);
	}
	return host_run(pid);
}

static int host_ntfs_3g(const char *node, const char *dir, bool read_only)
{
	const char *name = initramfs_is_this() ? "@ntfs-3g" : "ntfs-3g";
	char options[] = "rw,nodev,nosuid,noexec";
	pid_t pid = fork();

	if (!pid) {
		if (read_only)
			options[1] = 'o';
		execlp("ntfs-3g", name, node, dir, "-o", options,
		       (char *)NULL);
		execlp("mount.ntfs-3g", name, node, dir, "-o", options,
		       (char *)NULL);
		_exit(127);
	}
	return host_run(pid);
}

static int host_kernel(const char *node, const char *dir, const char *type,
		       bool read_only, const char *data)
{
	return mount(node, dir, type, HOST_FLAGS | (node ? 0 : MS_REMOUNT) |
		     (read_only ? MS_RDONLY : 0), data) ? -errno : 0;
}

/**
 * host_make_writable() - mount writable what host_mount() has mounted read-only
 * @dir: where
 *
 * Return: 0 or a negative errno.
 */
int host_make_writable(const char *dir)
{
	return host_kernel(NULL, dir, NULL, false, NULL);
}

/* Is there a Windows asleep?  Its file begins so, with one case or the other. */
static bool host_sleeps(const char *dir)
{
	char path[PATH_MAX], magic[4] = "";
	bool sleeps;
	int fd;

	snprintf(path, sizeof(path), "%s/hiberfil.sys", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	sleeps = read(fd, magic, sizeof(magic)) == sizeof(magic) &&
		 !strncasecmp(magic, "hibr", sizeof(magic));
	close(fd);
	return sleeps;
}

static int host_ntfs_say(const char *node, const char *dir, int r)
{
	if (r == -ENOENT)
		complain(node, "install the package ntfs-3g, or a kernel with ntfs3; in an initramfs it has to be there",
			 "the kernel has no ntfs3, and there is no ntfs-3g to mount this NTFS");
	else
		complain(node, "let Windows check it ('chkdsk /f')",
			 "the NTFS with the image cannot be mounted on '%s': %s",
			 dir, strerror(-r));
	return r;
}

/* By ntfs3, or by ntfs-3g if the kernel has none: which sets @kernel. */
static int host_ntfs_look(const char *node, const char *dir, bool *kernel)
{
	int r = host_kernel(node, dir, "ntfs3", true, NULL);

	*kernel = r != -ENODEV;
	return *kernel ? r : host_ntfs_3g(node, dir, true);
}

static int host_ntfs_write(const char *node, const char *dir, bool kernel)
{
	int r;

	if (!kernel)
		return host_ntfs_3g(node, dir, false);
	r = host_kernel(node, dir, "ntfs3", false, NULL);
	if (!r)
		return 0;
	r = host_kernel(node, dir, "ntfs3", false, "force");
	if (!r)
		note(node, "this NTFS was not unmounted properly and is mounted all the same: let Windows check it when it can");
	return r;
}

static int host_ntfs(const char *node, const char *dir, bool read_only)
{
	bool kernel, sleeps;
	int r;

	r = host_ntfs_look(node, dir, &kernel);
	if (r || read_only)
		return r ? host_ntfs_say(node, dir, r) : 0;
	sleeps = host_sleeps(dir);
	if (umount2(dir, UMOUNT_NOFOLLOW))
		r = -errno;
	if (sleeps) {
		complain(node, "shut Windows down with 'shutdown /s /t 0', and turn Fast Startup off ('powercfg /h off'); or attach the image read-only",
			 "Windows is hibernated on this NTFS, and what is written to it now would destroy it");
		return -EPERM;
	}
	if (!r)
		r = host_ntfs_write(node, dir, kernel);
	return r ? host_ntfs_say(node, dir, r) : 0;
}

/**
 * host_mount() - mount the file system that an image is in
 * @node: the device
 * @dir: where
 * @read_only: it is not to be written
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int host_mount(const char *node, const char *dir, bool read_only)
{
	char type[HOST_TYPE] = "";
	int r;

	if (host_type(node, type) && !strcmp(type, "ntfs"))
		return host_ntfs(node, dir, read_only);
	r = *type ? host_kernel(node, dir, type, read_only, NULL) : -ENODEV;
	if (r == -ENODEV)
		r = host_program(node, dir, read_only ?
				 "ro,nodev,nosuid,noexec" :
				 "rw,nodev,nosuid,noexec");
	if (r)
		complain(node, "mount it yourself to see why ('dmesg' may tell more)",
			 "the file system with the image (%s) cannot be mounted on '%s': %s",
			 *type ? type : "of unknown type", dir, strerror(-r));
	return r;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx shutdown: the last thing that a machine does before it is switched off
 *
 * DOC: the end of a root
 *
 * What carries the root file system can be neither unmounted nor detached by a
 * system that runs from it.  When systemd has ended all processes and mounted
 * the root read-only it runs this, which closes all images, so that their logs
 * are empty, and then sees to the file systems below: the kernel's emergency
 * remount (sysrq "u") makes them read-only and clean though a file on them is
 * open, and ntfs-3g, which serves one, is ended, as it writes the last of what
 * it has only then.  Nothing can be read from the root after that, so all of this
 * program is kept in memory.
 *
 * Where there is an initramfs to go back to, as dracut has it, that unmounts
 * and detaches all of it properly, and there is only the closing to do; it runs
 * this again when that is done, for what is left.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "command.h"
#include "daemon.h"
#include "health.h"
#include "initramfs.h"
#include "mapping.h"
#include "message.h"
#include "source.h"
#include "target.h"

#define SHUTDOWN_PIVOT		"/run/initramfs/shutdown"
#define SHUTDOWN_SECONDS	30
#define SHUTDOWN_TRY_US		100000

/* Nobody but the console listens by now. */
static void shutdown_log(void)
{
	if (getppid() != 1 || !freopen("/dev/kmsg", "we", stderr))
		return;
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
}

static int shutdown_close(void *arg, const char *name, dev_t dev)
{
	bool *failed = arg;
	struct mapping disk;

	if (mapping_get(name, &disk) || !mapping_is_ours(&disk) ||
	    disk.suspended || health_read_only(&disk))
		return 0;
	if (target_message(dev, "close")) {
		complain(name, "the log of the image is replayed by whoever opens it next",
			 "cannot be closed: %s", mapping_error());
		*failed = true;
	}
	return 0;
}

/* A word of a line of mountinfo, from 0 on. */
static const char *shutdown_word(const char *line, unsigned int n)
{
	while (n-- && line) {
		line = strchr(line, ' ');
		if (line)
			line++;
	}
	return line ?: "";
}

static bool shutdown_below_hosts(const char *path)
{
	return !strncmp(path, SOURCE_HOSTS "/", strlen(SOURCE_HOSTS) + 1);
}

/*
 * Is this line one of a host that can be written, and is to be made read-only?
 * The kernel passes over what is on no single device, such as btrfs, which has
 * made up its number, 0:n: after a sync that has no journal to replay, either.
 */
static bool shutdown_is_writable(const char *line)
{
	const char *device = shutdown_word(line, 2);
	const char *super = strstr(line, " - ") ?: "";
	const char *options = shutdown_word(super, 4);

	return shutdown_below_hosts(shutdown_word(line, 4)) &&
	       (device[0] != '0' || device[1] != ':') &&
	       options[0] == 'r' && options[1] == 'w';
}

static bool shutdown_any_writable(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	while (!found && file && getline(&line, &size, file) >= 0)
		found = shutdown_is_writable(line);
	free(line);
	if (file)
		fclose(file);
	return found;
}

/* The kernel does it when it finds time. */
static void shutdown_remount(void)
{
	unsigned int tries = SHUTDOWN_SECONDS * (1000000 / SHUTDOWN_TRY_US);
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "u", 1) != 1) {
		complain(SOURCE_HOSTS, NULL, "cannot be made read-only: %s",
			 strerror(errno));
		tries = 0;
	}
	if (fd >= 0)
		close(fd);
	while (tries-- && shutdown_any_writable())
		usleep(SHUTDOWN_TRY_US);
}

/* Is this process the ntfs-3g of a host?  Takes the directory. */
static bool shutdown_serves(const char *pid, char dir[PATH_MAX])
{
	char path[300], args[2 * PATH_MAX];
	ssize_t length;
	size_t at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, args, sizeof(args) - 1);
	close(fd);
	if (length <= 0)
		return false;
	args[length] = '\0';
	if (strcmp(args, "@ntfs-3g"))
		return false;
	for (at = 0; at < (size_t)length; at += strlen(args + at) + 1) {
		if (!shutdown_below_hosts(args + at))
			continue;
		snprintf(dir, PATH_MAX, "%s", args + at);
		return true;
	}
	return false;
}

/* What they serve is not in the tree of files any more: see generator.c. */
static void shutdown_end_servers(void)
{
	char dir[PATH_MAX];
	struct dirent *each;
	DIR *proc;
	int pidfd;

	proc = opendir("/proc");
	while (proc && (each = readdir(proc))) {
		if (!shutdown_serves(each->d_name, dir))
			continue;
		pidfd = pidfd_open(atoi(each->d_name), 0);
		if (pidfd >= 0 && daemon_end(pidfd, SHUTDOWN_SECONDS))
			complain(dir, "Windows is going to check it",
				 "ntfs-3g does not end");
	}
	if (proc)
		closedir(proc);
}

static int shutdown_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { OPTION_HELP, {} };
	bool failed = false;

	while (command_option(self, argc, argv, options) >= 0)
		;
	command_operands(self, argc, argv, 0, 1, NULL);
	shutdown_log();
	if (!mapping_possible() || mapping_start())
		return STATUS_OK;
	mapping_each(shutdown_close, &failed);
	sync();
	if (!initramfs_is_this() && !access(SHUTDOWN_PIVOT, X_OK))
		return failed ? STATUS_FAILED : STATUS_OK;
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		errno = 0;	/* then it has to do with what it has */
	if (shutdown_any_writable())
		shutdown_remount();
	/* kexec(8) is still to be read from the root. */
	if (argc <= optind || strcmp(argv[optind], "kexec"))
		shutdown_end_servers();
	return failed ? STATUS_FAILED : STATUS_OK;
}

const struct command command_shutdown = {
	.name = "shutdown",
	.summary = "Close all images, and the file systems below the root's, for good",
	.synopsis = "[poweroff|reboot|halt|kexec]",
	.help =
"systemd runs it when all else has ended and the root is read-only.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = shutdown_run,
};

// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx monitor
 *
 * DOC: growing in steps
 *
 * Where an image's file can have no holes it cannot be extended beforehand for
 * all that the disk may ever take.  So this waits for the target to tell that
 * space is low, adds some to the file, makes that durable, lets the loop device
 * see it, and tells the target that it reads as zeros.  The target looks for
 * more space by itself before it gives up on a write.
 *
 * The loop device is held open while the file is extended: it keeps the lock
 * on the image then, even if the mapping is removed in between.
 *
 * Of an image that the initramfs has attached the file is held, too: at
 * shutdown what it is in is taken out of the tree of files, see
 * vhdx-generator(8), while the root on it still writes.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#include "command.h"
#include "daemon.h"
#include "extent.h"
#include "health.h"
#include "hostfs.h"
#include "kmsg.h"
#include "layers.h"
#include "loop.h"
#include "message.h"
#include "module.h"
#include "size.h"
#include "state.h"
#include "sysfs.h"
#include "target.h"

#define MONITOR_CLAIM_SECONDS	5	/* one that is about to end */
#define MONITOR_FULL_SECONDS	2	/* look again for space below */
#define MONITOR_ERROR_SECONDS	10
#define MONITOR_LOOK_SECONDS	1	/* where no event is to be expected */
#define MONITOR_PIECE		(16 * (u64)SZ_1M)	/* at least, at a time */

/**
 * struct monitor - what is watched
 * @dev: the mapping
 * @mapping: as it was when last looked at
 * @event: the last event before that
 * @health: its status
 * @backing: the device below
 * @file: the file below that
 * @held: O_PATH descriptor of that file, for as long as this runs; -1: none
 * @kmsg: kernel log
 * @starving: the target has found no space since the file was last extended
 * @told: what was said of a failure, to say it once
 * @mute: the target is too old to be told what reads as zeros
 * @daemon: messages go to the system log
 */
struct monitor {
	dev_t dev;
	struct mapping mapping;
	u32 event;
	struct health health;
	dev_t backing;
	struct loop_backing file;
	int held;
	int kmsg;
	bool starving;
	int told;
	bool mute;
	bool daemon;
};

/**
 * struct monitor_file - the file while it is extended
 * @loop: the loop device over it
 * @fd: the file
 * @host: the file and its file system
 * @bytes: its size, which is also that of the loop device
 */
struct monitor_file {
	int loop;
	int fd;
	struct hostfs host;
	u64 bytes;
};

static volatile sig_atomic_t monitor_stopped;

static void monitor_signal(int number)
{
	if (number != SIGALRM)
		monitor_stopped = 1;
	/* It may have come just before a wait: the next one ends that. */
	alarm(1);
}

static bool monitor_is_stopped(void)
{
	return monitor_stopped;
}

static void monitor_catch_signals(void)
{
	struct sigaction action = { .sa_handler = monitor_signal };

	/* No SA_RESTART: they are to end waits. */
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void monitor_say(const struct monitor *monitor, int priority,
			const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void monitor_say(const struct monitor *monitor, int priority,
			const char *fmt, ...)
{
	char text[PATH_MAX + 512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (monitor->daemon)
		syslog(priority, "%s: %s", monitor->mapping.name, text);
	else if (priority <= LOG_WARNING)
		complain(monitor->mapping.name, NULL, "%s", text);
	else
		note(monitor->mapping.name, "%s", text);
}

/* It stays what it is as long as there is a mapping. */
static void monitor_check_module(struct monitor *monitor)
{
	char lack[256];

	monitor->mute = module_lacks("zeroed", lack, sizeof(lack));
	if (monitor->mute)
		monitor_say(monitor, LOG_NOTICE, "what is added to the file is zeroed once more: %s: %s",
			    lack, MODULE_ADVICE);
}

/* Look at the mapping; -ENODEV if it is not there any more. */
static int monitor_look(struct monitor *monitor)
{
	unsigned int major, minor;
	struct mapping now;
	u32 event;
	int r;

	r = target_get(monitor->dev, &now, &event);
	if (r)
		return r;
	/* Another one may have the number by now. */
	if (strcmp(now.uuid, monitor->mapping.uuid) ||
	    (!*now.uuid && strcmp(now.name, monitor->mapping.name)) ||
	    !mapping_is_ours(&now))
		return -ENODEV;
	monitor->mapping = now;
	monitor->event = event;
	if (sscanf(now.table, "%u:%u", &major, &minor) != 2)
		return -EINVAL;
	monitor->backing = makedev(major, minor);
	health_parse(&now, &monitor->health);
	return 0;
}

/* Does the kernel say that a write has found no space? */
static void monitor_read_log(struct monitor *monitor)
{
	char name[64], wanted[128], text[256];

	if (sysfs_name(monitor->backing, name))
		return;
	snprintf(wanted, sizeof(wanted), "vhdx: %s: no space left", name);
	if (kmsg_find(monitor->kmsg, wanted, text, sizeof(text)))
		monitor->starving = true;
}

static void monitor_close(struct monitor_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	if (file->loop >= 0)
		close(file->loop);
}

/* The loop device may not have seen yet what another run has added. */
static int monitor_catch_up(const struct monitor_file *file)
{
	uint64_t bytes;

	if (ioctl(file->loop, BLKGETSIZE64, &bytes))
		return -errno;
	if (bytes / 512 >= file->bytes / 512)
		return 0;
	return fsync(file->fd) ? -errno : loop_grow(file->loop);
}

static int monitor_open_loop(struct monitor *monitor)
{
	char name[64], path[80];
	int r, fd;

	r = loop_backing(monitor->backing, &monitor->file);
	if (!r)
		r = sysfs_name(monitor->backing, name);
	if (r)
		return r;
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int monitor_open_file(const struct monitor *monitor)
{
	char path[64];
	int fd;

	if (monitor->held < 0) {
		fd = open(monitor->file.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	} else {
		snprintf(path, sizeof(path), "/proc/self/fd/%d",
			 monitor->held);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

/* Without a lock: the loop device has it. */
static int monitor_open(struct monitor *monitor, struct monitor_file *file)
{
	struct stat st;
	int r = 0;

	file->fd = -1;
	file->loop = monitor_open_loop(monitor);
	if (file->loop < 0)
		return file->loop;
	file->fd = monitor_open_file(monitor);
	if (file->fd < 0)
		r = file->fd;
	else if (fstat(file->fd, &st))
		r = -errno;
	else if (st.st_dev != monitor->file.dev ||
		 st.st_ino != monitor->file.inode)
		r = -ESTALE;
	else
		r = hostfs_look(&file->host, file->fd);
	if (!r) {
		file->bytes = st.st_size;
		r = monitor_catch_up(file);
	}
	if (r)
		monitor_close(file);
	return r;
}

/* The target takes each new part once it runs out of the old ones. */
static int monitor_extend(struct monitor *monitor, struct monitor_file *file,
			  u64 to)
{
	char message[64];
	int r;

	r = hostfs_extend(&file->host, file->fd, file->bytes, to,
			  monitor_is_stopped);
	if (!r && fsync(file->fd))
		r = -errno;
	if (!r)
		r = loop_grow(file->loop);
	if (r)
		return r;
	snprintf(message, sizeof(message), "zeroed %" PRIu64 " %" PRIu64,
		 round_up_u64(file->bytes, 512) / 512, to / 512);
	/* One that has not been told zeroes once more: no reason to fail. */
	if (!monitor->mute)
		target_message(monitor->dev, message);
	file->bytes = to;
	monitor->starving = false;
	return 0;
}

/* Free, as far as the target knows that it is large enough for a block. */
static u64 monitor_free(const struct monitor *monitor, u64 bytes)
{
	u64 used = monitor->health.used_bytes;

	return bytes > used && !monitor->starving ? bytes - used : 0;
}

/* What the blocks that are absent can take. */
static u64 monitor_wanted(const struct monitor *monitor)
{
	const struct health *health = &monitor->health;

	u64 bytes = (health->total - health->allocated) * health->block_bytes;

	/* Each has a bitmap, and is aligned. */
	if (mapping_is_vhd(&monitor->mapping))
		return bytes + SZ_1M + (health->total - health->allocated) *
		       round_up_u64(health->block_bytes / 4096, 4096);
	/* And a sector bitmap for each 4 GiB: those that are there may count twice. */
	if (layers_count(&monitor->mapping))
		bytes += (health->total * health->block_bytes >> 32) * SZ_1M +
			 SZ_1M;
	return bytes;
}

/* How large the file is to become; its size if it is large enough. */
static u64 monitor_goal(const struct monitor *monitor, u64 bytes)
{
	u64 goal = extent_free_goal(bytes, monitor->health.block_bytes);
	u64 wanted = monitor_wanted(monitor);
	u64 free_bytes = monitor_free(monitor, bytes);
	u64 most = monitor->file.most_bytes ? monitor->file.most_bytes : ~0ULL;

	/* Half of it is what the target takes for low, but for rounding. */
	if (free_bytes >= wanted || free_bytes > goal / 2 + SZ_1M)
		return bytes;
	goal = round_up_u64(bytes, SZ_1M) + min_t(u64, goal, wanted) -
	       free_bytes / SZ_1M * SZ_1M;
	return max_t(u64, bytes, min_t(u64, goal, most));
}

static int monitor_extend_to(struct monitor *monitor, struct monitor_file *file,
			     u64 goal)
{
	u64 block = monitor->health.block_bytes;
	u64 piece = max_t(u64, block, MONITOR_PIECE), from, to;
	int r = 0;

	while (!r && file->bytes < goal && !monitor_stopped) {
		from = round_up_u64(file->bytes, SZ_1M);
		to = from + min_t(u64, piece, goal - from);
		r = monitor_extend(monitor, file, to);
		/* What is left may do for a block. */
		if ((r == -ENOSPC || r == -EDQUOT || r == -EFBIG) &&
		    to - from > block) {
			piece = block;
			r = 0;
		}
	}
	return r;
}

static void monitor_report(struct monitor *monitor, int r)
{
	if (r == monitor->told)
		return;
	if (!r) {
		monitor_say(monitor, LOG_NOTICE, "%s can be extended again",
			    monitor->file.path);
	} else if (r == -ENOSPC || r == -EDQUOT) {
		monitor_say(monitor, LOG_ERR, "the file system of %s is full: make space, or writes to new blocks fail",
			    monitor->file.path);
	} else if (r == -EFBIG) {
		monitor_say(monitor, LOG_ERR, "the file system takes no larger file than %s is: writes to new blocks fail, unless it is moved to another one",
			    monitor->file.path);
	} else {
		monitor_say(monitor, LOG_ERR, "%s cannot be extended: %s: look at the kernel log ('dmesg')",
			    monitor->file.path, strerror(-r));
	}
	monitor->told = r;
}

/* Will the target tell when space is low?  Only once more than that was free. */
static bool monitor_is_told(const struct monitor *monitor, u64 bytes)
{
	u64 low = max_t(u64, bytes / 32, 4 * monitor->health.block_bytes);
	u64 free_bytes = monitor_free(monitor, bytes);

	return free_bytes > low || free_bytes >= monitor_wanted(monitor);
}

/*
 * Extend the file if it is time.  Returns for how many seconds to wait at most,
 * 0: until the next event.
 */
static unsigned int monitor_step(struct monitor *monitor)
{
	const struct health *health = &monitor->health;
	struct monitor_file file = {};
	int r;

	if (strcmp(health->mode, "rw") || health->allocated >= health->total)
		return 0;
	monitor_read_log(monitor);
	r = monitor_open(monitor, &file);
	if (!r) {
		r = monitor_extend_to(monitor, &file,
				      monitor_goal(monitor, file.bytes));
		monitor_close(&file);
	}
	if (r == -EINTR)
		return 0;
	monitor_report(monitor, r);
	if (r == -ENOSPC || r == -EDQUOT)
		return MONITOR_FULL_SECONDS;
	if (r)
		return MONITOR_ERROR_SECONDS;
	return monitor_is_told(monitor, file.bytes) ? 0 : MONITOR_LOOK_SECONDS;
}

/* Until the mapping is gone, or somebody ends it. */
static int monitor_watch(struct monitor *monitor)
{
	unsigned int seconds;
	int r;

	while (!monitor_stopped) {
		r = monitor_look(monitor);
		if (r == -ENODEV)
			return 0;
		seconds = r ? MONITOR_ERROR_SECONDS : monitor_step(monitor);
		alarm(seconds);
		/* A signal from here on sets the alarm again. */
		if (monitor_stopped)
			break;
		r = target_wait(monitor->dev, monitor->event);
		alarm(0);
		if (r && r != -EINTR && r != -ENODEV)
			return r;
	}
	return 0;
}

static int monitor_claim(struct monitor *monitor, struct daemon_claim *claim)
{
	unsigned int tries = monitor->daemon ? 10 * MONITOR_CLAIM_SECONDS : 0;
	int r;

	while ((r = daemon_claim(claim, monitor->dev)) == -EBUSY && tries--)
		usleep(100000);
	if (r == -EBUSY)
		complain(monitor->mapping.name, "leave it to that one, or end it first",
			 "another 'vhdx monitor' watches it already");
	else if (r)
		complain_errno(claim->path, r, "cannot be made and locked");
	return r;
}

/* Is there anything to do for this mapping? */
static int monitor_check(struct monitor *monitor, const char *name)
{
	int r;

	r = mapping_get(name, &monitor->mapping);
	if (r == -ENODEV) {
		complain(name, "'vhdx list' shows what is attached",
			 "not attached");
		return r;
	}
	monitor->dev = monitor->mapping.dev;
	if (!r && mapping_is_stock(&monitor->mapping)) {
		complain(name, "let it be",
			 "attached with --stock: its file never grows");
		return -EINVAL;
	}
	if (!r && !mapping_is_ours(&monitor->mapping)) {
		complain(name, "'vhdx list' shows what is attached",
			 "no VHDX mapping");
		return -EINVAL;
	}
	if (!r)
		r = monitor_look(monitor);
	if (r) {
		complain_errno(name, r, "cannot be looked up");
		return r;
	}
	r = loop_backing(monitor->backing, &monitor->file);
	if (r == -ENOTBLK)
		complain(name, "extend the device below, as by 'lvextend'",
			 "its image is in no file");
	else if (r)
		complain_errno(name, r, "cannot find the file of its image");
	else if (monitor->file.read_only || monitor->mapping.read_only)
		complain(name, NULL, "it is read-only, and takes no space");
	else
		return 0;
	return r ? r : -EROFS;
}

static int monitor_hold(void *arg, const char *name,
			const struct state_image *image)
{
	struct monitor *monitor = arg;

	(void)image;
	if (strcmp(name, monitor->mapping.name))
		return 0;
	monitor->held = open(monitor->file.path,
			     O_PATH | O_CLOEXEC | O_NOFOLLOW);
	return 1;
}

static int monitor_serve(struct monitor *monitor, const char *name,
			 int ready)
{
	struct daemon_claim claim;
	int r;

	r = mapping_start();
	if (!r)
		r = monitor_check(monitor, name);
	if (!r)
		r = monitor_claim(monitor, &claim);
	if (r)
		return r;
	monitor->held = -1;
	state_each_image(monitor_hold, monitor);
	monitor->kmsg = kmsg_open();
	monitor_catch_signals();
	if (monitor->daemon) {
		openlog("vhdx-monitor", LOG_PID, LOG_DAEMON);
		daemon_detach(ready);
	}
	monitor_check_module(monitor);
	r = monitor_watch(monitor);
	if (r)
		monitor_say(monitor, LOG_ERR, "cannot wait for events: %s",
			    strerror(-r));
	kmsg_close(monitor->kmsg);
	daemon_unclaim(&claim);
	return r;
}

static int monitor_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "daemon", no_argument, NULL, 'd' },
		OPTION_HELP,
		{}
	};
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	int r = 0, ready = -1;

	if (!monitor) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return STATUS_FAILED;
	}
	while (command_option(self, argc, argv, options) >= 0)
		monitor->daemon = true;
	command_operands(self, argc, argv, 1, 1, "NAME");
	if (monitor->daemon)
		r = daemon_fork(&ready);
	if (!r)
		r = monitor_serve(monitor, argv[optind], ready);
	else if (r < 0 && r != -ECHILD)
		complain_errno(self->name, r, "cannot start");
	free(monitor);
	return r < 0 ? STATUS_FAILED : STATUS_OK;
}

const struct command command_monitor = {
	.name = "monitor",
	.summary = "Enlarge the file of an attached image in steps",
	.synopsis = "[OPTION...] NAME",
	.help =
"  -d, --daemon               go on in the background; messages go to the system\n"
"                             log\n"
"\n"
"'vhdx attach' starts it where a file can have no holes.  Ends when NAME is\n"
"detached.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = monitor_run,
};

// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx detach
 *
 * The removal of a mapping closes the image, and nobody would hear if that
 * fails.  So the mapping is suspended first, which closes it just as well, and
 * the target's status tells what came of it before it is gone.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing.h"
#include "busy.h"
#include "command.h"
#include "daemon.h"
#include "detach.h"
#include "extent.h"
#include "find.h"
#include "health.h"
#include "layers.h"
#include "mapping.h"
#include "message.h"
#include "output.h"
#include "partition.h"
#include "resolve.h"
#include "signals.h"
#include "size.h"

#define DETACH_MONITOR_SECONDS	60

/* Options without a short form. */
enum {
	DETACH_NO_TRIM = OPTION_LONG,
	DETACH_IF_ATTACHED,
};

/**
 * struct detach - a mapping that is being removed
 * @disk: the mapping, as it was seen last
 * @status: its status then
 * @partitions: those of @disk
 * @trim: cut off what the file has behind the image
 * @wait_seconds: how long to wait for it to be in use no more
 * @backing: what the image is on
 * @parents: the devices of its parents
 * @flush_error: errno of the last flush, which may have been the first one to
 *               hear of a loss
 * @lost: something that was written is not in the image, or may not be
 * @log_dirty: the image has a log to replay
 */
struct detach {
	struct mapping disk;
	struct health status;
	struct partitions partitions;
	bool trim;
	unsigned int wait_seconds;
	struct backing backing;
	struct layers parents;
	int flush_error;
	bool lost;
	bool log_dirty;
};

static int detach_open(const char *name, int flags)
{
	char path[256];

	return open(mapping_path(path, sizeof(path), name),
		    O_RDONLY | O_CLOEXEC | flags);
}

/* The file was extended for the disk to grow: cut off what it did not use. */
static void detach_trim(struct loop_backing *backing, bool solid)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(backing->path);
	struct image image;
	struct stat st;
	int r;

	if (stat(backing->path, &st) || st.st_dev != backing->dev ||
	    st.st_ino != backing->inode) {
		if (length > strlen(deleted) &&
		    !strcmp(backing->path + length - strlen(deleted), deleted))
			backing->path[length - strlen(deleted)] = '\0';
		note(backing->path, "deleted, moved or replaced while it was attached: detached, there is nothing to cut off");
		return;
	}
	r = image_open(&image, backing->path, IMAGE_WRITE_SOON);
	/* What it refers to is its own; its parents are not asked. */
	image.reader.parents = true;
	if (!r)
		r = extent_trim(&image);
	if (!r)
		r = extent_settle(&image, solid);
	image_close(&image);
	if (r > 0)
		note(backing->path, "detached, but what the file holds now is no intact image (%s), so its end was not cut off",
		     vhdx_fault_text(r));
	else if (r)
		note(backing->path, "detached, but the end of the file was not cut off");
}

/* A flush reports what was lost and not reported yet. */
static int detach_flush(const char *name)
{
	int fd = detach_open(name, 0), r;

	if (fd < 0)
		return 0;
	r = fsync(fd) ? errno : 0;
	close(fd);
	return r;
}

/* Close the image.  Afterwards the status is the last word. */
static int detach_settle(struct detach *detach)
{
	struct mapping *disk = &detach->disk;
	int r = 0;

	health_parse(disk, &detach->status);
	if (disk->suspended || health_read_only(disk) ||
	    health_state(disk, &detach->status) == HEALTH_FAILED)
		return 0;	/* there is nothing to close any more */
	if (!detach->flush_error)
		detach->flush_error = detach_flush(disk->name);
	r = mapping_suspend(disk->name);
	if (!r)
		r = mapping_get(disk->name, disk);
	if (r) {
		complain(disk->name, "the kernel log ('dmesg') may tell more",
			 "cannot be suspended: %s", mapping_error());
		return r;
	}
	health_parse(disk, &detach->status);
	return 0;
}

/* Close the image and remove the mapping, in spite of udev's programs. */
static int detach_remove(struct detach *detach)
{
	const char *name = detach->disk.name;
	unsigned int tries;
	bool was_suspended;
	int r, back;

	for (tries = 0; tries < BUSY_TRIES; tries++) {
		if (tries)
			usleep(BUSY_WAIT_US);
		r = mapping_get(name, &detach->disk);
		was_suspended = detach->disk.suspended;
		if (!r)
			r = detach_settle(detach);
		if (r)
			return r;
		r = mapping_remove_now(name);
		if (!r)
			return 0;
		/* Whoever has it open may be waiting for its I/O. */
		back = was_suspended || !detach->disk.suspended ? 0 :
		       mapping_resume(name);
		if (back) {
			complain(name, "the kernel log ('dmesg') tells more",
				 "cannot be resumed: %s", mapping_error());
			return back;
		}
		if (r != -EBUSY)
			break;
	}
	if (r == -EBUSY)
		busy_say(name);
	else
		complain(name, "end what uses it and try again",
			 "cannot be removed: %s", mapping_error());
	return r;
}

/* The image that is left, if it can be read. */
static bool detach_log_is_dirty(const struct backing *backing)
{
	struct image image;
	bool dirty = false;

	if (!image_open(&image, backing->on_file ? backing->file.path :
			backing->device, IMAGE_PEEK) &&
	    !vhdx_load_header(&image.reader, &image.layout, image.scratch))
		dirty = !guid_is_null(&image.layout.header.log_guid);
	image_close(&image);
	return dirty;
}

/* What the image did not get: the last chance to say so. */
static void detach_say_lost(struct detach *detach)
{
	static const char advice[] =
		"check the file system on it, and write again what was written since the last sync";
	const struct health *status = &detach->status;
	const char *name = detach->disk.name;
	char size[SIZE_TEXT];
	bool failed;

	failed = health_state(&detach->disk, status) == HEALTH_FAILED;
	detach->lost = failed || detach->flush_error;
	if (status->uncommitted && failed)
		complain(name, advice, "detached, but what was written to %" PRIu64
			 " new %s (up to %s) is lost: writing the image has failed",
			 status->uncommitted,
			 status->uncommitted == 1 ? "block" : "blocks",
			 size_text(size, status->uncommitted *
				   status->block_bytes));
	else if (failed && !status->loaded)
		complain(name, "look at the kernel log ('dmesg'), and run 'vhdx check' on the image",
			 "detached, but its last resume has failed (mode fail), and what was not durable before is lost");
	else if (failed)
		complain(name, advice, "detached, but writing the image has failed (mode %s), and what was not durable before is lost",
			 status->mode);
	else if (detach->flush_error)
		complain(name, advice, "detached, but something that was written may be lost, as a flush says: %s",
			 strerror(detach->flush_error));
	if (!failed)
		return;
	detach->log_dirty = detach_log_is_dirty(&detach->backing);
	if (detach->log_dirty)
		note(name, "the log of the image stays dirty: 'vhdx attach' or 'vhdx replay' will replay it");
}

/* What extends the file has nothing to do any more; it must have ended. */
static int detach_end_monitor(const struct mapping *disk, int monitor)
{
	int r = monitor < 0 ? 0 : daemon_end(monitor, DETACH_MONITOR_SECONDS);

	if (r)
		complain(disk->name, "end it, and attach and detach the file once more",
			 "detached, but 'vhdx monitor' does not end: %s",
			 strerror(-r));
	return r;
}

/*
 * A loop device goes by itself, once udev's programs have closed it; one that
 * another mapping is on stays.
 */
static void detach_wait_loop(const char *device, const char *wanted)
{
	char attribute[SYSFS_PATH + 32], file[PATH_MAX], disk[SYSFS_PATH + 8];
	char holder[64], name[SYSFS_DM_NAME];
	unsigned int tries;

	snprintf(disk, sizeof(disk), "block/%s", strrchr(device, '/') + 1);
	snprintf(attribute, sizeof(attribute), "%s/loop/backing_file", disk);
	for (tries = 0; tries < BUSY_TRIES; tries++) {
		if (sysfs_read(attribute, file, sizeof(file)) ||
		    strcmp(file, wanted) ||
		    sysfs_first_holder(disk, holder, name))
			break;
		usleep(BUSY_WAIT_US);
	}
}

/* The last one to go lets a file system be unmounted. */
static void detach_release(const struct detach *detach)
{
	const struct layer *layer = detach->parents.layer;
	unsigned int i;

	if (detach->backing.on_file && detach->backing.file.autoclear)
		detach_wait_loop(detach->backing.device,
				 detach->backing.file.path);
	/* Nobody was to discard on it; if it is in use again it stays. */
	if (mapping_is_stock(&detach->disk) && detach->backing.on_file &&
	    !detach->backing.file.read_only)
		loop_retire(detach->backing.device);
	for (i = 0; i < detach->parents.count; i++)
		if (layer[i].file && layer[i].autoclear)
			detach_wait_loop(layer[i].device, layer[i].file);
	if (detach->backing.on_file)
		resolve_release(detach->backing.file.path);
	for (i = 0; i < detach->parents.count; i++)
		if (layer[i].file)
			resolve_release(layer[i].file);
}

static int detach_mapping(struct detach *detach)
{
	sigset_t before;
	int r, monitor;

	/* Ask the loop device while it is there. */
	backing_get(&detach->backing, &detach->disk);
	if (layers_of(&detach->parents, &detach->disk))
		detach->parents.count = 0;
	if (!detach->backing.on_file || !detach->backing.file.autoclear ||
	    detach->backing.file.read_only || mapping_is_stock(&detach->disk))
		detach->trim = false;

	r = busy_wait(&detach->partitions, &detach->disk,
		      detach->wait_seconds);
	if (r)
		return r;
	signals_hold(&before);
	monitor = daemon_find(detach->disk.dev);
	r = partitions_remove(&detach->partitions);
	if (!r)
		r = detach_remove(detach);
	if (!r) {
		detach_say_lost(detach);
		detach->trim &= !detach_end_monitor(&detach->disk, monitor);
	} else if (monitor >= 0) {
		close(monitor);
	}
	signals_release(&before);
	if (!r && detach->trim)
		detach_trim(&detach->backing.file,
			    strstr(detach->disk.table, " no_unmap"));
	if (!r)
		detach_release(detach);
	return r;
}

/**
 * struct detach_run - a run of the command
 * @out: the report, if @json
 * @json: there is one
 * @verbose: say what is done
 * @trim: cut off what files have behind their images
 * @wait_seconds: how long to wait for what is in use
 * @if_attached: what is not attached is no error
 * @count: how many mappings @name has
 * @name: all there are, for --all
 */
struct detach_run {
	struct output out;
	bool json;
	bool verbose;
	bool trim;
	unsigned int wait_seconds;
	bool if_attached;
	unsigned int count;
	char (*name)[MAPPING_NAME];
};

static void detach_report(struct detach_run *run, const struct detach *detach,
			  bool detached)
{
	const struct mapping *disk = &detach->disk;
	struct output *out = &run->out;

	if (run->verbose && detached)
		note(disk->name, "detached");
	if (!run->json)
		return;
	output_row(out);
	output_text(out, "name", "", disk->name);
	output_bool(out, "detached", "", detached);
	output_bool(out, "lost", "", detach->lost);
	if (detached && health_state(disk, &detach->status) == HEALTH_FAILED)
		output_number(out, "blocks_lost", "",
			      detach->status.uncommitted);
	output_bool(out, "log_dirty", "", detach->log_dirty);
	output_text(out, "backing_device", "", detach->backing.device);
	if (detach->backing.on_file)
		output_text(out, "backing_file", "",
			    detach->backing.file.path);
}

/* Return: false if it is still there, or something was lost. */
static bool detach_one(struct detach_run *run, const char *what)
{
	struct detach *detach = calloc(1, sizeof(*detach));
	bool well = false;
	int r;

	if (!detach) {
		complain_errno(what, ENOMEM, "cannot detach");
		return false;
	}
	detach->trim = run->trim;
	detach->wait_seconds = run->wait_seconds;
	if (run->if_attached && !strchr(what, '/') &&
	    mapping_get(what, &detach->disk) == -ENODEV) {
		free(detach);
		return true;
	}
	r = find_mapping(what, &detach->disk);
	if (!r) {
		r = detach_mapping(detach);
		detach_report(run, detach, !r);
		well = !r && !detach->lost;
	}
	layers_close(&detach->parents);
	free(detach);
	return well;
}

/**
 * detach_name() - detach what was attached
 * @name: of the mapping
 * @verbose: say that it is done
 *
 * Says what is wrong, and what is lost.
 *
 * Return: false if it is still there, or something was lost.
 */
bool detach_name(const char *name, bool verbose)
{
	struct detach_run run = { .trim = true, .verbose = verbose };

	return detach_one(&run, name);
}

static int detach_collect(void *arg, const char *name, dev_t dev)
{
	struct detach_run *run = arg;
	char (*more)[MAPPING_NAME];
	struct mapping disk;

	(void)dev;
	if (mapping_get(name, &disk) || !mapping_is_image(&disk))
		return 0;
	more = realloc(run->name, (run->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	run->name = more;
	snprintf(more[run->count], MAPPING_NAME, "%s", name);
	run->count++;
	return 0;
}

/* Is something else on its disk or one of its partitions? */
static bool detach_is_held(const char *name)
{
	struct partitions *partitions = calloc(1, sizeof(*partitions));
	char foreign[MAPPING_NAME];
	struct mapping disk, part;
	bool held = false;
	unsigned int i;

	if (partitions && !mapping_get(name, &disk)) {
		held = partitions_find(partitions, &disk, foreign);
		for (i = 0; !held && i < partitions->count; i++)
			held = !mapping_get(partitions->name[i], &part) &&
			       part.open_count;
	}
	free(partitions);
	return held;
}

/* An image may be on another one's disk: what is on top goes first. */
static bool detach_all(struct detach_run *run)
{
	bool well = true, progress = true;
	unsigned int i, left;
	int r;

	r = mapping_each(detach_collect, run);
	if (r < 0) {
		complain_errno("detach", r, "cannot list the mappings");
		return false;
	}
	for (left = run->count; left; ) {
		/* Without any progress they say themselves why not. */
		bool force = !progress;

		progress = false;
		for (i = 0; i < left; ) {
			if (!force && detach_is_held(run->name[i])) {
				i++;
				continue;
			}
			well &= detach_one(run, run->name[i]);
			left--;
			memmove(run->name[i], run->name[left], MAPPING_NAME);
			progress = true;
		}
	}
	free(run->name);
	return well;
}

static unsigned int detach_seconds(const struct command *self, const char *text)
{
	if (!*text || text[strspn(text, "0123456789")] || strlen(text) > 6)
		command_usage(self, "--wait needs a number of seconds, not '%s'",
			      text);
	return strtoul(text, NULL, 10);
}

static int detach_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "no-trim", no_argument, NULL, DETACH_NO_TRIM },
		{ "if-attached", no_argument, NULL, DETACH_IF_ATTACHED },
		{ "wait", required_argument, NULL, 'w' },
		{ "verbose", no_argument, NULL, 'v' },
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	static const struct output_column none[] = { {} };
	struct detach_run run = { .trim = true };
	bool all = false, well = true;
	int c;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		all |= c == 'a';
		run.trim &= c != DETACH_NO_TRIM;
		run.if_attached |= c == DETACH_IF_ATTACHED;
		if (c == 'w')
			run.wait_seconds = detach_seconds(self, optarg);
		run.verbose |= c == 'v';
		run.json |= c == 'J';
	}
	if (all && optind < argc)
		command_usage(self, "--all takes no NAME");
	command_operands(self, argc, argv, !all, argc, "NAME");

	if (mapping_start())
		return STATUS_FAILED;
	if (run.json) {
		output_begin(&run.out, true);
		output_list(&run.out, NULL, none);
	}
	if (all)
		well = detach_all(&run);
	for (; optind < argc; optind++)
		well &= detach_one(&run, argv[optind]);
	if (run.json) {
		output_list_end(&run.out);
		output_end(&run.out);
	}
	return well ? STATUS_OK : STATUS_FAILED;
}

const struct command command_detach = {
	.name = "detach",
	.summary = "Undo an attach",
	.synopsis = "[OPTION...] NAME|FILE|DEVICE...",
	.help =
"  -a, --all                  detach all that 'vhdx list' shows\n"
"      --if-attached          a NAME that is not attached is no error\n"
"  -w, --wait SECONDS         wait that long for what is in use\n"
"      --no-trim              leave the file as long as it is\n"
"  -v, --verbose              say what is done\n"
"  -J, --json                 print JSON\n"
"\n"
"Removes the partitions, the mapping and the loop device, and cuts off the end\n"
"of the file that the image has not used.\n"
"\n"
"Exit status: 0 detached, 1 not detached, or detached but something that was\n"
"written is lost, 2 usage error.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = detach_run,
};

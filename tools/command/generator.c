// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx generator: units of systemd for the lines of /etc/vhdxtab
 *
 * DOC: order
 *
 * vhdx@.service, which is a file, says what is done; what is made here says
 * when.  An image on a file system that fstab mounts waits for that mount
 * (RequiresMountsFor=), one on a device for the device, and file systems on
 * the disk wait for /dev/mapper/NAME as for any other device.  Neither way
 * local-fs.target is named, or the two would wait for each other.
 *
 * A machine that goes down unmounts what is on the disk while "vhdx detach"
 * waits for that: systemd orders only mounts by /dev/mapper/NAME before it
 * (blockdev@.target), but not those by UUID or of partitions.  The file system
 * under the image is unmounted after that, as the other way round.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "command.h"
#include "message.h"
#include "state.h"
#include "tab.h"
#include "unit.h"

#define GENERATOR_UNITS	"/lib/systemd/system"
#define GENERATOR_KMSG	"/dev/kmsg"

/**
 * struct generator - a run of the command
 * @dir: where the units go
 * @units: where vhdx@.service and the targets are
 * @tab: the table
 * @initrd: this is an initramfs
 */
struct generator {
	const char *dir;
	const char *units;
	struct tab tab;
	bool initrd;
};

/* Whoever boots reads the journal, which has the kernel's log. */
static void generator_log(void)
{
	const char *pid = getenv("SYSTEMD_EXEC_PID");

	if (!pid || strtol(pid, NULL, 10) != getpid() ||
	    !freopen(GENERATOR_KMSG, "we", stderr))
		return;
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);	/* a record for each line */
}

static int generator_failed(const char *path)
{
	int r = -errno;

	complain_errno(path, r, "cannot be made");
	return r;
}

/* @unit: with @kind, such as ".wants", the name of a directory. */
static int generator_mkdir(const struct generator *generator, const char *unit,
			   const char *kind, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s%s", generator->dir, unit, kind);
	if (mkdir(path, 0755) && errno != EEXIST)
		return generator_failed(path);
	return 0;
}

/* Let @unit want or require another one, the file of which is @file. */
static int generator_link(const struct generator *generator, const char *unit,
			  const char *kind, const char *other, const char *file)
{
	char path[PATH_MAX], target[PATH_MAX];
	size_t length;
	int r;

	r = generator_mkdir(generator, unit, kind, path);
	if (r)
		return r;
	length = strlen(path);
	snprintf(path + length, sizeof(path) - length, "/%s", other);
	snprintf(target, sizeof(target), "%s/%s", generator->units, file);
	return symlink(target, path) && errno != EEXIST ?
	       generator_failed(path) : 0;
}

/* A drop-in file of a unit; generator_end() it. */
static FILE *generator_drop_in(const struct generator *generator,
			       const char *unit, const char *name,
			       const char *about)
{
	char path[PATH_MAX];
	size_t length;
	FILE *file;

	if (generator_mkdir(generator, unit, ".d", path))
		return NULL;
	length = strlen(path);
	snprintf(path + length, sizeof(path) - length, "/%s.conf", name);
	file = fopen(path, "we");
	if (!file) {
		generator_failed(path);
		return NULL;
	}
	fprintf(file, "# %s\n\n[Unit]\n", about);
	return file;
}

/* The same for a line of the table. */
static FILE *generator_begin(const struct generator *generator,
			     const struct tab_entry *entry, const char *unit,
			     const char *name)
{
	char about[PATH_MAX + 64];

	snprintf(about, sizeof(about), "Made by vhdx-generator(8) of line %u of %s.",
		 entry->line, generator->tab.path);
	return generator_drop_in(generator, unit, name, about);
}

static int generator_end(FILE *file, const char *unit)
{
	bool failed = ferror(file);

	if (!fclose(file) && !failed)
		return 0;
	complain(unit, NULL, "its unit cannot be written");
	return -EIO;
}

/* Return: false after saying that systemd takes no such name. */
static bool generator_device(const struct generator *generator,
			     const struct tab_entry *entry,
			     char device[UNIT_NAME])
{
	char node[PATH_MAX];

	source_node(&entry->source, node);
	if (unit_name_path(device, node, ".device"))
		return true;
	snprintf(node, sizeof(node), "%s: line %u", generator->tab.path,
		 entry->line);
	complain(node, "name the device in another way",
		 "ignored: systemd takes no unit with so long a name as '%s' would have",
		 entry->source.path[0] ? entry->source.path :
		 entry->source.value);
	return false;
}

static void generator_mount(const char *path, FILE *file)
{
	fputs("RequiresMountsFor=", file);
	unit_print_path(file, path);
	putc('\n', file);
}

/* Those that are named; others are found, mounted or not. */
static void generator_parents(const struct tab_entry *entry, FILE *file)
{
	unsigned int i;

	for (i = 0; i < entry->search.files; i++)
		generator_mount(entry->search.file[i], file);
	for (i = 0; i < entry->search.dirs; i++)
		generator_mount(entry->search.dir[i], file);
}

/* What has to be there first. */
static int generator_needs(const struct generator *generator,
			   const struct tab_entry *entry, FILE *file)
{
	const struct source *source = &entry->source;
	char unit[UNIT_NAME], dir[PATH_MAX];

	if (source_on_device(source)) {
		if (!generator_device(generator, entry, unit))
			return -EINVAL;
		fprintf(file, "BindsTo=%s\nAfter=%s\n", unit, unit);
	} else {
		generator_mount(source->path, file);
	}
	generator_parents(entry, file);
	/* It is mounted when this starts; it must not be unmounted before this ends. */
	if (*source->inner) {
		source_host(source, dir);
		if (unit_name_path(unit, dir, ".mount"))
			fprintf(file, "After=%s\n", unit);
	}
	if (entry->netdev)
		fputs("Wants=network-online.target\n"
		      "After=network-online.target remote-fs-pre.target\n",
		      file);
	return 0;
}

static const char *generator_target(const struct tab_entry *entry)
{
	return entry->netdev ? "remote-vhdx.target" : "vhdx.target";
}

static int generator_service(const struct generator *generator,
			     const struct tab_entry *entry,
			     const char *service)
{
	FILE *file = generator_begin(generator, entry, service, "50-vhdxtab");
	int r, end;

	if (!file)
		return -EIO;
	fputs("SourcePath=", file);
	for (const char *c = generator->tab.path; *c; c++)
		fputs(*c == '%' ? "%%" : (char[]){ *c, '\0' }, file);
	putc('\n', file);
	r = generator_needs(generator, entry, file);
	if (!entry->no_auto && !entry->no_fail)
		fprintf(file, "Before=%s\n", generator_target(entry));
	/* What the initramfs has attached carries the root. */
	if (!entry->initrd)
		fputs("Conflicts=umount.target\nBefore=umount.target\n", file);
	end = generator_end(file, service);
	return r ? r : end;
}

/* How long systemd waits, for the device below and for ours. */
static int generator_timeouts(const struct generator *generator,
			      const struct tab_entry *entry,
			      const char *device)
{
	char below[UNIT_NAME];
	FILE *file;
	int r;

	/* That of our device ends with its service, which knows best. */
	file = generator_begin(generator, entry, device, "40-device-timeout");
	if (!file)
		return -EIO;
	fputs("JobTimeoutSec=infinity\n", file);
	r = generator_end(file, device);
	if (r || !*entry->timeout || !source_on_device(&entry->source) ||
	    !generator_device(generator, entry, below))
		return r;
	file = generator_begin(generator, entry, below, "50-device-timeout");
	if (!file)
		return -EIO;
	fprintf(file, "JobRunningTimeoutSec=%s\n", entry->timeout);
	return generator_end(file, below);
}

/* Who starts it. */
static int generator_wanted(const struct generator *generator,
			    const struct tab_entry *entry, const char *service)
{
	const char *target = generator_target(entry);
	int r;

	if (entry->no_auto)
		return 0;
	r = generator_link(generator, target,
			   entry->no_fail ? ".wants" : ".requires", service,
			   "vhdx@.service");
	if (!r)
		r = generator_link(generator, entry->netdev ?
				   "multi-user.target" : "sysinit.target",
				   ".wants", target, target);
	return r;
}

static int generator_entry(const struct generator *generator,
			   const struct tab_entry *entry)
{
	char service[UNIT_NAME], device[UNIT_NAME], path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "/dev/mapper/%s", entry->name);
	if (!unit_name(service, "vhdx@", entry->name, ".service") ||
	    !unit_name_path(device, path, ".device")) {
		snprintf(path, sizeof(path), "%s: line %u",
			 generator->tab.path, entry->line);
		complain(path, "choose a shorter name",
			 "ignored: systemd takes no unit with so long a name as '%s' would have",
			 entry->name);
		return -EINVAL;
	}
	r = generator_service(generator, entry, service);
	if (!r)
		r = generator_timeouts(generator, entry, device);
	/* Whoever needs the device starts the service. */
	if (!r)
		r = generator_link(generator, device, ".requires", service,
				   "vhdx@.service");
	if (!r)
		r = generator_wanted(generator, entry, service);
	return r;
}

static bool generator_is_fuse(const char *dir)
{
	struct statfs fs;

	return !statfs(dir, &fs) && fs.f_type == FUSE_SUPER_MAGIC;
}

/*
 * What the initramfs has mounted cannot be unmounted while the system runs, so
 * systemd is to leave it alone.  But systemd-shutdown(8) tries, and by force:
 * what is served by a program is cut off from that then, with the image in it.
 * So that is taken out of the tree of files before, and lives on below the
 * image until "vhdx shutdown", or dracut's shutdown, has closed that.
 */
static void generator_host(const struct generator *generator, const char *dir)
{
	char unit[UNIT_NAME];
	FILE *file;

	if (!unit_name_path(unit, dir, ".mount"))
		return;
	file = generator_drop_in(generator, unit, "50-vhdx",
				 "Made by vhdx-generator(8): what the initramfs has mounted stays.");
	if (!file)
		return;
	fputs("DefaultDependencies=no\n", file);
	if (generator_is_fuse(dir))
		fputs("Conflicts=umount.target\nBefore=umount.target\n\n"
		      "[Mount]\nLazyUnmount=yes\n", file);
	generator_end(file, unit);
}

/* Of an image that the initramfs has attached. */
static int generator_image(void *arg, const char *name,
			   const struct state_image *image)
{
	const struct generator *generator = arg;
	char unit[UNIT_NAME];

	if (*image->host)
		generator_host(generator, image->host);
	/* Its file may have to be extended. */
	if (image->steps &&
	    unit_name(unit, "vhdx-monitor@", name, ".service"))
		generator_link(generator, "sysinit.target", ".wants", unit,
			       "vhdx-monitor@.service");
	return 0;
}

static int generator_make(struct generator *generator)
{
	const struct tab *tab = &generator->tab;
	unsigned int i;
	int r, worst = 0;

	if (!generator->initrd)
		state_each_image(generator_image, generator);
	r = tab_load(&generator->tab, tab_default());
	if (r == -ENOENT)
		return 0;
	if (r) {
		complain_errno(tab->path, r, "cannot be read");
		return r;
	}
	for (i = 0; i < tab->count; i++) {
		if (generator->initrd && !tab->entries[i]->initrd)
			continue;
		r = generator_entry(generator, tab->entries[i]);
		if (r)
			worst = r;
	}
	/* A line that is wrong has been named: it is no reason to stop. */
	return tab->wrong && !worst ? -EINVAL : worst;
}

static int generator_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "units", required_argument, NULL, OPTION_LONG },
		OPTION_HELP,
		{}
	};
	struct generator generator = {
		.units = GENERATOR_UNITS,
		.initrd = !access("/etc/initrd-release", F_OK),
	};
	int r;

	generator_log();
	while (command_option(self, argc, argv, options) >= 0)
		generator.units = optarg;
	/* systemd gives three: for units of ordinary, high and low priority. */
	command_operands(self, argc, argv, 1, 3, "DIRECTORY");
	generator.dir = argv[optind];
	r = generator_make(&generator);
	tab_free(&generator.tab);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_generator = {
	.name = "generator",
	.summary = "Make units of systemd for the lines of /etc/vhdxtab",
	.synopsis = "[OPTION...] DIRECTORY [EARLY LATE]",
	.help =
"      --units DIRECTORY      where vhdx@.service is\n"
"\n"
"systemd runs it when the machine boots, and at 'systemctl daemon-reload'.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = generator_run,
};

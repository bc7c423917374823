// SPDX-License-Identifier: GPL-2.0
/* vhdx convert: the command line, and the names; what is copied is in transfer.c. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "convert.h"
#include "message.h"
#include "output.h"
#include "overlap.h"
#include "search.h"
#include "signals.h"
#include "size.h"
#include "use.h"

#define CONVERT_SUFFIX	"vhdx-convert"
#define CONVERT_WAIT_SECONDS	5

/* Options without a short form. */
enum {
	CONVERT_AZURE = OPTION_LONG,
	CONVERT_LOGICAL,
	CONVERT_PREALLOCATE,
	CONVERT_NO_SPARSE,
	CONVERT_SHA256,
	CONVERT_CONTINUE,
};

static enum disk_format convert_format(const struct command *self,
				       const char *option, const char *name)
{
	enum disk_format format = disk_format_named(name);

	if (format == DISK_AUTO)
		command_usage(self, "%s %s is none of 'raw', 'vhdx', 'vhd' and 'qcow2'",
			      option, name);
	return format;
}

static u64 convert_block_size(const struct command *self, const char *text)
{
	u64 bytes;

	if (size_parse(text, &bytes) || !is_power_of_2(bytes) ||
	    bytes < VHD_MIN_BLOCK || bytes > VHDX_MAX_BLOCK)
		command_usage(self, "--block-size '%s' is no power of two from 1M to 256M, of a VHD from 4K",
			      text);
	return bytes;
}

static void convert_take(const struct command *self, struct convert *convert,
			 int c)
{
	switch (c) {
	case 'f':
		convert->from_format = convert_format(self, "--from", optarg);
		break;
	case 'O':
		convert->to_format = convert_format(self, "--to", optarg);
		break;
	case 't':
		convert->have_type = true;
		convert->fixed = !strcmp(optarg, "fixed");
		if (!convert->fixed && strcmp(optarg, "dynamic"))
			command_usage(self, "--type %s is neither 'dynamic' nor 'fixed'",
				      optarg);
		break;
	case 'b':
		convert->block_bytes = convert_block_size(self, optarg);
		break;
	case CONVERT_LOGICAL:
		convert->logical_bytes = atoi(optarg);
		if (strcmp(optarg, "512") && strcmp(optarg, "4096"))
			command_usage(self, "--logical-sector-size %s is neither 512 nor 4096",
				      optarg);
		break;
	}
	convert->azure |= c == CONVERT_AZURE;
	convert->preallocate |= c == CONVERT_PREALLOCATE;
	convert->no_sparse |= c == CONVERT_NO_SPARSE;
	convert->sha256 |= c == CONVERT_SHA256;
	convert->go_on |= c == CONVERT_CONTINUE;
	convert->force |= c == 'F';
	convert->json |= c == 'J';
	search_option(self, &convert->search, c);
}

/* What goes with what. */
static void convert_settle(const struct command *self, struct convert *convert)
{
	const enum disk_format to = convert->to_format;

	if (to == DISK_AUTO)
		command_usage(self, "the name of TARGET does not tell its format: use --to");
	if (convert->azure && to != DISK_VHD)
		command_usage(self, "--azure needs --to vhd");
	if (convert->azure && convert->have_type && !convert->fixed)
		command_usage(self, "--azure makes a fixed image, not a dynamic one");
	convert->fixed |= convert->azure;
	if (to != DISK_VHDX && convert->logical_bytes)
		command_usage(self, "--logical-sector-size needs --to vhdx");
	if (to != DISK_VHDX && to != DISK_VHD &&
	    (convert->have_type || convert->block_bytes))
		command_usage(self, "--type and --block-size need --to vhdx or --to vhd");
	if (to == DISK_VHD && convert->fixed && convert->block_bytes)
		command_usage(self, "a fixed VHD has no blocks, so --block-size does not go with it");
	if (to == DISK_VHDX && convert->block_bytes &&
	    convert->block_bytes < VHDX_MIN_BLOCK)
		command_usage(self, "--block-size of a VHDX is at least 1M");
	if (to == DISK_QCOW2 && (convert->preallocate || convert->go_on))
		command_usage(self, "--preallocate and --continue do not go with --to qcow2");
	if (convert->go_on && convert->sha256)
		command_usage(self, "--sha256 does not go with --continue");
}

static void convert_parse(const struct command *self, int argc, char **argv,
			  struct convert *convert)
{
	static const struct option options[] = {
		{ "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 'O' },
		{ "type", required_argument, NULL, 't' },
		{ "block-size", required_argument, NULL, 'b' },
		{ "logical-sector-size", required_argument, NULL,
		  CONVERT_LOGICAL },
		{ "azure", no_argument, NULL, CONVERT_AZURE },
		{ "preallocate", no_argument, NULL, CONVERT_PREALLOCATE },
		{ "no-sparse", no_argument, NULL, CONVERT_NO_SPARSE },
		{ "sha256", no_argument, NULL, CONVERT_SHA256 },
		{ "continue", no_argument, NULL, CONVERT_CONTINUE },
		{ "force", no_argument, NULL, 'F' },
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	int c;

	while ((c = command_option(self, argc, argv, options)) >= 0)
		convert_take(self, convert, c);
	command_operands(self, argc, argv, 2, 2,
			 optind < argc ? "TARGET" : "SOURCE");
	convert->source = argv[optind];
	convert->target = argv[optind + 1];
	if (convert->to_format == DISK_AUTO)
		convert->to_format = disk_format_of_name(convert->target);
	convert_settle(self, convert);
}

/* The target is open, and begun or gone on with: copy what there is. */
static int convert_copy(struct convert *convert)
{
	struct transfer *transfer = &convert->transfer;
	int r = 0, end;

	transfer->from = &convert->from;
	transfer->to = &convert->to;
	transfer->solid = convert->no_sparse;
	if (convert->sha256) {
		transfer->digest = &convert->digest;
		r = digest_begin(&convert->digest);
		if (r)
			complain_errno("sha256sum", r, "cannot run it");
	}
	if (!r)
		r = transfer_run(transfer);
	end = digest_end(&convert->digest, convert->sum);
	if (!r && end)
		complain("sha256sum", "check that it is there (coreutils)",
			 "has not made the digest");
	return r ? r : end;
}

static int convert_finish(struct convert *convert)
{
	const char *changed = disk_changed(&convert->from);
	int r;

	if (changed) {
		complain(changed, "end what writes to it, and run this again",
			 "has changed while it was read");
		return -EBUSY;
	}
	r = newdisk_finish(&convert->to);
	if (r)
		complain_errno(convert->target, r, "cannot write");
	qemu_close(&convert->to.qemu);
	return r;
}

static int convert_begin(struct convert *convert)
{
	int r = newdisk_begin(&convert->to);

	if (r)
		complain_errno(convert->target, r, "cannot write");
	return r;
}

/* Begin anew, or where the last run has come to. */
static int convert_resume(struct convert *convert)
{
	struct checkpoint *point = &convert->point;
	struct transfer *transfer = &convert->transfer;
	char text[SIZE_TEXT];
	int r;

	r = checkpoint_begin(point, &convert->from, &convert->to,
			     convert->file.temp);
	if (r)
		return r;
	transfer->checkpoint = checkpoint_save;
	transfer->arg = point;
	if (!checkpoint_load(point)) {
		unlink(point->path);
		return ftruncate(convert->file.fd, 0) ? -errno :
							convert_begin(convert);
	}
	convert->image.file_bytes = lseek(convert->file.fd, 0, SEEK_END);
	transfer->at = point->at;
	transfer->copied = point->copied;
	transfer->shared = point->shared;
	transfer->zeros = point->zeros;
	note(convert->target, "going on where the last run has stopped, after %s",
	     size_text(text, point->at));
	return newdisk_again(&convert->to, point->end, point->placed,
			     point->block, point->block_off);
}

/* Nobody else works on it, from here on. */
static int convert_lock_kept(const struct convert *convert)
{
	const struct newfile *file = &convert->file;

	/* What the kernel still does for one that was killed takes a moment. */
	if (use_lock_wait(file->fd, CONVERT_WAIT_SECONDS)) {
		complain(convert->target, "wait for that, or end it",
			 "another conversion to it is running");
		return -EBUSY;
	}
	/* Whoever had it locked may have finished it: then it is no longer ours. */
	if (newfile_has_name(file))
		return 0;
	complain(convert->target, "look at what it has made",
		 "another conversion to it has just ended");
	return -EBUSY;
}

static int convert_open_file(struct convert *convert)
{
	struct newfile *file = &convert->file;
	int r;

	if (convert->go_on)
		r = newfile_open_kept(file, convert->target, CONVERT_SUFFIX);
	else if (convert->to_format == DISK_QCOW2)
		r = newfile_open_named(file, convert->target);
	else
		r = newfile_open(file, convert->target);
	if (!r && convert->go_on && convert_lock_kept(convert))
		return -EBUSY;
	convert->image.fd = file->fd;
	if (!r && convert->to_format == DISK_QCOW2) {
		r = qemu_create(file->temp, convert->target,
				convert->to.bytes);
		if (!r)
			r = qemu_open(&convert->to.qemu, file->temp,
				      convert->target, true);
	} else if (r == -EEXIST && convert->go_on) {
		complain(file->temp, "remove it",
			 "is in the way, and belongs to somebody else or has another name, too");
	} else if (r) {
		complain_errno(convert->target, r, "cannot create");
	}
	return r;
}

/* @old: the file that is replaced, or NULL. */
static int convert_to_file(struct convert *convert, const struct stat *old)
{
	struct newfile *file = &convert->file;
	int r, done;

	convert->image.path = convert->target;
	r = convert_open_file(convert);
	if (!r && old)
		r = newfile_inherit(file, old);
	if (!r)
		r = convert->go_on ? convert_resume(convert) :
				     convert_begin(convert);
	if (!r)
		r = convert_copy(convert);
	if (!r)
		r = convert_finish(convert);
	qemu_close(&convert->to.qemu);
	if (r == -EINTR)
		note(convert->target, "not finished: the same command goes on with it");
	if (r)
		return r;
	done = newfile_commit(file, old);
	if (done == -EEXIST)
		complain(convert->target, "take another name or remove it",
			 "appeared in the meantime");
	else if (done)
		complain_errno(convert->target, done, "cannot create");
	return done;
}

static int convert_to_new_file(struct convert *convert, const struct stat *old)
{
	int r = convert_to_file(convert, old);

	newfile_abort(&convert->file);
	checkpoint_end(&convert->point, !r);
	return r;
}

/* Writing to it must not change what is still to be read. */
static int convert_check_device(const struct convert *convert,
				const struct stat *st)
{
	const struct chain *chain = &convert->from.chain;
	unsigned int i;

	for (i = 0; i < chain->count; i++) {
		if (!overlap_find(st->st_rdev, &chain->layer[i]->image.st))
			continue;
		complain(convert->target, "name a device that is on another one",
			 "has space in common with '%s', which is to be read",
			 chain->layer[i]->path);
		return -EBUSY;
	}
	return 0;
}

static int convert_to_device(struct convert *convert)
{
	char need[SIZE_TEXT], have[SIZE_TEXT];
	struct image *image = &convert->image;
	int r;

	if (!convert->force || convert->go_on ||
	    convert->to_format == DISK_QCOW2) {
		complain(convert->target, convert->go_on ? "leave --continue out" :
			 convert->force ? "use another format" :
			 "use --force to overwrite all that it holds",
			 "is a block device");
		return -EEXIST;
	}
	r = image_open(image, convert->target, IMAGE_WRITE);
	if (!r && image->file_bytes < convert->to.bytes) {
		complain(convert->target, "use a larger one",
			 "too small: the disk has %s, the device %s",
			 size_argument(need, convert->to.bytes),
			 size_argument(have, image->file_bytes));
		r = -ENOSPC;
	}
	if (!r)
		r = convert_begin(convert);
	if (!r)
		r = convert_copy(convert);
	if (!r)
		r = convert_finish(convert);
	image_close(image);
	return r;
}

static int convert_anywhere(struct convert *convert)
{
	struct image image;
	struct stat st;
	int r;

	if (stat(convert->target, &st) && lstat(convert->target, &st))
		return convert_to_new_file(convert, NULL);
	if (S_ISLNK(st.st_mode)) {
		complain(convert->target, "remove it, or make what it leads to",
			 "is a symbolic link that leads nowhere");
		return -EEXIST;
	}
	if (chain_has_file(&convert->from.chain, &st)) {
		complain(convert->target, "take another name",
			 "is one of the files that are to be read");
		return -EEXIST;
	}
	if (S_ISBLK(st.st_mode)) {
		r = convert_check_device(convert, &st);
		return r ? r : convert_to_device(convert);
	}
	if (!S_ISREG(st.st_mode)) {
		complain(convert->target, "name a new file",
			 "is neither a regular file nor a block device");
		return -EINVAL;
	}
	if (!convert->force) {
		complain(convert->target, "take another name, or use --force to replace it",
			 "exists");
		return -EEXIST;
	}
	/* Only to find out whether it is in use. */
	r = image_open(&image, convert->target, IMAGE_WRITE);
	if (!r)
		r = convert_to_new_file(convert, &image.st);
	image_close(&image);
	return r;
}

static void convert_print(const struct convert *convert)
{
	const struct newdisk *to = &convert->to;
	const struct transfer *transfer = &convert->transfer;
	struct output out;

	if (!convert->json && !convert->sha256)
		return;
	output_begin(&out, convert->json);
	if (convert->json) {
		output_text(&out, "file", NULL, convert->target);
		output_text(&out, "format", NULL, disk_format_name(to->format));
		output_text(&out, "source_format", NULL,
			    disk_format_name(convert->from.format));
		output_number(&out, "layers", NULL, convert->from.chain.count);
		output_size(&out, "virtual_size", NULL, to->bytes);
		output_size(&out, "copied", NULL, transfer->copied);
		output_size(&out, "shared", NULL, transfer->shared);
		output_size(&out, "zeros", NULL, transfer->zeros);
	}
	if (convert->sha256)
		output_text(&out, "sha256", "SHA-256", convert->sum);
	output_end(&out);
}

/* Neither a device nor what only qemu knows of says that it has changed. */
static int convert_check_continue(const struct convert *convert)
{
	const struct chain *chain = &convert->from.chain;
	unsigned int i;

	if (convert->go_on && disk_has_others(&convert->from)) {
		complain(convert->source, "leave --continue out",
			 "has its data in other files, too, which may change in the meantime");
		return -EINVAL;
	}
	for (i = 0; convert->go_on && i < chain->count; i++) {
		if (!chain->layer[i]->image.block_device)
			continue;
		complain(chain->layer[i]->path, "leave --continue out",
			 "a block device does not tell whether it has changed in the meantime");
		return -EINVAL;
	}
	return 0;
}

static int convert_run(const struct command *self, int argc, char **argv)
{
	struct convert *convert = calloc(1, sizeof(*convert));
	sigset_t before;
	int r;

	if (!convert) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return STATUS_FAILED;
	}
	convert->to.qemu.nbd.fd = -1;
	convert_parse(self, argc, argv, convert);
	if (convert->go_on)
		signals_hold(&before);
	r = disk_open(&convert->from, convert->source, convert->from_format,
		      IMAGE_READ, &convert->search);
	if (!r)
		r = convert_check_continue(convert);
	if (!r)
		r = convert_plan(convert);
	if (!r)
		r = convert_anywhere(convert);
	if (!r)
		convert_print(convert);
	disk_close(&convert->from);
	if (convert->go_on)
		signals_release(&before);
	free(convert);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_convert = {
	.name = "convert",
	.summary = "Copy a disk into another format",
	.synopsis = "[OPTION...] SOURCE TARGET",
	.help =
"  -f, --from FORMAT          what SOURCE is: 'raw', 'vhdx', 'vhd' or 'qcow2'; default\n"
"                             what it looks like\n"
"  -O, --to FORMAT            what TARGET is to be; default what its name ends with\n"
"  -t, --type TYPE            of a VHDX or VHD: 'dynamic' (the default) or 'fixed'\n"
"  -b, --block-size SIZE      its unit of allocation; default that of SOURCE, else\n"
"                             32M, of a VHD 2M\n"
"      --logical-sector-size SIZE\n"
"                             of a VHDX: 512 or 4096; default that of SOURCE\n"
"      --azure                a VHD as Azure takes it: fixed, and whole MiB\n"
"      --preallocate          TARGET gets all of its space, and has no holes\n"
"      --no-sparse            zeros are written like any data\n"
"      --sha256               print the digest of the disk\n"
"      --continue             keep what is done if interrupted, and go on from there\n"
SEARCH_HELP
"  -F, --force                replace TARGET if it exists, overwrite a block device;\n"
"                             other sectors whatever the disk holds\n"
"  -J, --json                 print what was done, as JSON\n"
"\n"
"SOURCE is read with all of its parents. TARGET appears when it is finished. What\n"
"reads as zeros takes no space in it, and where the file system can share data\n"
"between both, none is copied.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = convert_run,
};

// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: where a disk's data is
 *
 * For whoever copies a disk it is a number of runs: zeros, or a part of a file,
 * whichever format, however many parents.  What a format calls data may be a hole
 * of the file that holds it; then it is zeros.  The changes of a log are in
 * memory, over the file: whoever reads by himself puts them on top, see
 * overlay_patch().
 *
 * What qcow2 files hold is known to qemu's programs.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "disk.h"
#include "identify.h"
#include "message.h"
#include "size.h"
#include "vhd-chain.h"
#include "vhd-layer.h"

static const char *const disk_format_names[DISK_FORMATS] = {
	[DISK_AUTO] = "auto",
	[DISK_RAW] = "raw",
	[DISK_VHDX] = "vhdx",
	[DISK_VHD] = "vhd",
	[DISK_QCOW2] = "qcow2",
};

/**
 * disk_format_name() - the name of a format
 * @format: the format
 *
 * Return: the name.
 */
const char *disk_format_name(enum disk_format format)
{
	return disk_format_names[format];
}

/**
 * disk_format_named() - the format of a name
 * @name: what a user calls it
 *
 * Return: the format; DISK_AUTO if there is none of that name.
 */
enum disk_format disk_format_named(const char *name)
{
	int format;

	for (format = DISK_FORMATS - 1; format > DISK_AUTO; format--)
		if (!strcmp(name, disk_format_names[format]))
			break;
	/* As qemu calls it. */
	return strcmp(name, "vpc") ? format : DISK_VHD;
}

/**
 * disk_format_of_name() - the format that a file's name speaks of
 * @path: the name
 *
 * Return: the format; DISK_AUTO if it does not say.
 */
enum disk_format disk_format_of_name(const char *path)
{
	static const struct {
		const char *end;
		enum disk_format format;
	} ends[] = {
		{ ".vhdx", DISK_VHDX }, { ".avhdx", DISK_VHDX },
		{ ".vhd", DISK_VHD }, { ".avhd", DISK_VHD },
		{ ".qcow2", DISK_QCOW2 }, { ".raw", DISK_RAW },
		{ ".img", DISK_RAW }, { ".dd", DISK_RAW },
	};
	const char *dot = strrchr(path, '.');
	size_t i;

	for (i = 0; dot && i < sizeof(ends) / sizeof(*ends); i++)
		if (!strcasecmp(dot, ends[i].end))
			return ends[i].format;
	return DISK_AUTO;
}

static bool disk_begins(const struct image *image, const char *magic, u32 bytes)
{
	char buf[8];

	return !image_pread(image, 0, buf, sizeof(buf)) &&
	       !memcmp(buf, magic, bytes);
}

/* By what it holds; what is named as an image but is none has lost something. */
static enum disk_format disk_look(const char *path)
{
	enum disk_format format = DISK_RAW, named = disk_format_of_name(path);
	struct image image;
	int r = image_peek(&image, path);

	if (r < 0)
		format = DISK_AUTO;
	else if (!r || disk_begins(&image, VHDX_IDENT_SIGNATURE, 8) ||
		 identify_is_lost(&image))
		format = DISK_VHDX;
	else if (vhd_image_is(&image))
		format = DISK_VHD;
	else if (disk_begins(&image, "QFI\xfb", 4))
		format = DISK_QCOW2;
	else if (named == DISK_VHDX || named == DISK_VHD)
		format = named;
	image_close(&image);
	return format;
}

static int disk_open_raw(struct disk *disk)
{
	int r;

	chain_begin(&disk->chain);
	r = chain_add_file(&disk->chain, disk->path, IMAGE_READ);
	if (r)
		return r;
	if (chain_leaf(&disk->chain)->file_bytes % VHD_SECTOR)
		note(disk->path, "no multiple of 512 bytes: the disk is taken to go on with zeros up to the next one");
	return 0;
}

static int disk_open_qcow2(struct disk *disk)
{
	int r;

	chain_begin(&disk->chain);
	r = chain_add_file(&disk->chain, disk->path, IMAGE_READ);
	if (!r)
		r = qemu_open(&disk->qemu, disk->path, disk->path, false);
	if (r)
		return r;
	disk->bytes = disk->qemu.nbd.bytes / VHD_SECTOR * VHD_SECTOR;
	disk->logical_bytes = VHD_SECTOR;
	return 0;
}

/* Its chain is open, with what that tells. */
static int disk_settle(struct disk *disk)
{
	const struct image *image = chain_leaf(&disk->chain);
	const struct vhdx_meta *meta = &image->layout.meta;
	int r = 0;

	switch (disk->format) {
	case DISK_VHDX:
		disk->bytes = meta->disk_bytes;
		disk->logical_bytes = meta->logical_bytes;
		disk->physical_bytes = meta->physical_bytes;
		break;
	case DISK_VHD:
		r = vhd_layers_load(&disk->vhd, &disk->chain);
		if (r)
			break;
		disk->bytes = disk->vhd[0].vhd.layout.geo.disk_bytes;
		disk->logical_bytes = VHD_SECTOR;
		break;
	default:
		disk->bytes = round_up_u64(image->file_bytes, VHD_SECTOR);
		disk->logical_bytes = image->reader.logical_bytes;
	}
	return r;
}

static void disk_init(struct disk *disk, const char *path)
{
	memset(disk, 0, sizeof(*disk));
	disk->path = path;
	disk->solid_fd = -1;
	disk->qemu.nbd.fd = -1;
	disk->physical_bytes = 4096;
}

/**
 * disk_open() - open a disk
 * @disk: result; disk_close() it, also after a failure
 * @path: its file, or a block device
 * @format: what that is
 * @mode: how, of a VHDX or VHD image; all others are only read
 * @search: where parents are; NULL, of a VHD image: they are not asked
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int disk_open(struct disk *disk, const char *path, enum disk_format format,
	      enum image_mode mode, const struct parent_search *search)
{
	int r;

	disk_init(disk, path);
	disk->format = format == DISK_AUTO ? disk_look(path) : format;
	switch (disk->format) {
	case DISK_VHDX:
		r = chain_open(&disk->chain, path, mode, search);
		break;
	case DISK_VHD:
		r = search ? vhd_chain_open(&disk->chain, path, mode, search) :
			     vhd_chain_open_alone(&disk->chain, path, mode);
		break;
	case DISK_QCOW2:
		r = disk_open_qcow2(disk);
		break;
	default:
		r = disk_open_raw(disk);
	}
	if (!r && disk->format != DISK_QCOW2)
		r = disk_settle(disk);
	if (r || disk->bytes)
		return r;
	complain(path, "name a file or device that holds a disk", "is empty");
	return -EINVAL;
}

/**
 * disk_take() - a disk whose file is open already
 * @disk: result; disk_close() it, also after a failure
 * @path: the file
 * @format: what that is: DISK_VHDX, DISK_VHD without a parent, or DISK_RAW
 * @fd: the file, see image_take()
 * @search: where else to look for parents; NULL: without them, which are not asked
 *
 * Return: 0, a fault or a negative errno.
 */
int disk_take(struct disk *disk, const char *path, enum disk_format format,
	      int fd, const struct parent_search *search)
{
	int r;

	disk_init(disk, path);
	disk->format = format;
	if (format == DISK_VHDX)
		r = chain_open_taken(&disk->chain, path, fd, search);
	else if (format == DISK_VHD)
		r = vhd_chain_take(&disk->chain, path, fd);
	else
		r = chain_take_file(&disk->chain, path, fd);
	if (!r && format == DISK_VHDX)
		r = chain_load_bats(&disk->chain, 0);
	return r ? r : disk_settle(disk);
}

static int disk_format_run(struct disk *disk, u64 at, struct disk_run *run)
{
	struct chain_run found;
	bool zero;
	int r;

	run->image = chain_leaf(&disk->chain);
	run->off = at;
	run->end = disk->bytes;
	switch (disk->format) {
	case DISK_VHDX:
		r = chain_run_at(&disk->chain, at, &found);
		if (r)
			return r;
		run->end = found.end;
		run->off = found.off;
		run->image = found.off ? &disk->chain.layer[found.layer]->image :
					 NULL;
		return 0;
	case DISK_VHD:
		return vhd_layers_run(disk->vhd, disk->chain.count, at,
				      &run->end, &run->image, &run->off);
	case DISK_QCOW2:
		r = qemu_run(&disk->qemu, disk->path, at, &run->end, &zero);
		if (!r && zero)
			run->image = NULL;
		return r;
	default:
		return 0;
	}
}

/* Holes of the file are zeros, unless a log is going to fill them. */
static void disk_find_hole(struct disk *disk, u64 at, struct disk_run *run)
{
	struct image *image = run->image;
	u64 end = run->off + run->end - at;
	off_t data, hole;

	if (image->block_device || image->overlay.root)
		return;
	if (disk->solid_fd != image->fd || run->off < disk->solid_from ||
	    run->off >= disk->solid_to) {
		data = lseek(image->fd, run->off, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return;
		if (data < 0 || (u64)data >= end) {
			run->image = NULL;
			return;
		}
		if ((u64)data >= run->off + VHD_SECTOR) {
			run->end = at + ((u64)data - run->off) / VHD_SECTOR *
					VHD_SECTOR;
			run->image = NULL;
			return;
		}
		hole = lseek(image->fd, data, SEEK_HOLE);
		if (hole < 0)
			return;
		disk->solid_fd = image->fd;
		disk->solid_from = run->off;
		disk->solid_to = hole;
	}
	if (end > disk->solid_to)
		run->end = at + round_up_u64(disk->solid_to - run->off,
					     VHD_SECTOR);
}

/**
 * disk_run_at() - the source of a part of the disk
 * @disk: the disk
 * @at: bytes from its start, whole sectors of 512, within it; of a qcow2 image
 *      not below that of the last call
 * @run: result: from @at on, as far as can be told at once
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int disk_run_at(struct disk *disk, u64 at, struct disk_run *run)
{
	int r = disk_format_run(disk, at, run);

	if (r)
		return r;
	run->end = min_t(u64, run->end, disk->bytes);
	if (run->image && disk->format != DISK_QCOW2)
		disk_find_hole(disk, at, run);
	return 0;
}

static int disk_read_run(struct disk *disk, const struct disk_run *run, u8 *to,
			 u32 bytes)
{
	struct image *image = run->image;

	if (disk->format == DISK_QCOW2)
		return nbd_read(&disk->qemu.nbd, run->off, to, bytes);
	if (image)
		return image->reader.read(&image->reader, run->off, to, bytes);
	memset(to, 0, bytes);
	return 0;
}

/**
 * disk_read() - read from the disk
 * @disk: the disk
 * @at: bytes from its start, whole sectors, within it
 * @buf: result
 * @bytes: how much, whole sectors
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int disk_read(struct disk *disk, u64 at, void *buf, u32 bytes)
{
	struct disk_run run;
	u8 *to = buf;
	u32 part;
	int r = 0;

	for (; !r && bytes; at += part, to += part, bytes -= part) {
		/* This goes anywhere, and the map of qemu's only forward. */
		if (disk->format == DISK_QCOW2)
			run = (struct disk_run){ .end = at + bytes, .off = at };
		else
			r = disk_run_at(disk, at, &run);
		if (r)
			return r;
		part = min_t(u64, min_t(u64, bytes, run.end - at),
			     NBD_MAX_BYTES);
		r = disk_read_run(disk, &run, to, part);
		if (r)
			complain_errno(disk->path, r, "cannot read");
	}
	return r;
}

/**
 * disk_is_shared() - do two disks have the same bytes of the same file?
 * @a: a disk
 * @a_run: a part of it
 * @b: another one
 * @b_run: a part of that, which begins where the other does
 *
 * Return: true if so, as far as both go; also if both are zeros.
 */
bool disk_is_shared(const struct disk *a, const struct disk_run *a_run,
		    const struct disk *b, const struct disk_run *b_run)
{
	if (!a_run->image || !b_run->image)
		return a_run->image == b_run->image;
	/* Where qemu's programs have it from nobody knows. */
	return a->format != DISK_QCOW2 && b->format != DISK_QCOW2 &&
	       a_run->off == b_run->off &&
	       a_run->image->st.st_ino == b_run->image->st.st_ino &&
	       a_run->image->st.st_dev == b_run->image->st.st_dev;
}

/**
 * disk_has_others() - is there more to a disk than the files of its chain?
 * @disk: from disk_open()
 *
 * Return: true of a qcow2 image that names a backing file, or a file for its data;
 * also if it cannot be read.
 */
bool disk_has_others(const struct disk *disk)
{
	__be64 head[10];	/* backing_file_offset, ..., incompatible_features */

	if (disk->format != DISK_QCOW2)
		return false;
	if (image_pread(&disk->chain.layer[0]->image, 0, head, sizeof(head)) ||
	    head[1])
		return true;
	/* Which there are since version 3. */
	return (be64_to_cpu(head[0]) & UINT32_MAX) > 2 &&
	       (be64_to_cpu(head[9]) & 4);
}

/**
 * disk_changed() - has a file been written to since the disk was opened?
 * @disk: from disk_open()
 *
 * Return: its name; NULL: none.
 */
const char *disk_changed(const struct disk *disk)
{
	const struct image *image;
	struct stat now;
	unsigned int i;

	for (i = 0; i < disk->chain.count; i++) {
		image = &disk->chain.layer[i]->image;
		if (!image->block_device && !fstat(image->fd, &now) &&
		    (now.st_size != image->st.st_size ||
		     now.st_mtim.tv_sec != image->st.st_mtim.tv_sec ||
		     now.st_mtim.tv_nsec != image->st.st_mtim.tv_nsec))
			return disk->chain.layer[i]->path;
	}
	return NULL;
}

/**
 * disk_close() - close a disk
 * @disk: the disk
 */
void disk_close(struct disk *disk)
{
	qemu_close(&disk->qemu);
	vhd_layers_free(disk->vhd, disk->chain.count);
	disk->vhd = NULL;
	chain_close(&disk->chain);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: an image without the module
 *
 * A fixed image, and one that nobody writes, needs no target of its own: each
 * piece of its disk is either somewhere in the image, which dm-linear can map,
 * or reads as zeros, which dm-zero does.  What the log of a dirty image has to
 * say about the disk is put into a file in memory and mapped from there, so
 * that nothing is written.
 *
 * Written to is only what has space for all blocks: dm-zero would drop what is
 * written to it.  Then nothing of the image's own changes while it is attached
 * but the blocks, and all the format asks for is done before: the log is
 * replayed, and the headers get new GUIDs (MS-VHDX 2.2.2), DataWriteGuid among
 * them as of now on what a reader sees may change.  The image is clean at every
 * moment, so there is nothing to do when it is detached.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backing.h"
#include "edit.h"
#include "guid.h"
#include "identify.h"
#include "message.h"
#include "signals.h"
#include "stock.h"

static bool stock_row(void *arg, u32 index, struct mapping_row *row)
{
	const struct stock *stock = arg;
	const struct piece *piece = &stock->pieces.piece[index];

	if (index == stock->pieces.count)
		return false;
	row->start = piece->start / 512;
	row->sectors = piece->bytes / 512;
	row->target = piece->kind == PIECE_ZERO ? "zero" : "linear";
	*row->params = '\0';
	if (piece->kind != PIECE_ZERO)
		snprintf(row->params, sizeof(row->params), "%.40s %" PRIu64,
			 piece->kind == PIECE_LOG ? stock->log_device :
			 stock->device, piece->off / 512);
	return true;
}

/**
 * stock_table() - the table, as 'dmsetup create' takes it
 * @stock: from stock_pretend() or stock_make()
 *
 * Return: lines, to be freed; NULL if there is no memory.
 */
char *stock_table(struct stock *stock)
{
	struct mapping_row row;
	char *text = NULL;
	size_t bytes;
	FILE *file;
	u32 i;

	file = open_memstream(&text, &bytes);
	if (!file)
		return NULL;
	for (i = 0; stock_row(stock, i, &row); i++)
		fprintf(file, "%s%" PRIu64 " %" PRIu64 " %s%s%s", i ? "\n" : "",
			row.start, row.sectors, row.target,
			*row.params ? " " : "", row.params);
	if (fclose(file)) {
		free(text);
		return NULL;
	}
	return text;
}

/* Its sectors are the mapping's: another size would move partition tables. */
static int stock_check_sectors(const struct image *image)
{
	u32 want = image->layout.meta.logical_bytes;
	u32 have = image->reader.logical_bytes;
	char advice[256];

	if (!image->block_device || want == have)
		return 0;
	snprintf(advice, sizeof(advice), "attach the device that 'losetup --find --show --sector-size %u %.128s' makes",
		 want, image->shown);
	complain(image->path, advice, "sectors of %u bytes on a device with sectors of %u bytes, which --stock cannot change",
		 want, have);
	return -EOPNOTSUPP;
}

static void stock_complain(const struct image *image, int r)
{
	if (r == -E2BIG)
		complain(image->path, "attach it with the module, or copy it ('qemu-img convert -O vhdx') so that its blocks lie in order",
			 "the disk is in more than %u pieces, which are too many for --stock",
			 PIECES_MAX);
	else if (r == -ENODATA)
		complain(image->path, image->dirty ?
			 "run 'vhdx replay' on it first" :
			 "attach it with the module",
			 "nothing of it could be mapped, as it holds no data");
	else
		identify_complain(image, r);
}

static int stock_check_blocks(const struct stock *stock,
			      const struct image *image)
{
	u64 absent = stock->pieces.absent;

	if (!absent)
		return 0;
	complain(image->path, "add --read-only, or attach it with the module",
		 "%" PRIu64 " of %u blocks have no space in the image, which --stock cannot give them",
		 absent, image->layout.geo.blocks);
	return -EOPNOTSUPP;
}

/* Its parents hold what it does not. */
static int stock_check_parent(const char *path)
{
	struct image image;
	bool child;

	child = !image_peek(&image, path) && image.layout.meta.has_parent;
	image_close(&image);
	if (!child)
		return 0;
	complain(path, "attach it with the module, or make one image of it and its parents with 'vhdx flatten'",
		 "a differencing image, which --stock cannot map yet");
	return -EOPNOTSUPP;
}

/* Read the image and make its table, but for the devices in it. */
static int stock_load(struct stock *stock, struct attachment *attach)
{
	int r = stock_check_parent(attach->path);
	struct image *image;

	if (!r)
		r = attachment_load(attach);
	if (!r && attach->is_vhd) {
		complain(attach->path, "attach it without --stock",
			 "a VHD image, which --stock cannot attach");
		r = -EOPNOTSUPP;
	}
	if (r)
		return r;
	image = attach->image;
	r = stock_check_sectors(image);
	if (r)
		return r;
	r = pieces_load(&stock->pieces, image, !attach->read_only);
	if (!r)
		r = pieces_hold(&stock->pieces, image);
	/* Absent blocks are the first thing to know of one to be written. */
	if (!attach->read_only && stock->pieces.absent && (!r || r == -E2BIG))
		return stock_check_blocks(stock, image);
	if (r)
		stock_complain(image, r);
	return r;
}

/*
 * All that the format wants to be done before the first write.  Its file is as
 * long as the disk in it afterwards.
 */
static int stock_open_session(struct attachment *attach)
{
	struct image *image = attach->image;
	int r = 0;

	if (image->dirty)
		r = edit_replay(image);
	if (!r && attach->verbose && image->dirty)
		note(attach->path, "its log was replayed");
	/* What the replay has added stays, whatever fails. */
	attach->file_bytes = max_t(u64, attach->file_bytes, image->file_bytes);
	if (!r && image->file_bytes < attach->extent.end)
		r = edit_resize(image, attach->extent.end);
	if (!r) {
		guid_random(&image->layout.header.data_write_guid);
		r = edit_header(image);
	}
	if (r < 0)
		complain_errno(attach->path, r, "cannot be prepared to be written");
	else if (r)
		identify_complain(image, r);
	return r;
}

/* The device over the changes of the log; the kernel keeps its file. */
static int stock_make_log(struct stock *stock, const struct attachment *attach)
{
	struct pieces *pieces = &stock->pieces;
	const u8 *from = pieces->log;
	u64 left = pieces->log_bytes;
	ssize_t n;
	int fd, r = 0;

	fd = memfd_create(BACKING_LOG_NAME, MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (!r && left) {
		n = write(fd, from, min_t(u64, left, 1U << 30));
		if (n < 0) {
			r = errno == EINTR ? 0 : -errno;
			continue;
		}
		from += n;
		left -= n;
	}
	if (!r)
		r = loop_attach(&stock->log, fd, BACKING_LOG_NAME,
				attach->image->layout.meta.logical_bytes, true);
	close(fd);
	return r;
}

/* The devices that the table names. */
static int stock_devices(struct stock *stock, struct attachment *attach)
{
	struct stat st;
	dev_t dev;
	int r;

	r = attachment_device(attach, &dev);
	if (r)
		return r;
	snprintf(stock->device, sizeof(stock->device), "%u:%u", major(dev),
		 minor(dev));
	if (!attach->read_only && attach->loop.fd >= 0 &&
	    loop_no_discard(&attach->loop))
		note(attach->path, "discards make holes in the file");
	if (!stock->pieces.log_bytes)
		return 0;
	r = stock_make_log(stock, attach);
	if (!r && fstat(stock->log.fd, &st))
		r = -errno;
	if (r) {
		complain(attach->path, "run 'vhdx replay' on it first, which writes to it",
			 "its log cannot be mapped from memory: %s",
			 strerror(-r));
		return r;
	}
	snprintf(stock->log_device, sizeof(stock->log_device), "%u:%u",
		 major(st.st_rdev), minor(st.st_rdev));
	return 0;
}

static int stock_map(struct stock *stock, struct attachment *attach)
{
	struct mapping *disk = &attach->disk;
	int r;

	attachment_name(attach);
	r = mapping_create_rows(disk, stock_row, stock);
	if (r) {
		complain(attach->path, "the kernel log ('dmesg') may tell more",
			 "cannot be mapped with dm-linear and dm-zero: %s",
			 mapping_error());
		return r;
	}
	attach->mapped = true;
	if (attach->verbose)
		note(disk->name, "mapped, with a table of %u lines",
		     stock->pieces.count);
	return mapping_get(disk->name, disk);
}

/* What is left behind unless it is undone. */
static int stock_steps(struct stock *stock, struct attachment *attach)
{
	int r = 0;

	if (!attach->read_only)
		r = stock_open_session(attach);
	if (!r)
		r = signals_pending();
	if (!r)
		r = stock_devices(stock, attach);
	if (!r)
		r = signals_pending();
	if (!r)
		r = stock_map(stock, attach);
	if (!r)
		r = partitions_create(&attach->partitions, &attach->disk,
				      attach->wanted);
	if (!r)
		r = signals_pending();
	if (r)
		attachment_undo(attach);
	loop_close(&attach->loop);
	loop_close(&stock->log);
	if (r && !attach->read_only)
		loop_retire(attach->loop.path);
	return r;
}

/**
 * stock_pretend() - find out what stock_make() would do
 * @stock: result; all zeros; stock_free() it, also after a failure
 * @attach: the image
 *
 * Changes nothing; the table is as far as it can be told.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int stock_pretend(struct stock *stock, struct attachment *attach)
{
	int r;

	stock->log.fd = -1;
	r = attachment_may_be(attach);
	if (!r)
		r = stock_load(stock, attach);
	if (r)
		return r;
	if (attach->image->block_device) {
		snprintf(stock->device, sizeof(stock->device), "%s",
			 attach->path);
		loop_first_free(stock->log_device, 0);
	} else {
		loop_first_free(attach->loop.path, 0);
		strcpy(stock->device, attach->loop.path);
		loop_first_free(stock->log_device, 1);
	}
	return 0;
}

/**
 * stock_make() - attach an image without the module
 * @stock: takes its table; all zeros; stock_free() it, also after a failure
 * @attach: the image
 *
 * Nothing is left behind if it fails, but that a log may have been replayed.
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int stock_make(struct stock *stock, struct attachment *attach)
{
	sigset_t before;
	int r;

	stock->log.fd = -1;
	r = mapping_start();
	if (!r)
		r = attachment_check_name(attach->disk.name);
	if (!r)
		r = stock_load(stock, attach);
	if (r)
		return r;
	signals_hold(&before);
	r = stock_steps(stock, attach);
	signals_release(&before);
	return r;
}

/**
 * stock_free() - forget a table, whether its image is attached or not
 * @stock: the table
 */
void stock_free(struct stock *stock)
{
	pieces_free(&stock->pieces);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The new image is a dynamic one, in a file that nobody else knows yet, so there
 * is no order of writes to be kept.  Its blocks come in the disk's order; what
 * reads as zeros takes no space.
 *
 * A child of one of the layers has no sector bitmaps: a block that one of the layers
 * above that has anything of is copied as a whole, with what is below, or is zeros.
 */
#include <stdlib.h>

#include "copy.h"
#include "edit.h"
#include "message.h"
#include "newfile.h"
#include "size.h"

#define COPY_BYTES	SZ_1M	/* at a time */

/**
 * struct copy - a copy in progress
 * @job: what is to be done
 * @image: to here
 * @geo: geometry of the new image
 * @bat_off: where its BAT is
 * @end: of the new image so far
 * @sector: of the BAT, that is in @entry; ~0: none
 * @entry: entries of the BAT, on disk as soon as others are needed
 * @buf: COPY_BYTES
 * @unshared: files cannot have the same space here
 */
struct copy {
	struct copy_job *job;
	struct image image;
	struct vhdx_geometry geo;
	u64 bat_off;
	u64 end;
	u64 sector;
	__le64 entry[VHDX_BAT_PER_SECTOR];
	u8 *buf;
	bool unshared;
};

static int copy_flush(struct copy *copy)
{
	if (copy->sector == ~0ULL)
		return 0;
	return edit_write(&copy->image, copy->bat_off +
			  copy->sector * VHDX_SECTOR, copy->entry, VHDX_SECTOR);
}

static int copy_set_entry(struct copy *copy, u32 block, u64 entry)
{
	u64 index = vhdx_bat_index(&copy->geo, block);
	u64 sector = index / VHDX_BAT_PER_SECTOR;
	int r = 0;

	if (sector != copy->sector) {
		r = copy_flush(copy);
		memset(copy->entry, 0, sizeof(copy->entry));
		copy->sector = sector;
	}
	copy->entry[index % VHDX_BAT_PER_SECTOR] = cpu_to_le64(entry);
	return r;
}

/* Give @block space at the end of the file. */
static int copy_place(struct copy *copy, u32 block, u64 *off)
{
	int r = copy_set_entry(copy, block, VHDX_BAT_RAW(VHDX_BLOCK_FULL,
							 copy->end / SZ_1M));

	*off = copy->end;
	copy->end += 1ULL << copy->geo.block_shift;
	return r ? r : edit_resize(&copy->image, copy->end);
}

/* Does the disk have data between @from and @to, or zeros only? */
static int copy_find_data(struct copy *copy, u64 from, u64 to, bool *data)
{
	struct chain_run run = { .end = from };
	int r = 0;

	for (*data = false; !r && !*data && run.end < to;) {
		r = chain_run_at(copy->job->chain, run.end, &run);
		*data = run.off;
	}
	return r;
}

static bool copy_is_zero(const u8 *buf, u32 bytes)
{
	return !buf[0] && !memcmp(buf, buf + 1, bytes - 1);
}

/* Do layers that are copied have anything there, be it zeros? */
static int copy_find_own(struct copy *copy, u64 from, u64 to, bool *own)
{
	struct copy_job *job = copy->job;
	struct chain_run run = { .end = from };
	int r = 0;

	*own = job->layers == job->chain->count;
	while (!r && !*own && run.end < to) {
		r = chain_run_at(job->chain, run.end, &run);
		*own = run.state != VHDX_BLOCK_NOT_PRESENT &&
		       run.layer < job->layers;
	}
	return r;
}

/* Let the new image have the space that the data is in, where that can be. */
static bool copy_share(struct copy *copy, u64 at, u32 bytes, u64 off)
{
	struct chain *chain = copy->job->chain;
	struct image *from;
	struct chain_run run;
	int r;

	if (copy->unshared || chain_run_at(chain, at, &run) || !run.off ||
	    run.end - at < bytes)
		return false;
	from = &chain->layer[run.layer]->image;
	if (from->dirty)
		return false;
	r = edit_share(&copy->image, off, from, run.off, bytes);
	/* Others are a matter of this part: it is not aligned to what is shared. */
	copy->unshared = r && r != -EINVAL;
	copy->job->shared += r ? 0 : bytes;
	return !r;
}

static int copy_part(struct copy *copy, u32 block, u64 at, u32 bytes, u64 *off)
{
	u64 start = (u64)block << copy->geo.block_shift;
	int r;

	r = chain_read(copy->job->chain, at, copy->buf, bytes);
	if (r || copy_is_zero(copy->buf, bytes))
		return r;
	r = *off ? 0 : copy_place(copy, block, off);
	if (!r && !copy_share(copy, at, bytes, *off + at - start))
		r = edit_write(&copy->image, *off + at - start, copy->buf,
			       bytes);
	copy->job->copied += bytes;
	return r;
}

static int copy_block(struct copy *copy, u32 block)
{
	u64 start = (u64)block << copy->geo.block_shift, off = 0, at;
	u64 end = min_t(u64, start + (1ULL << copy->geo.block_shift),
			copy->geo.disk_bytes);
	bool data, own;
	u32 part;
	int r = copy_find_own(copy, start, end, &own);

	for (at = start; !r && own && at < end; at += part) {
		part = min_t(u64, COPY_BYTES, end - at);
		r = copy_find_data(copy, at, at + part, &data);
		if (!r && data)
			r = copy_part(copy, block, at, part, &off);
	}
	/* It hides what the parent has. */
	if (!r && own && !off && copy->job->format.meta.has_parent)
		r = copy_set_entry(copy, block,
				   VHDX_BAT_RAW(VHDX_BLOCK_ZERO, 0));
	return r;
}

/**
 * copy_plan() - what a copy is like, unless the caller changes that
 * @job: result: of all layers
 * @chain: from here
 * @block_bytes: block size; 0: that of the first layer
 */
void copy_plan(struct copy_job *job, struct chain *chain, u64 block_bytes)
{
	struct format *format = &job->format;

	job->chain = chain;
	job->layers = chain->count;
	format->meta = chain_leaf(chain)->layout.meta;
	format->meta.has_parent = false;
	format->meta.leave_allocated = false;
	if (block_bytes)
		format->meta.block_bytes = block_bytes;
	format->log_bytes = SZ_1M;
}

/**
 * copy_into_file() - write the disk of a chain into a new image
 * @job: what is to be done: the format is a dynamic one, with a disk of the same size
 * @fd: an empty file
 *
 * Return: 0 or a negative errno.
 */
int copy_into_file(struct copy_job *job, int fd)
{
	struct copy *copy = calloc(1, sizeof(*copy));
	struct format_place place = {};
	u32 block;
	int r;

	if (!copy)
		return -ENOMEM;
	copy->job = job;
	copy->image.path = job->path;
	copy->image.fd = fd;
	copy->sector = ~0ULL;
	copy->buf = malloc(COPY_BYTES);
	vhdx_geometry_init(&copy->geo, &job->format.meta);
	r = copy->buf ? format_file_at(&job->format, fd, job->path, &place) :
			-ENOMEM;
	copy->bat_off = place.bat_off;
	copy->end = place.end;
	copy->image.file_bytes = place.end;
	for (block = 0; !r && block < copy->geo.blocks; block++) {
		progress("Copying", block, copy->geo.blocks);
		r = copy_block(copy, block);
	}
	progress_end();
	if (!r)
		r = copy_flush(copy);
	free(copy->buf);
	free(copy);
	return r;
}

/* The new image appears when it is finished. */
static int copy_write(struct copy_job *job, const struct stat *old)
{
	struct newfile file;
	int r;

	r = newfile_open(&file, job->path);
	if (!r && old)
		r = newfile_inherit(&file, old);
	if (!r)
		r = job->fill ? job->fill(job, file.fd) :
				copy_into_file(job, file.fd);
	if (!r)
		r = newfile_commit(&file, old);
	newfile_abort(&file);
	if (r == -EEXIST)
		complain(job->path, "take another name or remove it",
			 "appeared in the meantime");
	else if (r)
		complain_errno(job->path, r, "cannot create");
	return r;
}

/**
 * copy_create() - make a new image of a chain
 * @job: what is to be done
 *
 * It appears when it is finished, and is durable then.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int copy_create(struct copy_job *job)
{
	struct image image;
	struct stat st;
	int r;

	if (stat(job->path, &st))
		return copy_write(job, NULL);
	if (chain_has_file(job->chain, &st)) {
		complain(job->path, "take another name",
			 "is one of the images that are to be read");
		return -EEXIST;
	}
	if (!S_ISREG(st.st_mode)) {
		complain(job->path, "name a new file", "is no regular file");
		return -EINVAL;
	}
	if (!job->force) {
		complain(job->path, "take another name, or use --force to replace it",
			 "exists");
		return -EEXIST;
	}
	/* Only to find out whether it is in use. */
	r = image_open(&image, job->path, IMAGE_WRITE);
	if (!r)
		r = copy_write(job, &image.st);
	image_close(&image);
	return r;
}

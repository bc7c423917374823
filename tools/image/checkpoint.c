// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: going on where one has stopped
 *
 * The file that is not finished has a name of its own, and beside it a small one
 * says how far the disk is in it durably.  It holds only for the same files with
 * the same sizes and times as sources, for the same format, and for the unfinished
 * file itself: else all begins anew.  What was written behind that point is cut
 * off, or written again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint.h"
#include "message.h"

/* The numbers, by name. */
#define CHECKPOINT_FIELDS(F) \
	F(at) F(end) F(placed) F(block) F(block_off) F(copied) F(shared) F(zeros)

/* Who a file is, and in what state. */
static void checkpoint_add_file(FILE *to, const struct image *image)
{
	const struct stat *st = &image->st;

	fprintf(to, " %ju:%ju:%" PRIu64 ":%jd.%09ld:%jd.%09ld",
		(uintmax_t)st->st_dev, (uintmax_t)st->st_ino,
		image->file_bytes, (intmax_t)st->st_mtim.tv_sec,
		st->st_mtim.tv_nsec, (intmax_t)st->st_ctim.tv_sec,
		st->st_ctim.tv_nsec);
}

static char *checkpoint_key(const struct disk *from, const struct newdisk *to)
{
	char *text = NULL;
	struct stat st;
	unsigned int i;
	size_t size;
	FILE *file;

	if (fstat(to->image->fd, &st))
		return NULL;
	file = open_memstream(&text, &size);
	if (!file)
		return NULL;
	fprintf(file, "%s", disk_format_name(from->format));
	for (i = 0; i < from->chain.count; i++)
		checkpoint_add_file(file, &from->chain.layer[i]->image);
	fprintf(file, " to %s %d %d %" PRIu64 " %u %u %u %u %ju:%ju",
		disk_format_name(to->format), to->fixed, to->preallocate,
		to->bytes, to->vhdx.meta.block_bytes,
		to->vhdx.meta.logical_bytes, to->vhdx.meta.physical_bytes,
		to->vhd.block_bytes, (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino);
	return fclose(file) ? NULL : text;
}

/**
 * checkpoint_begin() - find out what is converted to what
 * @point: result; checkpoint_end() it
 * @from: the disk that is read
 * @to: the new one, with its file open
 * @temp: the file's name for now
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int checkpoint_begin(struct checkpoint *point, const struct disk *from,
		     const struct newdisk *to, const char *temp)
{
	int n = snprintf(point->path, sizeof(point->path), "%s.state", temp);

	if (n >= (int)sizeof(point->path))
		return -ENAMETOOLONG;
	point->key = checkpoint_key(from, to);
	return point->key ? 0 : -ENOMEM;
}

static void checkpoint_number(struct json_object *root, const char *name,
			      u64 *number, bool *good)
{
	struct json_object *value;

	*good = *good && json_object_object_get_ex(root, name, &value);
	if (*good)
		*number = json_object_get_int64(value);
}

/**
 * checkpoint_load() - read how far it came
 * @point: from checkpoint_begin(); takes it
 *
 * Return: false if there is nothing to go on with.
 */
bool checkpoint_load(struct checkpoint *point)
{
	struct json_object *root = json_object_from_file(point->path), *value;
	bool good = root && json_object_object_get_ex(root, "key", &value) &&
		    !strcmp(json_object_get_string(value), point->key);

#define CHECKPOINT_LOAD(name) \
	checkpoint_number(root, #name, &point->name, &good);
	CHECKPOINT_FIELDS(CHECKPOINT_LOAD)
	json_object_put(root);
	return good;
}

static int checkpoint_write(const struct checkpoint *point, const char *temp)
{
	struct json_object *root = json_object_new_object();
	FILE *file = fopen(temp, "we");
	int r;

	if (!root || !file) {
		r = file ? -ENOMEM : -errno;
		if (file)
			fclose(file);
		json_object_put(root);
		return r;
	}
	json_object_object_add(root, "key", json_object_new_string(point->key));
#define CHECKPOINT_SAVE(name) \
	json_object_object_add(root, #name, json_object_new_int64(point->name));
	CHECKPOINT_FIELDS(CHECKPOINT_SAVE)
	fputs(json_object_to_json_string(root), file);
	json_object_put(root);
	r = fflush(file) || fsync(fileno(file)) ? -errno : 0;
	return fclose(file) && !r ? -errno : r;
}

/**
 * checkpoint_save() - write how far it has come
 * @arg: the checkpoint
 * @transfer: the conversion; what is before its @at is durable
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int checkpoint_save(void *arg, const struct transfer *transfer)
{
	struct checkpoint *point = arg;
	char temp[PATH_MAX + 8];
	int r;

	point->at = transfer->at;
	point->end = transfer->to->end;
	point->placed = transfer->to->placed;
	point->block = transfer->to->block;
	point->block_off = transfer->to->block_off;
	point->copied = transfer->copied;
	point->shared = transfer->shared;
	point->zeros = transfer->zeros;
	snprintf(temp, sizeof(temp), "%s.new", point->path);
	r = checkpoint_write(point, temp);
	if (!r && rename(temp, point->path))
		r = -errno;
	if (r) {
		complain_errno(point->path, r, "cannot write");
		unlink(temp);
	}
	return r;
}

/**
 * checkpoint_end() - end it
 * @point: the checkpoint, or all zeros
 * @done: nothing is left to go on with
 */
void checkpoint_end(struct checkpoint *point, bool done)
{
	if (done && point->key)
		unlink(point->path);
	free(point->key);
	point->key = NULL;
}

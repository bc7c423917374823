// SPDX-License-Identifier: GPL-2.0
/*
 * ext2, ext3 and ext4, by libext2fs, which reads the disk of an image through this.  Of
 * an image with a log, or with parents, that is the disk that there is: there is no
 * other file.
 */
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <stdlib.h>

#include "unused.h"
#include "vhd-disk.h"

/* What is read; libext2fs hands on a name only. */
static struct {
	struct disk *disk;
	const struct unused_part *part;
} unused_ext_source;

static struct struct_io_manager unused_ext_manager;

static errcode_t unused_ext_open(const char *name, int flags, io_channel *result)
{
	struct struct_io_channel *io;
	errcode_t r;

	if (flags & IO_FLAG_RW)
		return EXT2_ET_RO_FILSYS;
	r = ext2fs_get_mem(sizeof(*io), &io);
	if (r)
		return r;
	memset(io, 0, sizeof(*io));
	io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	io->manager = &unused_ext_manager;
	r = ext2fs_get_mem(strlen(name) + 1, &io->name);
	if (r) {
		ext2fs_free_mem(&io);
		return r;
	}
	strcpy(io->name, name);
	io->block_size = 1024;
	io->refcount = 1;
	*result = io;
	return 0;
}

static errcode_t unused_ext_close(io_channel io)
{
	if (--io->refcount > 0)
		return 0;
	ext2fs_free_mem(&io->name);
	ext2fs_free_mem(&io);
	return 0;
}

static errcode_t unused_ext_set_blksize(io_channel io, int bytes)
{
	io->block_size = bytes;
	return 0;
}

/* @count: blocks; less than zero: bytes. */
static errcode_t unused_ext_read(io_channel io, unsigned long long block,
				 int count, void *buf)
{
	const struct unused_part *part = unused_ext_source.part;
	u64 off = block * io->block_size;
	u64 bytes = count < 0 ? (u64)-(long long)count :
				(u64)count * io->block_size;
	u64 whole = (bytes + VHD_SECTOR - 1) / VHD_SECTOR * VHD_SECTOR;
	u8 *bounce;
	int r;

	if (off % VHD_SECTOR || off > part->bytes ||
	    whole > part->bytes - off || whole > UINT32_MAX)
		return EXT2_ET_SHORT_READ;
	bounce = malloc(whole);
	if (!bounce)
		return EXT2_ET_NO_MEMORY;
	r = disk_read(unused_ext_source.disk, part->from + off, bounce, whole);
	memcpy(buf, bounce, r ? 0 : bytes);
	free(bounce);
	return r ? EXT2_ET_SHORT_READ : 0;
}

static errcode_t unused_ext_read_old(io_channel io, unsigned long block,
				     int count, void *buf)
{
	return unused_ext_read(io, block, count, buf);
}

static errcode_t unused_ext_write(io_channel io, unsigned long long block,
				  int count, const void *buf)
{
	(void)io;
	(void)block;
	(void)count;
	(void)buf;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t unused_ext_write_old(io_channel io, unsigned long block,
				      int count, const void *buf)
{
	return unused_ext_write(io, block, count, buf);
}

static errcode_t unused_ext_flush(io_channel io)
{
	(void)io;
	return 0;
}

static struct struct_io_manager unused_ext_manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "the disk of an image",
	.open = unused_ext_open,
	.close = unused_ext_close,
	.set_blksize = unused_ext_set_blksize,
	.read_blk = unused_ext_read_old,
	.read_blk64 = unused_ext_read,
	.write_blk = unused_ext_write_old,
	.write_blk64 = unused_ext_write,
	.flush = unused_ext_flush,
};

/* Why is it not to be relied upon?  NULL: it is. */
static const char *unused_ext_why(ext2_filsys fs, const struct unused_part *part)
{
	struct ext2_super_block *super = fs->super;

	if (!(super->s_state & EXT2_VALID_FS) ||
	    (super->s_state & EXT2_ERROR_FS))
		return "it is mounted, was not unmounted, or has errors: run e2fsck on it";
	if (ext2fs_has_feature_journal_needs_recovery(super))
		return "its journal has to be replayed: mount it once, or run e2fsck on it";
	if (super->s_last_orphan || ext2fs_has_feature_orphan_present(super))
		return "it has files that are to be deleted: mount it once, or run e2fsck on it";
	if (ext2fs_has_feature_mmp(super))
		return "others may have it mounted, as it has the feature mmp";
	if (ext2fs_has_feature_journal_dev(super))
		return "it is the journal of another one";
	if (ext2fs_blocks_count(super) > part->bytes / fs->blocksize)
		return "it is larger than its partition";
	/* Of others nobody here knows what a clear bit means: a bit was a block once. */
	if (super->s_feature_ro_compat & ~EXT2_LIB_FEATURE_RO_COMPAT_SUPP)
		return "it has features that are not known here";
	return NULL;
}

/* The next run of free blocks from @at on; false: there is none before @end. */
static bool unused_ext_next(ext2_filsys fs, blk64_t at, blk64_t end,
			    blk64_t *from, blk64_t *to)
{
	if (at >= end ||
	    ext2fs_find_first_zero_block_bitmap2(fs->block_map, at, end - 1,
						 from))
		return false;
	if (ext2fs_find_first_set_block_bitmap2(fs->block_map, *from, end - 1,
						to))
		*to = end;
	return true;
}

/*
 * Are these the groups' own descriptors?  One at the wrong place has the bitmap of
 * another group, with a checksum that is right; and where there is none, the library
 * takes the group for a free one.
 */
static bool unused_ext_has_descriptors(ext2_filsys fs)
{
	dgrp_t group;

	for (group = 0; group < fs->group_desc_count; group++)
		if (!ext2fs_group_desc_csum_verify(fs, group))
			return false;
	return !ext2fs_check_desc(fs);
}

/* Does each group have as many free blocks, or clusters, as its descriptor says? */
static bool unused_ext_counts_agree(ext2_filsys fs)
{
	blk64_t from, to, end, count;
	dgrp_t group;

	for (group = 0; group < fs->group_desc_count; group++) {
		to = ext2fs_group_first_block2(fs, group);
		end = ext2fs_group_last_block2(fs, group) + 1;
		for (count = 0; unused_ext_next(fs, to, end, &from, &to); )
			count += EXT2FS_B2C(fs, to - 1) - EXT2FS_B2C(fs, from) + 1;
		if (count != ext2fs_bg_free_blocks_count(fs, group))
			return false;
	}
	return true;
}

static void unused_ext_collect(struct unused *unused, struct unused_part *part,
			       ext2_filsys fs)
{
	blk64_t from, to = fs->super->s_first_data_block;
	blk64_t end = ext2fs_blocks_count(fs->super);

	while (unused_ext_next(fs, to, end, &from, &to))
		unused_add(unused, part, from * fs->blocksize,
			   to * fs->blocksize);
}

/**
 * unused_ext() - what does an ext2, ext3 or ext4 not use?
 * @unused: takes it
 * @part: the file system; takes why it is kept, if it is
 *
 * Return: 0 or a negative errno.
 */
int unused_ext(struct unused *unused, struct unused_part *part)
{
	const char *why = NULL;
	ext2_filsys fs = NULL;
	errcode_t r;

	unused_ext_source.disk = unused->disk;
	unused_ext_source.part = part;
	initialize_ext2_error_table();
	r = ext2fs_open(unused->disk->path, EXT2_FLAG_64BITS, 0, 0,
			&unused_ext_manager, &fs);
	if (!r)
		why = unused_ext_why(fs, part);
	if (!r && !why && !unused_ext_has_descriptors(fs))
		why = "its group descriptors are damaged: run e2fsck on it";
	if (!r && !why)
		r = ext2fs_read_block_bitmap(fs);
	if (!r && !why && !unused_ext_counts_agree(fs))
		why = "it does not agree with itself about what is free: run e2fsck on it";
	if (r)
		snprintf(part->kept, sizeof(part->kept), "%.80s: run e2fsck on it",
			 error_message(r));
	else if (why)
		snprintf(part->kept, sizeof(part->kept), "%s", why);
	else
		unused_ext_collect(unused, part, fs);
	if (fs)
		ext2fs_free(fs);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <uuid/uuid.h>

#include "flat.h"
#include "guid.h"
#include "message.h"
#include "size.h"
#include "transfer.h"
#include "vhd-layer.h"

#define FLAT_VHD_BLOCK	(2 * SZ_1M)	/* of a child of a fixed image, say */

/* As large as the blocks of the first layer, if the format has such. */
static int flat_plan(struct flat *flat)
{
	const struct vhd_layout *leaf = &flat->disk.vhd[0].vhd.layout;
	struct newdisk *to = &flat->to;
	struct vhdx_meta *meta = &to->vhdx.meta;
	u64 block = flat->block_bytes ? flat->block_bytes :
		    leaf->header.block_bytes ? leaf->header.block_bytes :
		    FLAT_VHD_BLOCK;

	to->format = disk_format_of_name(flat->job.path) == DISK_VHDX ?
		     DISK_VHDX : DISK_VHD;
	to->bytes = flat->disk.bytes;
	if (to->format == DISK_VHDX && !flat->block_bytes)
		block = max_t(u64, block, VHDX_MIN_BLOCK);
	if (to->format == DISK_VHDX && block < VHDX_MIN_BLOCK) {
		complain(flat->job.path, "leave --block-size out",
			 "a VHDX image has blocks of 1M at least");
		return -EINVAL;
	}
	if (to->bytes / block >= VHD_MAX_BLOCKS && to->format == DISK_VHD) {
		complain_fault(flat->job.path, VHDX_FAULT_VHD_BLOCK_COUNT);
		return -EFBIG;
	}
	*meta = (struct vhdx_meta){
		.block_bytes = block, .disk_bytes = to->bytes,
		.logical_bytes = VHD_SECTOR, .physical_bytes = 4096,
	};
	guid_random(&meta->disk_id);
	to->vhdx.log_bytes = SZ_1M;
	to->vhd = (struct vhd_format){
		.type = VHD_TYPE_DYNAMIC, .disk_bytes = to->bytes,
		.block_bytes = block,
	};
	uuid_generate_random(to->vhd.id.b);
	return 0;
}

static int flat_fill(struct copy_job *job, int fd)
{
	struct flat *flat = (struct flat *)job;
	struct transfer *transfer = calloc(1, sizeof(*transfer));
	struct image image = { .path = job->path, .fd = fd };
	int r = transfer ? 0 : -ENOMEM;

	static_assert(!offsetof(struct flat, job));
	flat->to.image = &image;
	if (!r)
		r = newdisk_begin(&flat->to);
	if (!r) {
		transfer->from = &flat->disk;
		transfer->to = &flat->to;
		r = transfer_run(transfer);
		job->copied = transfer->copied;
		job->shared = transfer->shared;
	}
	if (!r)
		r = newdisk_finish(&flat->to);
	free(transfer);
	return r;
}

/**
 * flat_create() - make one image of a VHD image and its parents
 * @flat: what is to be done; flat_close() it
 * @path: the image
 * @search: where its parents are
 *
 * A VHDX image if that is what the name of the new one ends with, or a VHD image; dynamic.
 * It appears when it is finished, and is durable then.  Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int flat_create(struct flat *flat, const char *path,
		const struct parent_search *search)
{
	int r = disk_open(&flat->disk, path, DISK_VHD, IMAGE_READ, search);

	flat->job.chain = &flat->disk.chain;
	flat->job.layers = flat->disk.chain.count;
	flat->job.fill = flat_fill;
	if (!r)
		r = flat_plan(flat);
	return r ? r : copy_create(&flat->job);
}

/**
 * flat_close() - end with it, done or not
 * @flat: from flat_create(), or zeros
 */
void flat_close(struct flat *flat)
{
	if (flat->job.chain)
		disk_close(&flat->disk);
}

// SPDX-License-Identifier: GPL-2.0
/* Targets as dm-vhdx-target.c makes them, on a device in memory. */
#include <linux/module.h>

/* The suites' module has no target to register. */
#undef module_init
#undef module_exit
#define module_init(fn) static int (*vk_unused_init)(void) __maybe_unused = fn
#define module_exit(fn) static void (*vk_unused_exit)(void) __maybe_unused = fn
#undef MODULE_AUTHOR
#undef MODULE_DESCRIPTION
#undef MODULE_LICENSE
#define MODULE_AUTHOR(name)
#define MODULE_DESCRIPTION(text)
#define MODULE_LICENSE(text)
#undef __init
#undef __exit
#define __init
#define __exit

#include "dm-vhdx-target.c"

#include "vk-image.h"

/* A table names as many as there are. */
static int vk_target_parents(struct vk_target *vkt)
{
	struct vhdx_target *vt = vkt->vt;
	struct fake_dev *parent;
	int r = 0;

	for (parent = vkt->dev->parent; parent && !r; parent = parent->parent) {
		r = vhdx_chain_add(vt, "parent", &vkt->ti.error);
		if (!r)
			vt->chain->parents[vt->chain->nr_parents - 1].bdev =
				&parent->bdev;
	}
	return r;
}

/* What the constructor does once it has the device. */
static int vk_target_make(struct vk_target *vkt, struct fake_dev *dev,
			  u64 sectors, unsigned long table, bool read_only)
{
	struct vhdx_target *vt;
	int r;

	memset(vkt, 0, sizeof(*vkt));
	vkt->dev = dev;
	vkt->ti.begin = VK_BEGIN;
	vkt->ti.len = sectors;
	vkt->ti.table = (struct dm_table *)table;
	vkt->ti.type = &vhdx_target;
	vt = vhdx_new_target(&vkt->ti);
	vkt->vt = vt;
	if (!vt)
		return -ENOMEM;
	vt->read_only = read_only;
	vt->mode = read_only ? VHDX_MODE_RO : VHDX_MODE_RW;
	vhdx_use_device(vt, &dev->bdev);
	r = vk_target_parents(vkt);
	return r ?: vhdx_prepare(vt, &vkt->ti.error);
}

static u64 vk_target_sectors(struct fake_dev *dev)
{
	struct vhdx_image *image = kzalloc(sizeof(*image),
					   GFP_KERNEL | __GFP_NOFAIL);
	const char *error;
	u64 sectors = 0;

	vhdx_image_init(image, &dev->bdev, true);
	image->parents = dev->parent;
	if (!vhdx_image_load(image, &error))
		sectors = image->layout.geo.disk_bytes >> SECTOR_SHIFT;
	vhdx_image_unload(image);
	kfree(image);
	return sectors;
}

/**
 * vk_target_new() - make a target of a new mapped device
 * @vkt: result; must stay where it is
 * @dev: device with an image
 * @sectors: length of the table; 0 for the disk's
 *
 * Return: 0, or a negative errno; then @vkt->ti.error says what is wrong.
 */
int vk_target_new(struct vk_target *vkt, struct fake_dev *dev, u64 sectors)
{
	return vk_target_make(vkt, dev, sectors ?: vk_target_sectors(dev),
			      fake_md_new(), false);
}

/**
 * vk_target_next() - make a target of the next table of a mapped device
 * @vkt: result; must stay where it is
 * @live: target of the live table
 *
 * Return: 0, or a negative errno; then @vkt->ti.error says what is wrong.
 */
int vk_target_next(struct vk_target *vkt, const struct vk_target *live)
{
	return vk_target_load(vkt, (unsigned long)live->ti.table, live->dev,
			      live->ti.len, false);
}

/**
 * vk_target_load() - make a target of a further table of a mapped device
 * @vkt: result; must stay where it is
 * @table: number of a table of it
 * @dev: device with an image
 * @sectors: length of the table; 0 for the disk's
 * @read_only: the table is
 *
 * Return: 0, or a negative errno; then @vkt->ti.error says what is wrong.
 */
int vk_target_load(struct vk_target *vkt, unsigned long table,
		   struct fake_dev *dev, u64 sectors, bool read_only)
{
	static unsigned int last;

	return vk_target_make(vkt, dev, sectors ?: vk_target_sectors(dev),
			      (table & ~(FAKE_TABLES - 1)) +
			      ++last % FAKE_TABLES, read_only);
}

/**
 * vk_target_drop() - another table takes the place of the target's
 * @vkt: the target; making it may have failed
 */
void vk_target_drop(struct vk_target *vkt)
{
	if (vkt->vt)
		vhdx_dtr(&vkt->ti);
	vkt->vt = NULL;
}

/**
 * vk_target_free() - remove the mapped device with its only target
 * @vkt: the target; making it may have failed
 */
void vk_target_free(struct vk_target *vkt)
{
	if (vkt->vt)
		fake_md_remove((unsigned long)vkt->ti.table);
	vk_target_drop(vkt);
}

/**
 * vk_target_preresume() - the first half of a resume
 * @vkt: the target
 *
 * Return: 0 or a negative errno, as it is if another target fails.
 */
int vk_target_preresume(struct vk_target *vkt)
{
	return vhdx_preresume(&vkt->ti);
}

int vk_target_resume(struct vk_target *vkt)
{
	int r = vhdx_preresume(&vkt->ti);

	if (!r)
		vhdx_resume(&vkt->ti);
	return r;
}

/**
 * vk_target_suspend() - suspend as dm does
 * @vkt: the target
 * @noflush: what waits for space is handed back
 */
void vk_target_suspend(struct vk_target *vkt, bool noflush)
{
	fake.noflush = noflush;
	vhdx_presuspend(&vkt->ti);
	/* dm waits for all bios. */
	fake_kernel_run();
	vhdx_postsuspend(&vkt->ti);
	fake.noflush = false;
}

/**
 * vk_target_suspend_undo() - a suspend that was interrupted, as dm undoes it
 * @vkt: the target
 * @noflush: as for vk_target_suspend()
 */
void vk_target_suspend_undo(struct vk_target *vkt, bool noflush)
{
	fake.noflush = noflush;
	vhdx_presuspend(&vkt->ti);
	fake.noflush = false;
	vhdx_presuspend_undo(&vkt->ti);
}

int vk_target_message(struct vk_target *vkt, char *message)
{
	return vhdx_message(&vkt->ti, 1, &message, NULL, 0);
}

void vk_target_status(struct vk_target *vkt, char *result, unsigned int bytes)
{
	vhdx_status(&vkt->ti, STATUSTYPE_INFO, 0, result, bytes);
}

/**
 * vk_target_status_as() - another kind of status
 * @vkt: the target
 * @type: which
 * @result: takes it
 * @bytes: its size
 */
void vk_target_status_as(struct vk_target *vkt, status_type_t type,
			 char *result, unsigned int bytes)
{
	struct dm_dev dev = { .name = "7:0" };

	vkt->vt->dev = &dev;
	vhdx_status(&vkt->ti, type, 0, result, bytes);
	vkt->vt->dev = NULL;
}

void vk_target_hints(struct vk_target *vkt, struct queue_limits *limits)
{
	vhdx_io_hints(&vkt->ti, limits);
}

/**
 * vk_guest_submit() - do with a bio what dm does
 * @vkt: the target
 * @fbio: its sector counts from the start of the mapped device; what the target
 *        does not accept of it is forgotten
 */
void vk_guest_submit(struct vk_target *vkt, struct fake_bio *fbio)
{
	switch (vhdx_map(&vkt->ti, &fbio->bio)) {
	case DM_MAPIO_SUBMITTED:
		break;
	case DM_MAPIO_REMAPPED:
		fake_submit_bio(&fbio->bio);
		break;
	default: /* DM_MAPIO_KILL */
		/* dm ends it without the target's end_io. */
		WARN_ON(fbio->hook.flight >= 0 && fbio->hook.flight < FAKE_PHASES);
		bio_io_error(&fbio->bio);
		break;
	}
}

/**
 * vk_guest_io() - read or write, and wait for it
 * @vkt: the target
 * @opf: REQ_OP_READ or REQ_OP_WRITE, and flags
 * @sector: of the virtual disk
 * @sectors: within one block
 * @data: to write, or result
 *
 * Return: 0 or a negative errno.
 */
int vk_guest_io(struct vk_target *vkt, blk_opf_t opf, sector_t sector,
		u32 sectors, void *data)
{
	struct fake_bio *fbio = fake_bio_new(opf, VK_BEGIN + sector, sectors);
	int status;

	if (op_is_write(opf))
		memcpy(fake_bio_data(fbio), data, sectors << SECTOR_SHIFT);
	vk_guest_submit(vkt, fbio);
	fake_kernel_run();
	if (!op_is_write(opf))
		memcpy(data, fake_bio_data(fbio), sectors << SECTOR_SHIFT);
	status = fbio->done ? fbio->status : -ETIMEDOUT;
	if (fbio->done)
		fake_bio_free(fbio);
	return status;
}

/**
 * vk_guest_flush() - flush, and wait for it
 * @vkt: the target
 *
 * Return: 0 or a negative errno.
 */
int vk_guest_flush(struct vk_target *vkt)
{
	return vk_guest_io(vkt, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0, NULL);
}

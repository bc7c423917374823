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
	/* A VHD image is in parts even if it has none. */
	if (vkt->dev->vhd && !vkt->dev->parent)
		r = vhdx_chain_open(vt, &vkt->ti.error);
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
	vkt->ti.type = dev->vhd ? &vhd_target : &vhdx_target;
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

	vhdx_image_init(image, &dev->bdev, false);
	image->parents = true;
	image->is_vhd = dev->vhd;
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

/* As device mapper does it. */
static unsigned int vk_target_words(char *line, char **argv, unsigned int max)
{
	unsigned int argc = 0;
	char *word;

	while (argc < max && (word = strsep(&line, " ")))
		if (*word)
			argv[argc++] = word;
	return argc;
}

/**
 * vk_target_ctr() - make a target from a table line
 * @vkt: result; must stay where it is
 * @dev: device with the image, for the table's length
 * @table: number of a table of the mapped device
 * @line: what follows the target's name
 *
 * Return: 0, or a negative errno; then @vkt->ti.error says what is wrong.
 */
int vk_target_ctr(struct vk_target *vkt, struct fake_dev *dev,
		  unsigned long table, const char *line)
{
	char *words = kmemdup(line, strlen(line) + 1, GFP_KERNEL | __GFP_NOFAIL);
	unsigned int max = strlen(line) + 1;
	char **argv = kvzalloc(max * sizeof(*argv), GFP_KERNEL | __GFP_NOFAIL);
	unsigned int lack_in = fake.lack_in, fail_in = dev->fail_in[FAKE_READ];
	int r;

	memset(vkt, 0, sizeof(*vkt));
	vkt->dev = dev;
	vkt->ti.begin = VK_BEGIN;
	/* What is to fail is the target's. */
	fake.lack_in = 0;
	dev->fail_in[FAKE_READ] = 0;
	vkt->ti.len = vk_target_sectors(dev);
	fake.lack_in = lack_in;
	dev->fail_in[FAKE_READ] = fail_in;
	vkt->ti.table = (struct dm_table *)table;
	vkt->ti.type = dev->vhd ? &vhd_target : &vhdx_target;
	r = vkt->ti.type->ctr(&vkt->ti, vk_target_words(words, argv, max), argv);
	if (!r)
		vkt->vt = vkt->ti.private;
	kvfree(argv);
	kfree(words);
	return r;
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

/**
 * vk_target_tell() - a message of any words
 * @vkt: the target
 * @line: the words
 * @answer: takes it; empty if there is none
 * @bytes: its size
 *
 * Return: 0, 1 if there is an answer, or a negative errno.
 */
int vk_target_tell(struct vk_target *vkt, const char *line, char *answer,
		   unsigned int bytes)
{
	char words[64], *argv[8];

	strscpy(words, line, sizeof(words));
	answer[0] = '\0';
	return vhdx_message(&vkt->ti, vk_target_words(words, argv, ARRAY_SIZE(argv)),
			    argv, answer, bytes);
}

/**
 * vk_target_move() - the message "move"
 * @vkt: the target
 * @block: which
 * @zeros: with that word
 * @answer: takes it; empty if there is none
 * @bytes: its size
 *
 * Return: 0 or a negative errno.
 */
int vk_target_move(struct vk_target *vkt, u32 block, bool zeros, char *answer,
		   unsigned int bytes)
{
	char name[] = "move", how[] = "zeros", which[16];
	char *argv[] = { name, which, how };
	int r;

	snprintf(which, sizeof(which), "%u", block);
	answer[0] = '\0';
	r = vhdx_message(&vkt->ti, zeros ? 3 : 2, argv, answer, bytes);
	return r == 1 ? 0 : r;
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

	/* One that was not made from a table line has opened none. */
	if (vkt->vt->dev) {
		vhdx_status(&vkt->ti, type, 0, result, bytes);
		return;
	}
	vkt->vt->dev = &dev;
	vhdx_status(&vkt->ti, type, 0, result, bytes);
	vkt->vt->dev = NULL;
}

/**
 * vk_target_iterate() - the devices of a target, as dm asks for them
 * @vkt: the target, made from a table line
 * @fn: called for each
 * @data: for @fn
 *
 * Return: what @fn has returned last.
 */
int vk_target_iterate(struct vk_target *vkt, iterate_devices_callout_fn fn,
		      void *data)
{
	return vkt->ti.type->iterate_devices(&vkt->ti, fn, data);
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
	switch (vkt->ti.type->map(&vkt->ti, &fbio->bio)) {
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
 * vk_guest_some() - read or write what the target accepts at once, and wait for it
 * @vkt: the target
 * @opf: REQ_OP_READ or REQ_OP_WRITE, and flags
 * @sector: of the virtual disk
 * @sectors: how many; takes how many it has accepted
 * @data: to write, or result
 *
 * Return: 0 or a negative errno.
 */
int vk_guest_some(struct vk_target *vkt, blk_opf_t opf, sector_t sector,
		  u32 *sectors, void *data)
{
	struct fake_bio *fbio = fake_bio_new(opf, VK_BEGIN + sector, *sectors);
	int status;

	if (op_is_write(opf) && data)
		memcpy(fake_bio_data(fbio), data, *sectors << SECTOR_SHIFT);
	vk_guest_submit(vkt, fbio);
	fake_kernel_run();
	if (!op_is_write(opf) && data)
		memcpy(data, fake_bio_data(fbio), *sectors << SECTOR_SHIFT);
	*sectors = fbio->sectors;
	status = fbio->done ? fbio->status : -ETIMEDOUT;
	if (fbio->done)
		fake_bio_free(fbio);
	return status;
}

/**
 * vk_guest_burst() - write at several places at once, and wait for it
 * @vkt: the target
 * @sector: of the virtual disk, for each
 * @sectors: how many; takes how many were accepted
 * @count: of writes; at most VK_BURST
 * @data: VK_BURST_SECTORS for each
 *
 * Return: 0 or a negative errno, of one that has failed.
 */
int vk_guest_burst(struct vk_target *vkt, const u32 *sector, u32 *sectors,
		   u32 count, const u8 *data)
{
	struct fake_bio *fbios[VK_BURST];
	int r = 0;
	u32 i;

	for (i = 0; i < count; i++) {
		fbios[i] = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + sector[i],
					sectors[i]);
		memcpy(fake_bio_data(fbios[i]), data +
		       i * (VK_BURST_SECTORS << SECTOR_SHIFT),
		       sectors[i] << SECTOR_SHIFT);
		vk_guest_submit(vkt, fbios[i]);
	}
	fake_kernel_run();
	for (i = 0; i < count; i++) {
		sectors[i] = fbios[i]->sectors;
		r = r ?: fbios[i]->done ? fbios[i]->status : -ETIMEDOUT;
		if (fbios[i]->done)
			fake_bio_free(fbios[i]);
	}
	return r;
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
	return vk_guest_some(vkt, opf, sector, &sectors, data);
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

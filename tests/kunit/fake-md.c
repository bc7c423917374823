// SPDX-License-Identifier: GPL-2.0
/* Device mapper: tables, mapped devices, and what tables open. */
#include <linux/slab.h>

#include "fake-dm.h"


void fake_table_event(struct dm_table *t)
{
	might_sleep();
	fake.table_events++;
}

blk_mode_t fake_table_get_mode(struct dm_table *t)
{
	return fake.read_only ? FAKE_OPEN_READ : FAKE_OPEN_READ | BLK_OPEN_WRITE;
}

/**
 * fake_path_add() - there is a device that tables can open
 * @path: its name
 * @dev: the device; NULL: opening it fails
 *
 * Return: what is known of the path, until fake_kernel_init().
 */
struct fake_path *fake_path_add(const char *path, struct fake_dev *dev)
{
	struct fake_path *entry = &fake.paths[fake.nr_paths++];

	entry->path = path;
	entry->dev = dev;
	entry->r = dev ? 0 : -ENXIO;
	return entry;
}

static struct fake_path *fake_path_find(const char *path)
{
	u32 i;

	for (i = 0; i < fake.nr_paths; i++)
		if (!strcmp(fake.paths[i].path, path))
			return &fake.paths[i];
	return NULL;
}

int fake_dm_get_device(struct dm_target *ti, const char *path, blk_mode_t mode,
		       struct dm_dev **result)
{
	struct fake_path *entry = fake_path_find(path);
	struct dm_dev *dev;

	might_sleep();
	if (!entry)
		return -ENODEV;
	if (entry->r)
		return entry->r;
	if (entry->read_only && (mode & BLK_OPEN_WRITE))
		return -EACCES;
	dev = kzalloc(sizeof(*dev), GFP_KERNEL | __GFP_NOFAIL);
	dev->bdev = &entry->dev->bdev;
	dev->mode = mode;
	strscpy(dev->name, path, sizeof(dev->name));
	entry->mode = mode;
	entry->opened++;
	*result = dev;
	return 0;
}

void fake_dm_put_device(struct dm_target *ti, struct dm_dev *dev)
{
	fake_path_find(dev->name)->opened--;
	kfree(dev);
}

/* Tables are numbers, those of a mapped device from its own number on. */
struct mapped_device *fake_table_get_md(struct dm_table *t)
{
	return (struct mapped_device *)((unsigned long)t & ~(FAKE_TABLES - 1));
}

/**
 * struct fake_md - what others see of a mapped device
 * @list: all that somebody has a reference to
 * @number: its number
 * @disk: with
 * @part0: its block device
 * @refs: references to @disk, that of the mapped device included
 */
struct fake_md {
	struct list_head list;
	unsigned long number;
	struct gendisk disk;
	struct block_device part0;
	unsigned int refs;
};

static LIST_HEAD(fake_mds);
static unsigned long fake_md_last;

static struct fake_md *fake_md_find(unsigned long number)
{
	struct fake_md *md;

	list_for_each_entry(md, &fake_mds, list)
		if (md->number == number && !test_bit(GD_DEAD, &md->disk.state))
			return md;
	return NULL;
}

/**
 * fake_md_new() - make a mapped device
 *
 * Return: its number, which is that of its first table as well; the next
 * FAKE_TABLES - 1 are for further ones.
 */
unsigned long fake_md_new(void)
{
	struct fake_md *md = kzalloc(sizeof(*md), GFP_KERNEL | __GFP_NOFAIL);

	/* A few addresses in turn, as an allocator does. */
	md->number = (1 + fake_md_last++ % 4) * FAKE_TABLES;
	md->disk.part0 = &md->part0;
	md->refs = 1;
	list_add(&md->list, &fake_mds);
	return md->number;
}

/**
 * fake_md_remove() - remove a mapped device
 * @table: number of one of its tables
 */
void fake_md_remove(unsigned long table)
{
	struct fake_md *md = fake_md_find(table & ~(FAKE_TABLES - 1));

	set_bit(GD_DEAD, &md->disk.state);
	put_disk(&md->disk);
}

/**
 * fake_md_count() - how many mapped devices are still known to somebody?
 *
 * Return: the number.
 */
unsigned int fake_md_count(void)
{
	unsigned int count = 0;
	struct fake_md *md;

	list_for_each_entry(md, &fake_mds, list)
		count++;
	return count;
}

struct gendisk *fake_disk(struct mapped_device *md)
{
	return &fake_md_find((unsigned long)md)->disk;
}

struct device *fake_get_device(struct device *dev)
{
	container_of(dev, struct fake_md, part0.bd_device)->refs++;
	return dev;
}

void fake_put_disk(struct gendisk *disk)
{
	struct fake_md *md = container_of(disk, struct fake_md, disk);

	if (--md->refs)
		return;
	list_del(&md->list);
	kfree(md);
}

int fake_noflush_suspending(struct dm_target *ti)
{
	return fake.noflush;
}

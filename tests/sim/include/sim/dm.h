/* SPDX-License-Identifier: GPL-2.0 */
/* Device mapper, as targets see it; and modules. */
#ifndef SIM_DM_H
#define SIM_DM_H

#include "sim/block.h"
#include "sim/work.h"

#define THIS_MODULE		NULL
#define MODULE_ALIAS(name)	_Static_assert(1, name)
#define MODULE_PARM_DESC(name, text) _Static_assert(1, text)
#define MODULE_AUTHOR(name)	_Static_assert(1, name)
#define MODULE_DESCRIPTION(text) _Static_assert(1, text)
#define MODULE_LICENSE(text)	_Static_assert(1, text)
#define EXPORT_SYMBOL_GPL(name)

void sim_param(const char *name, unsigned int *value);
#define module_param_named(name, value, type, perm)			\
	static __attribute__((constructor)) void sim_param_##name(void)	\
	{								\
		sim_param(#name, &(value));				\
	}								\
	_Static_assert(1, "")
#define module_param(name, type, perm) module_param_named(name, name, type, perm)

struct dm_table;
struct mapped_device;
struct dm_target;

typedef enum { STATUSTYPE_INFO, STATUSTYPE_TABLE, STATUSTYPE_IMA } status_type_t;

struct dm_dev {
	struct block_device *bdev;
	blk_mode_t mode;
	char name[16];
};

typedef int (*iterate_devices_callout_fn)(struct dm_target *ti,
					  struct dm_dev *dev, sector_t start,
					  sector_t len, void *data);

struct target_type {
	u64 features;
	const char *name;
	void *module;
	unsigned int version[3];
	int (*ctr)(struct dm_target *ti, unsigned int argc, char **argv);
	void (*dtr)(struct dm_target *ti);
	int (*map)(struct dm_target *ti, struct bio *bio);
	int (*end_io)(struct dm_target *ti, struct bio *bio, blk_status_t *error);
	void (*presuspend)(struct dm_target *ti);
	void (*presuspend_undo)(struct dm_target *ti);
	void (*postsuspend)(struct dm_target *ti);
	int (*preresume)(struct dm_target *ti);
	void (*resume)(struct dm_target *ti);
	void (*status)(struct dm_target *ti, status_type_t type,
		       unsigned int flags, char *result, unsigned int maxlen);
	int (*message)(struct dm_target *ti, unsigned int argc, char **argv,
		       char *result, unsigned int maxlen);
	int (*iterate_devices)(struct dm_target *ti,
			       iterate_devices_callout_fn fn, void *data);
	void (*io_hints)(struct dm_target *ti, struct queue_limits *limits);
};

struct dm_target {
	struct dm_table *table;
	struct target_type *type;
	sector_t begin;
	sector_t len;
	unsigned int num_flush_bios;
	unsigned int num_discard_bios;
	unsigned int num_write_zeroes_bios;
	unsigned int per_io_data_size;
	void *private;
	char *error;
	bool flush_supported:1;
	bool discards_supported:1;
	bool limit_swap_bios:1;
	bool accounts_remapped_io:1;
};

#define DM_TARGET_NOWAIT	0x80U
#define DM_ENDIO_DONE		0
#define DM_MAPIO_SUBMITTED	0
#define DM_MAPIO_REMAPPED	1
#define DM_MAPIO_KILL		4
#define DM_NAME			"device-mapper"
#define DM_FMT(fmt)		DM_NAME ": " DM_MSG_PREFIX ": " fmt "\n"
#define DMEMIT(x...) \
	(sz += ((sz >= maxlen) ? 0 : scnprintf(result + sz, maxlen - sz, x)))
#define DMEMIT_TARGET_NAME_VERSION(t) \
	DMEMIT("target_name=%s,target_version=%u.%u.%u", (t)->name, \
	       (t)->version[0], (t)->version[1], (t)->version[2])

struct dm_arg_set {
	unsigned int argc;
	char **argv;
};

struct dm_arg {
	unsigned int min;
	unsigned int max;
	char *error;
};

const char *dm_shift_arg(struct dm_arg_set *as);
void dm_consume_args(struct dm_arg_set *as, unsigned int n);
int dm_read_arg_group(const struct dm_arg *arg, struct dm_arg_set *as,
		      unsigned int *n, char **error);
int dm_get_device(struct dm_target *ti, const char *path, blk_mode_t mode,
		  struct dm_dev **result);
void dm_put_device(struct dm_target *ti, struct dm_dev *dev);
int dm_register_target(struct target_type *type);
void dm_unregister_target(struct target_type *type);
void dm_table_event(struct dm_table *t);
blk_mode_t dm_table_get_mode(struct dm_table *t);
struct mapped_device *dm_table_get_md(struct dm_table *t);
struct gendisk *dm_disk(struct mapped_device *md);
int dm_noflush_suspending(struct dm_target *ti);
void *dm_per_bio_data(struct bio *bio, size_t bytes);
void dm_accept_partial_bio(struct bio *bio, unsigned int sectors);
void dm_submit_bio_remap(struct bio *clone, struct bio *own);

#endif /* SIM_DM_H */

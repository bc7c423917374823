/* SPDX-License-Identifier: GPL-2.0 */
/* Device-mapper devices. */
#ifndef VHDX_TOOLS_MAPPING_H
#define VHDX_TOOLS_MAPPING_H

#include <sys/types.h>

#include "vhdx-shim.h"

#define MAPPING_NAME	128	/* with the terminating NUL, as in the kernel */
#define MAPPING_UUID	129
#define MAPPING_PARAMS	8192	/* with 255 parents */

/**
 * struct mapping - a device-mapper device
 * @name: in /dev/mapper
 * @uuid: DM UUID, may be empty
 * @dev: device number
 * @read_only: it cannot be written
 * @suspended: its I/O waits
 * @inactive: it has no table but one that was loaded and not yet resumed
 * @open_count: how often it is open
 * @targets: how many lines its table has
 * @sectors: length in units of 512 bytes
 * @target: the first target's name; what follows is about that one
 * @table: the target's arguments
 * @status: the target's status
 */
struct mapping {
	char name[MAPPING_NAME];
	char uuid[MAPPING_UUID];
	dev_t dev;
	bool read_only;
	bool suspended;
	bool inactive;
	unsigned int open_count;
	u32 targets;
	u64 sectors;
	char target[32];
	char table[MAPPING_PARAMS];
	char status[MAPPING_PARAMS];
};

typedef int (*mapping_visit_fn)(void *arg, const char *name, dev_t dev);

struct dm_task;

/**
 * struct mapping_row - a line of a table
 * @start: where on the device it begins, in units of 512 bytes
 * @sectors: length in units of 512 bytes
 * @target: the target's name
 * @params: its arguments
 */
struct mapping_row {
	u64 start;
	u64 sectors;
	const char *target;
	char params[64];
};

/* Fills in line @index of a table; false if it has no such line. */
typedef bool (*mapping_row_fn)(void *arg, u32 index, struct mapping_row *row);

bool mapping_possible(void);
int mapping_start(void);
const char *mapping_error(void);
int mapping_take(struct dm_task *task, struct mapping *mapping,
		 char params[MAPPING_PARAMS], u32 *event);
int mapping_get(const char *name, struct mapping *mapping);
int mapping_each(mapping_visit_fn visit, void *arg);
bool mapping_is_stock(const struct mapping *mapping);
bool mapping_is_vhd(const struct mapping *mapping);
bool mapping_is_ours(const struct mapping *mapping);
bool mapping_is_image(const struct mapping *mapping);
int mapping_create(const struct mapping *mapping);
int mapping_create_rows(const struct mapping *mapping, mapping_row_fn get,
			void *arg);
int mapping_suspend(const char *name);
int mapping_resume(const char *name);
int mapping_resume_begin(const char *name, u32 *cookie);
void mapping_resume_end(u32 cookie);
int mapping_load(const struct mapping *mapping);
int mapping_clear(const char *name);
int mapping_remove(const char *name);
int mapping_remove_now(const char *name);
const char *mapping_path(char *path, size_t size, const char *name);

#endif /* VHDX_TOOLS_MAPPING_H */

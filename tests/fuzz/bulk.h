/* SPDX-License-Identifier: GPL-2.0 */
/* A run of many images through the target: see bulk.c. */
#ifndef BULK_H
#define BULK_H

#include "device.h"
#include "model.h"

/**
 * struct bulk - the run
 * @device: where the images go
 * @name: of the image at work
 * @image: the image at work
 * @writable: how it is mapped
 * @bad: how many reacted in a wrong way
 * @mapped: how many could be mapped
 * @refused: how many could not
 * @heartbeat: tells the watchdog that there is progress
 */
struct bulk {
	struct device device;
	char name[320];
	const struct sparse *image;
	bool writable;
	u32 bad;
	u32 mapped;
	u32 refused;
	int heartbeat;
};

/* bulk-judge.c */
void __attribute__((format(printf, 2, 3)))
bulk_wrong(struct bulk *bulk, const char *fmt, ...);
void bulk_die(const char *what, int r);
void bulk_begin(struct bulk *bulk, const char *name,
		const struct sparse *image, bool writable);
void bulk_refused(struct bulk *bulk, int r, int expected,
		  const char *sentence);
void bulk_large(struct bulk *bulk, int r);
void bulk_served(struct bulk *bulk, int r, const struct model *model,
		 u64 random);

/* bulk-cases.c */
void bulk_cases(struct bulk *bulk, const char *tsv, const char *archive, bool both);

#endif /* BULK_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Is what a crash leaves what it may leave? */
#ifndef CRASH_VERDICT_H
#define CRASH_VERDICT_H

#include "inspect.h"
#include "medium.h"
#include "view.h"
#include "workload.h"

/* What is done with a state, beside looking. */
enum {
	VERDICT_TOOL = 1,	/* the tool replays the log, not the kernel */
	VERDICT_QEMU = 2,	/* qemu-img replays it, and has the same content */
	VERDICT_WRITE = 4,	/* a new block is written afterwards */
	VERDICT_ALL = 8,	/* compare all of the device */
	VERDICT_READ = 16,	/* read it through the mapping that has replayed it */
};

/**
 * struct verdict - whoever looks at states
 * @workload: of which workload
 * @medium: where they are
 * @view: what is looked at
 * @heritage: what of it comes from parents
 * @name: of the mapped device
 * @tool: the tool vhdx
 * @ro: content as the read-only mapping has it
 * @rw: content after the replay
 * @mount: directory to mount file systems on
 * @qemu_agreed: states on which qemu-img agreed
 * @qemu_excluded: states that qemu-img cannot be asked about
 */
struct verdict {
	const struct workload *workload;
	struct medium *medium;
	struct view view;
	struct heritage heritage;
	char name[32];
	const char *tool;
	void *ro;
	void *rw;
	char mount[64];
	u32 qemu_agreed;
	u32 qemu_excluded;
};

void verdict_init(struct verdict *verdict, const struct workload *workload,
		  struct medium *medium, const char *name, const char *tool);
void verdict_exit(struct verdict *verdict);
bool verdict_state(struct verdict *verdict, const struct duty *duty,
		   const void *reference, u32 what);

#endif /* CRASH_VERDICT_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* What an initramfs leaves to itself and to the system that comes after it. */
#ifndef VHDX_TOOLS_STATE_H
#define VHDX_TOOLS_STATE_H

#include <limits.h>
#include <stdbool.h>

#define STATE_DIR	"/run/vhdx/initrd"

/**
 * struct state_image - an image that an initramfs has attached
 * @host: where the file system with it is mounted; "" if that is nowhere
 * @steps: its file has to be extended while it is attached
 */
struct state_image {
	char host[PATH_MAX];
	bool steps;
};

bool state_has(const char *what);
int state_set(const char *what);
int state_save_image(const char *name, const struct state_image *image);
int state_each_image(int (*visit)(void *arg, const char *name,
				  const struct state_image *image), void *arg);

#endif /* VHDX_TOOLS_STATE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Kernels in a directory such as /boot, with their initramfses. */
#ifndef VHDX_TOOLS_KERNELS_H
#define VHDX_TOOLS_KERNELS_H

#include <stdbool.h>

#define KERNELS_MAX	32
#define KERNELS_NAME	128

/**
 * struct kernel - a kernel
 * @release: as uname(2) has it
 * @image: name of its file
 * @initramfs: name of its initramfs' file
 */
struct kernel {
	char release[KERNELS_NAME];
	char image[KERNELS_NAME + 16];
	char initramfs[KERNELS_NAME + 16];
};

/**
 * struct kernels - all there are
 * @count: how many
 * @kernel: the newest one first
 */
struct kernels {
	unsigned int count;
	struct kernel kernel[KERNELS_MAX];
};

int kernels_find(struct kernels *kernels, const char *dir);

#endif /* VHDX_TOOLS_KERNELS_H */

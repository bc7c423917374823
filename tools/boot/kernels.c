// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels.h"

#define KERNELS_IMAGE	"vmlinuz-"

/* Debian's and dracut's names.  Return: false if there is none. */
static bool kernels_initramfs(struct kernel *kernel, const char *dir)
{
	static const char *const names[] = {
		"initrd.img-%s", "initramfs-%s.img", "initrd-%s", NULL
	};
	char path[PATH_MAX];
	unsigned int i;

	for (i = 0; names[i]; i++) {
		snprintf(kernel->initramfs, sizeof(kernel->initramfs),
			 names[i], kernel->release);
		snprintf(path, sizeof(path), "%s/%s", dir, kernel->initramfs);
		if (!access(path, F_OK))
			return true;
	}
	return false;
}

static int kernels_compare(const void *a, const void *b)
{
	const struct kernel *first = a, *second = b;

	return strverscmp(second->release, first->release);
}

/**
 * kernels_find() - find the kernels that can be booted
 * @kernels: result: those that have an initramfs
 * @dir: the directory
 *
 * Return: 0 or a negative errno.
 */
int kernels_find(struct kernels *kernels, const char *dir)
{
	struct kernel *kernel;
	struct dirent *each;
	DIR *list = opendir(dir);

	memset(kernels, 0, sizeof(*kernels));
	if (!list)
		return -errno;
	while (kernels->count < KERNELS_MAX && (each = readdir(list))) {
		kernel = &kernels->kernel[kernels->count];
		if (strncmp(each->d_name, KERNELS_IMAGE, strlen(KERNELS_IMAGE)) ||
		    strlen(each->d_name) >= KERNELS_NAME)
			continue;
		strcpy(kernel->image, each->d_name);
		strcpy(kernel->release, each->d_name + strlen(KERNELS_IMAGE));
		if (kernels_initramfs(kernel, dir))
			kernels->count++;
	}
	closedir(list);
	qsort(kernels->kernel, kernels->count, sizeof(*kernels->kernel),
	      kernels_compare);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Files in /run/vhdx/initrd: image-NAME for an image that is attached, with
 * the host's directory and whether it grows in steps in two lines; empty ones
 * for what has happened.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state.h"

#define STATE_IMAGE	"image-"

static FILE *state_open(const char *prefix, const char *name, const char *mode)
{
	char path[PATH_MAX];

	if (*mode == 'w') {
		mkdir("/run/vhdx", 0755);
		mkdir(STATE_DIR, 0755);
	}
	snprintf(path, sizeof(path), STATE_DIR "/%s%s", prefix, name);
	return fopen(path, mode);
}

/**
 * state_has() - has something happened?
 * @what: as state_set() calls it
 *
 * Return: true if so.
 */
bool state_has(const char *what)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), STATE_DIR "/%s", what);
	return !access(path, F_OK);
}

/**
 * state_set() - remember that something has happened
 * @what: a word
 *
 * Return: 0 or a negative errno.
 */
int state_set(const char *what)
{
	FILE *file = state_open("", what, "we");

	return file && !fclose(file) ? 0 : -errno;
}

/**
 * state_save_image() - remember that an image is attached
 * @name: the mapping
 * @image: what there is to know of it
 *
 * Return: 0 or a negative errno.
 */
int state_save_image(const char *name, const struct state_image *image)
{
	FILE *file = state_open(STATE_IMAGE, name, "we");

	if (!file)
		return -errno;
	fprintf(file, "%s\n%s\n", image->host, image->steps ? "steps" : "-");
	return fclose(file) ? -errno : 0;
}

static int state_load_image(const char *name, struct state_image *image)
{
	char steps[16] = "";
	FILE *file = state_open("", name, "re");
	int r = 0;

	if (!file)
		return -errno;
	if (!fgets(image->host, sizeof(image->host), file) ||
	    !fgets(steps, sizeof(steps), file))
		r = -EIO;
	image->host[strcspn(image->host, "\n")] = '\0';
	image->steps = !strcmp(steps, "steps\n");
	fclose(file);
	return r;
}

/**
 * state_each_image() - visit the images that an initramfs has attached
 * @visit: is called with @arg, a mapping's name, and what there is to know
 * @arg: for @visit
 *
 * Return: 0, or the first other value that @visit returns.
 */
int state_each_image(int (*visit)(void *arg, const char *name,
				  const struct state_image *image), void *arg)
{
	struct state_image image;
	struct dirent *each;
	int r = 0;
	DIR *dir;

	dir = opendir(STATE_DIR);
	while (!r && dir && (each = readdir(dir))) {
		if (strncmp(each->d_name, STATE_IMAGE, strlen(STATE_IMAGE)) ||
		    state_load_image(each->d_name, &image))
			continue;
		r = visit(arg, each->d_name + strlen(STATE_IMAGE), &image);
	}
	if (dir)
		closedir(dir);
	return r;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Windows writes ".\base.vhdx" or "..\dir\base.vhdx", from the child's directory,
 * and where the parent is on its drive.  There are no drives here, so the absolute
 * path begins with a backslash, which means the drive that the child is on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pathname.h"

static bool pathname_is_device(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode);
}

/**
 * pathname_real() - where a file is, or is going to be, without links
 * @path: the file; its directory is there
 *
 * A device keeps its name: that is a link to one which may be another's after
 * the next boot.
 *
 * Return: the path, absolute, to be freed; or NULL, with errno.
 */
char *pathname_real(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *real, *directory = NULL;

	if (!pathname_is_device(path)) {
		real = realpath(path, NULL);
		if (real || errno != ENOENT)
			return real;
	}
	directory = slash ? strndup(path, slash > path ? slash - path : 1) :
			    strdup(".");
	real = directory ? realpath(directory, NULL) : NULL;
	free(directory);
	directory = real;
	if (directory && asprintf(&real, "%s/%s",
				  strcmp(directory, "/") ? directory : "",
				  slash ? slash + 1 : path) < 0) {
		real = NULL;
		errno = ENOMEM;
	}
	free(directory);
	return real;
}

/**
 * pathname_directory() - the directory that a file is in, or is going to be in
 * @path: the file, which may be a link
 *
 * Return: its path, absolute, without links, to be freed; or NULL, with errno.
 */
char *pathname_directory(const char *path)
{
	char *real = pathname_real(path), *slash = real ? strrchr(real, '/') : NULL;

	if (slash)
		slash[slash == real] = '\0';
	return real;
}

/**
 * pathname_relative() - the path of a file from a directory
 * @directory: the directory, absolute, without links
 * @path: the file, likewise
 *
 * Return: the path, such as "../dir/p.vhdx" or "./p.vhdx", to be freed; NULL: no
 * memory.
 */
char *pathname_relative(const char *directory, const char *path)
{
	size_t same = 0, i, up = 0;
	char *relative, *at;

	/* The last slash up to which they are equal, or @directory ends. */
	for (i = 0; directory[i] && directory[i] == path[i]; i++)
		if (directory[i] == '/')
			same = i;
	if (!directory[i] && path[i] == '/')
		same = i;
	for (i = same; directory[i]; i++)
		up += directory[i] == '/' && directory[i + 1];
	relative = malloc(3 * up + strlen(path + same) + 3);
	if (!relative)
		return NULL;
	at = relative;
	if (!up)
		at = stpcpy(at, "./");
	while (up--)
		at = stpcpy(at, "../");
	strcpy(at, path + same + 1);
	return relative;
}

/**
 * pathname_backslashes() - write a path as Windows does
 * @path: the path, or NULL; a name that holds a backslash cannot be said
 *
 * Return: @path.
 */
char *pathname_backslashes(char *path)
{
	char *at;

	for (at = path; at && *at; at++)
		if (*at == '/')
			*at = '\\';
	return path;
}

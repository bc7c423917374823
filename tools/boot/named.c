// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootdir.h"
#include "named.h"
#include "parameter.h"

/* Is a path the end of another one, by whole names? */
static bool named_ends(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return m && *end == '/' && n >= m && !strcmp(path + n - m, end);
}

/* The image of a line of a table, or what may be it if that is mounted elsewhere. */
static bool named_is_source(const char *path,
			    const struct source *source)
{
	struct stat st, other;
	char *real;
	bool is;

	if (!*source->inner)
		return !*source->tag && !stat(source->path, &st) &&
		       !stat(path, &other) &&
		       st.st_dev == other.st_dev && st.st_ino == other.st_ino;
	real = realpath(path, NULL);
	is = real && named_ends(real, source->inner);
	free(real);
	return is;
}

/* An image that GRUB boots: its entry has rd.vhdx=. */
static bool named_by_grub(const char *path)
{
	char settings[PATH_MAX + 32];
	char *real = realpath(path, NULL);
	bool named;

	snprintf(settings, sizeof(settings), "%s" BOOTDIR_SUFFIX "/settings",
		 real ?: path);
	named = !access(settings, F_OK);
	free(real);
	return named;
}

static bool named_in(const char *path, const struct tab *tab)
{
	bool named = false;
	unsigned int i;

	for (i = 0; !named && i < tab->count; i++)
		named = named_is_source(path, &tab->entries[i]->source);
	return named;
}

/**
 * named_at_boot() - is a file looked for at boot under the name that it has?
 * @path: the file
 *
 * Return: true if /etc/vhdxtab, the kernel's command line, or what "boot-install"
 * has written names it.
 */
bool named_at_boot(const char *path)
{
	struct parameters parameters;
	struct tab tab;
	bool named;

	named = !tab_load(&tab, tab_default()) && named_in(path, &tab);
	tab_free(&tab);
	if (named || named_by_grub(path))
		return true;
	/* An image that the initramfs attaches. */
	named = !parameter_load(&parameters, PARAMETER_FILE) &&
		named_in(path, &parameters.tab);
	tab_free(&parameters.tab);
	return named;
}

// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "named.h"
#include "tab.h"

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

static bool named_in_tab(const char *path)
{
	struct tab tab;
	bool named = false;
	unsigned int i;

	if (!tab_load(&tab, tab_default()))
		for (i = 0; !named && i < tab.count; i++)
			named = named_is_source(path, &tab.entries[i]->source);
	tab_free(&tab);
	return named;
}

/* rd.vhdx=...: an image that the initramfs attaches. */
static bool named_in_cmdline(const char *path)
{
	char line[8192] = "", *rest = line, *word;
	struct source *source = malloc(sizeof(*source));
	FILE *file = fopen("/proc/cmdline", "re");
	bool named = false;

	if (source && file && fgets(line, sizeof(line), file)) {
		while (!named && (word = strtok_r(rest, " \n", &rest))) {
			if (strncmp(word, "rd.vhdx=", 8))
				continue;
			word += 8;
			word[strcspn(word, ",")] = '\0';
			named = !source_parse(source, word) &&
				named_is_source(path, source);
		}
	}
	if (file)
		fclose(file);
	free(source);
	return named;
}

/**
 * named_at_boot() - is a file looked for at boot under the name that it has?
 * @path: the file
 *
 * Return: true if /etc/vhdxtab or the kernel's command line names it.
 */
bool named_at_boot(const char *path)
{
	return named_in_tab(path) || named_in_cmdline(path);
}

/* SPDX-License-Identifier: GPL-2.0 */
/* A file that appears under its name when it is finished, or not at all. */
#ifndef VHDX_TOOLS_NEWFILE_H
#define VHDX_TOOLS_NEWFILE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

/**
 * struct newfile - a file in the making
 * @fd: open for reading and writing
 * @path: its name when it is finished
 * @dir: the directory of that
 * @temp: its name in the meantime; empty as long as it has none
 * @kept: it keeps that if it is not finished
 */
struct newfile {
	int fd;
	char path[PATH_MAX];
	char dir[PATH_MAX];
	char temp[PATH_MAX];
	bool kept;
};

int newfile_open(struct newfile *file, const char *path);
int newfile_open_named(struct newfile *file, const char *path);
int newfile_open_kept(struct newfile *file, const char *path,
		      const char *suffix);
bool newfile_has_name(const struct newfile *file);
int newfile_inherit(struct newfile *file, const struct stat *old);
int newfile_commit(struct newfile *file, bool replace);
int newfile_temp(char temp[PATH_MAX], const char *path);
int newfile_sync_dir(const char *dir);
bool newfile_is_temp(const char *name);
void newfile_abort(struct newfile *file);

#endif /* VHDX_TOOLS_NEWFILE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* How an image names another one. */
#ifndef VHDX_TOOLS_PATHNAME_H
#define VHDX_TOOLS_PATHNAME_H

char *pathname_real(const char *path);
char *pathname_directory(const char *path);
char *pathname_relative(const char *directory, const char *path);
char *pathname_backslashes(char *path);

#endif /* VHDX_TOOLS_PATHNAME_H */

// SPDX-License-Identifier: GPL-2.0
/* For tests of what opens images: nobody else uses them. */
#include "use.h"
#include "who.h"

int use_probe(int fd) { return 0; }
int use_lock_shared(int fd) { return 0; }
int use_lock_name(int fd, bool change) { return 0; }
int use_lock(int fd) { return 0; }
int use_lock_wait(int fd, unsigned int seconds) { return 0; }
bool use_is_read_only(const struct stat *st) { return false; }
bool use_find(const struct stat *st, char *by, size_t size) { return false; }
const char *who_find(const struct stat *st, char *by, size_t size) { return NULL; }

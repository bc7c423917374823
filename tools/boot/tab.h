/* SPDX-License-Identifier: GPL-2.0 */
/* /etc/vhdxtab: what is attached when the machine boots. */
#ifndef VHDX_TOOLS_TAB_H
#define VHDX_TOOLS_TAB_H

#include "name.h"
#include "options.h"
#include "parent.h"
#include "partition.h"
#include "source.h"

#define TAB_FILE	"/etc/vhdxtab"
#define TAB_TIMEOUT	32
#define TAB_FIELDS	3

/**
 * struct tab_entry - a line
 * @line: its number; 0: it is not from a file
 * @name: of the mapping
 * @source: where the image is
 * @options: words for the target
 * @search: where to look for its parents; its strings are the entry's
 * @partitions: which ones to map
 * @read_only: the image is not written
 * @no_grow: its file is not extended
 * @most_bytes: but not beyond this; 0: as far as it takes
 * @no_auto: only when asked for
 * @no_fail: nobody waits for it, and it may fail
 * @netdev: it needs the network
 * @initrd: the initramfs attaches it, and it stays to the end
 * @timeout: how long systemd waits for the device, in its words; "": as ever
 */
struct tab_entry {
	unsigned int line;
	char name[NAME_MAX_CHARS + 1];
	struct source source;
	struct options options;
	struct parent_search search;
	enum partitions_wanted partitions;
	bool read_only;
	bool no_grow;
	u64 most_bytes;
	bool no_auto;
	bool no_fail;
	bool netdev;
	bool initrd;
	char timeout[TAB_TIMEOUT];
};

/**
 * struct tab - a table
 * @path: its file
 * @entries: its lines, but for those that are wrong
 * @count: how many there are
 * @wrong: how many are wrong
 */
struct tab {
	const char *path;
	struct tab_entry **entries;
	unsigned int count;
	unsigned int wrong;
};

const char *tab_default(void);
void tab_wrong(struct tab *tab, unsigned int line, const char *advice,
	       const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int tab_add(struct tab *tab, unsigned int line, char *fields[TAB_FIELDS]);
int tab_load(struct tab *tab, const char *path);
void tab_free(struct tab *tab);
const struct tab_entry *tab_find(const struct tab *tab, const char *name);

#endif /* VHDX_TOOLS_TAB_H */

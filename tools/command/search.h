/* SPDX-License-Identifier: GPL-2.0 */
/* The options that say where parents are. */
#ifndef VHDX_TOOLS_SEARCH_H
#define VHDX_TOOLS_SEARCH_H

#include "command.h"
#include "parent.h"

enum {
	SEARCH_FILE = 2 * OPTION_LONG,
	SEARCH_DIR,
};

#define SEARCH_OPTIONS	{ "parent", required_argument, NULL, SEARCH_FILE }, \
			{ "parent-dir", required_argument, NULL, SEARCH_DIR }

#define SEARCH_HELP \
"      --parent FILE          a file that may be a parent; may be repeated\n" \
"      --parent-dir DIR       look for parents in DIR, by the end of the path that\n" \
"                             the child has; may be repeated\n"

bool search_option(const struct command *self, struct parent_search *search,
		   int option);

#endif /* VHDX_TOOLS_SEARCH_H */

// SPDX-License-Identifier: GPL-2.0
#include "search.h"

/**
 * search_option() - take an option that says where parents are
 * @self: the command
 * @search: takes it
 * @option: what command_option() returned
 *
 * Return: true if it was one.
 */
bool search_option(const struct command *self, struct parent_search *search,
		   int option)
{
	if (option != SEARCH_FILE && option != SEARCH_DIR)
		return false;
	if (parent_hint(search, option == SEARCH_DIR, optarg))
		command_usage(self, "more than %d parents", PARENT_MAX_HINTS);
	return true;
}

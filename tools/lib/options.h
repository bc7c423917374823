/* SPDX-License-Identifier: GPL-2.0 */
/* Optional arguments of the target, as a user gives them. */
#ifndef VHDX_TOOLS_OPTIONS_H
#define VHDX_TOOLS_OPTIONS_H

#include "command.h"

#define OPTIONS_WHY	256	/* what is wrong with an option */

/**
 * struct options - what the words of --options say
 * @text: those that are passed on, each with a space before it
 * @read_only: one of them was read_only, which is not passed on
 * @zeroed_from: so was this one, which is
 */
struct options {
	char text[256];
	bool read_only;
	bool zeroed_from;
};

bool options_known(const char *name);
bool options_takes_value(const char *name);
int options_add(struct options *options, const char *name, const char *value,
		char why[OPTIONS_WHY]);
void options_parse(struct options *options, const struct command *self,
		   const char *text);

#endif /* VHDX_TOOLS_OPTIONS_H */

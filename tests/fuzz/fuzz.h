/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each fuzz target supplies; fuzz.c does the rest.  Every target takes
 * the same packed images (sparse.h) and looks at its own part of them.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "model.h"
#include "mutate.h"

extern const mutate_focus fuzz_focus;
void fuzz_one(const struct sparse *image);

#endif /* FUZZ_FUZZ_H */

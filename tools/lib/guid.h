/* SPDX-License-Identifier: GPL-2.0 */
/* GUIDs: in disk form everywhere, in canonical form only for people. */
#ifndef VHDX_TOOLS_GUID_H
#define VHDX_TOOLS_GUID_H

#include "vhdx-shim.h"

#define GUID_TEXT	37	/* with the terminating NUL */

void guid_random(guid_t *guid);
const char *guid_text(char buf[GUID_TEXT], const guid_t *guid);

#endif /* VHDX_TOOLS_GUID_H */

// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmsg.h"
#include "mapping.h"
#include "message.h"
#include "module.h"
#include "task.h"

/* What the target has learned since its first version, 1.0. */
static const struct module_feature {
	const char *word;
	const char *kind;
	u32 major;
	u32 minor;
} module_features[] = {
	{ "no_unmap", "option", 1, 1 },
	{ "zeroed", "message", 1, 1 },
	{ "idle_close", "option", 1, 2 },
	{ "close", "message", 1, 2 },
	{ "no_discard", "option", 1, 3 },
	{ "no_discard_passdown", "option", 1, 3 },
	{ "parents", "feature", 1, 4 },
	{ "vhd", "feature", 1, 5 },
	{ "vhd-growing", "feature", 1, 6 },
	{ "stats", "message", 1, 6 },
	{ "move", "message", 1, 7 },
	{ "move-bitmap", "message", 1, 8 },
	{}
};

/* Who refuses a module, and the words for it in the kernel log. */
enum module_refusal {
	REFUSAL_OWN,
	REFUSAL_UNSIGNED,
	REFUSAL_KEY,
	REFUSAL_LOCKDOWN,
	REFUSAL_NONE = -1,
};

static const char *const module_refusals[] = {
	[REFUSAL_OWN] = "vhdx: ",
	[REFUSAL_UNSIGNED] = "Loading of unsigned module is rejected",
	[REFUSAL_KEY] = "Loading of module with unavailable key is rejected",
	[REFUSAL_LOCKDOWN] = "unsigned module loading is restricted",
	NULL
};

#define MODULE_SIGN \
	"have DKMS sign it, which takes 'openssl' when it builds, or sign it with another key"
#define MODULE_ENROL \
	"enrol that key, DKMS's with 'mokutil --import /var/lib/dkms/mok.pub' and a reboot"

static void module_load(void)
{
	char path[256] = "/sbin/modprobe";
	pid_t pid;
	FILE *file;

	file = fopen("/proc/sys/kernel/modprobe", "re");
	if (file) {
		if (fscanf(file, "%255s", path) != 1)
			strcpy(path, "/sbin/modprobe");
		fclose(file);
	}
	pid = fork();
	if (!pid) {
		execl(path, path, "-q", "dm-vhdx", (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void module_complain(enum module_refusal refusal, const char *reason)
{
	switch (refusal) {
	case REFUSAL_OWN:
		complain(NULL, MODULE_STOCK, "the module 'dm-vhdx' refuses to load: %s",
			 reason);
		break;
	case REFUSAL_UNSIGNED:
		complain(NULL, MODULE_SIGN "; " MODULE_STOCK,
			 "the kernel takes only signed modules, and the module 'dm-vhdx' is not signed");
		break;
	case REFUSAL_KEY:
		complain(NULL, MODULE_ENROL "; " MODULE_STOCK,
			 "the kernel takes only modules signed with a key it trusts, and the module 'dm-vhdx' is signed with another one");
		break;
	case REFUSAL_LOCKDOWN:
		complain(NULL, MODULE_SIGN "; if it is signed, " MODULE_ENROL "; " MODULE_STOCK,
			 "the kernel takes only modules signed with a key it trusts, and the module 'dm-vhdx' is not");
		break;
	case REFUSAL_NONE:
		complain(NULL, "install the module for the running kernel and try 'modprobe dm-vhdx'; " MODULE_STOCK,
			 "the kernel has no 'vhdx' target and the module 'dm-vhdx' cannot be loaded");
		break;
	}
}

/**
 * module_need() - make sure that the kernel has the target
 *
 * Says what is wrong: in the module's own words if it has any.
 *
 * Return: 0 or -ENODEV.
 */
int module_need(void)
{
	enum module_refusal refusal;
	u32 version[3];
	char reason[512];
	int kmsg;

	if (task_find_target("vhdx", version))
		return 0;
	kmsg = kmsg_open();
	module_load();
	refusal = kmsg_find_any(kmsg, module_refusals, reason, sizeof(reason));
	kmsg_close(kmsg);
	if (task_find_target("vhdx", version))
		return 0;
	module_complain(refusal, reason);
	return -ENODEV;
}

static const struct module_feature *module_feature(const char *word,
						   size_t length)
{
	const struct module_feature *feature;

	for (feature = module_features; feature->word; feature++)
		if (strlen(feature->word) == length &&
		    !strncmp(feature->word, word, length))
			return feature;
	return NULL;
}

/**
 * module_lacks() - is the loaded target too old for something?
 * @words: options or messages of the target, with spaces between
 * @text: takes a clause that names the first one it does not know
 * @size: size of @text
 *
 * What to do about it says MODULE_ADVICE.
 *
 * Return: false also if no target is loaded: one that will be is new.
 */
bool module_lacks(const char *words, char *text, size_t size)
{
	const struct module_feature *feature;
	u32 version[3];

	/* A dry run does not make its node. */
	if (!mapping_possible() || !task_find_target("vhdx", version))
		return false;
	for (; *words; words += strcspn(words, " ")) {
		words += strspn(words, " ");
		feature = module_feature(words, strcspn(words, " "));
		if (!feature || version[0] > feature->major ||
		    (version[0] == feature->major &&
		     version[1] >= feature->minor))
			continue;
		snprintf(text, size, "the %s %s needs version %u.%u of the kernel's vhdx target, and %u.%u is loaded",
			 feature->kind, feature->word, feature->major,
			 feature->minor, version[0], version[1]);
		return true;
	}
	return false;
}

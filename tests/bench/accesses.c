// SPDX-License-Identifier: GPL-2.0
/*
 * accesses.so - a plugin for QEMU's emulator: what modules of the guest's
 * kernel load and store
 *
 *   qemu-system-x86_64 ... -plugin accesses.so,out=FILE
 *
 * FILE takes a line for each instruction in the area of modules and each cache
 * line it touched: CPU, instruction, cache line, loads, stores.  So it can be
 * seen which lines several CPUs write, and how often.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define MODULES_FROM	0xffffffffc0000000ULL
#define MODULES_TO	0xffffffffff000000ULL
#define LINE_SHIFT	6
#define MAX_CPUS	16
#define FIRST_SLOTS	(1U << 16)

struct slot {
	uint64_t insn;		/* 0: free */
	uint64_t line;
	uint64_t count[2];	/* loads, stores */
};

/* Each CPU has a table of its own, so nothing needs a lock. */
static struct table {
	struct slot *slots;
	uint32_t size;
	uint32_t used;
} tables[MAX_CPUS];

static char *out;

EXPORT int qemu_plugin_version = 1;

static struct slot *find(struct table *table, uint64_t insn, uint64_t line)
{
	uint64_t i = (insn * 31 + line) * 0x9e3779b97f4a7c15ULL >> 32;

	for (;; i++) {
		struct slot *slot = &table->slots[i & (table->size - 1)];

		if (!slot->insn || (slot->insn == insn && slot->line == line))
			return slot;
	}
}

static void grow(struct table *table)
{
	struct table old = *table;
	uint32_t i;

	table->size = old.size ? 2 * old.size : FIRST_SLOTS;
	table->slots = calloc(table->size, sizeof(*table->slots));
	if (!table->slots)
		abort();
	for (i = 0; i < old.size; i++)
		if (old.slots[i].insn)
			*find(table, old.slots[i].insn, old.slots[i].line) =
				old.slots[i];
	free(old.slots);
}

static void access(unsigned int cpu, uint32_t info, uint64_t addr, void *arg)
{
	struct table *table = &tables[cpu % MAX_CPUS];
	struct slot *slot;

	if (2 * table->used >= table->size)
		grow(table);
	slot = find(table, (uintptr_t)arg, addr >> LINE_SHIFT);
	if (!slot->insn) {
		slot->insn = (uintptr_t)arg;
		slot->line = addr >> LINE_SHIFT;
		table->used++;
	}
	slot->count[qemu_plugin_mem_is_store(info)]++;
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t addr = qemu_plugin_insn_vaddr(insn);

		if (addr >= MODULES_FROM && addr < MODULES_TO)
			qemu_plugin_register_vcpu_mem_cb(insn, access,
							 PLUGIN_NO_REGS,
							 PLUGIN_READS_AND_WRITES,
							 (void *)(uintptr_t)addr);
	}
}

static void finish(plugin_id id, void *arg)
{
	FILE *file = fopen(out, "w");
	uint32_t i;
	int cpu;

	(void)id;
	(void)arg;
	if (!file)
		return;
	for (cpu = 0; cpu < MAX_CPUS; cpu++)
		for (i = 0; i < tables[cpu].size; i++) {
			const struct slot *slot = &tables[cpu].slots[i];

			if (slot->insn)
				fprintf(file, "%d %" PRIx64 " %" PRIx64 " %"
					PRIu64 " %" PRIu64 "\n", cpu,
					slot->insn, slot->line, slot->count[0],
					slot->count[1]);
		}
	fclose(file);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc,
			       char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "accesses: say out=FILE\n");
		return -1;
	}
	out = strdup(argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}

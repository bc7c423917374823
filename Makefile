# SPDX-License-Identifier: GPL-2.0
#
# Everything is built below build/: build/vhdx, and build/<kernel release>/dm-vhdx.ko for as many
# kernels as you like. "make help" lists the targets.
#
# KDIR    the kernel to build the module for: /lib/modules/<release>/build or a build tree
# W=1 C=1 and the like reach the kernel's build system.

BUILD := $(CURDIR)/build
VERSION := $(shell sed -n 's/^VERSION := //p' tools/Makefile)

# The running kernel's headers; else (a container, a kernel without any) the newest ones there are.
KDIR ?= $(or $(wildcard /lib/modules/$(shell uname -r)/build), \
	     $(shell ls -d /lib/modules/*/build 2>/dev/null | sort -V | tail -n 1))
KREL := $(if $(KDIR),$(shell cat $(strip $(KDIR))/include/generated/utsrelease.h 2>/dev/null | cut -d\" -f2))
KOUT = $(BUILD)/$(KREL)

# What is needed on Debian 12. Kernels for the VM are none of these: tests/vm/kernel unpacks them in a
# cache, with their headers, so that this machine never boots one.
DEPS_TOOL := gcc libc6-dev libjson-c-dev libdevmapper-dev libblkid-dev uuid-dev libisal-dev liburing-dev libext2fs-dev ntfs-3g-dev libfuse3-dev
DEPS_VM := qemu-system-x86 busybox-static binutils cpio kmod libelf1 xz-utils zstd
DEPS_DEMO := $(DEPS_TOOL) $(DEPS_VM) dmsetup e2fsprogs qemu-utils
DEPS_DEB := $(DEPS_TOOL) make debhelper dh-dkms lintian
DEPS := $(DEPS_DEMO) make bc bison flex bzip2 procps iproute2 debootstrap pahole \
	linux-headers-amd64 linux-source-6.1 libelf-dev libssl-dev openssl libcmocka-dev fio \
	7zip libvhdi-utils nbd-client nbdkit lvm2 fdisk thin-provisioning-tools xfsprogs btrfs-progs dosfstools mtools ntfs-3g exfatprogs partclone attr patch unifdef \
	clang llvm libclang-rt-14-dev sparse shellcheck mandoc perl python3 gnuplot-nox $(DEPS_DEB)

all: modules tools

help:
	@echo 'make                 the module (KDIR=...) and the tool'
	@echo 'make modules         build/<release>/dm-vhdx.ko'
	@echo 'make tools           build/vhdx'
	@echo 'make install         both, the module for the kernel of KDIR (PREFIX=/usr/local, DESTDIR=...);'
	@echo '                     install-modules, install-tools: one of them'
	@echo 'make uninstall       what "make install" has installed, for all kernels'
	@echo 'make deb             Debian packages of both in build/deb (deps-deb: what that needs)'
	@echo 'make demo            shows in a VM what it does; IMAGE=... with a copy of an image of yours'
	@echo 'make check           all tests; check-unit, -tool, -kunit, -dm, -kernels, -debug, -boot: one suite'
	@echo '                     (TESTS="003 01*" picks numbered ones; check-debug runs all of tests/dm'
	@echo '                     on the debug kernel, "check" those of them that are marked so; and check-boot of tests/boot)'
	@echo 'make check-packages  the Debian packages in clean roots: installed, upgraded, purged'
	@echo 'make check-kcsan     what is to race, on a kernel with the Kernel Concurrency Sanitizer'
	@echo 'make kernel-tree     puts the module into the kernel sources KSRC=..., ready for a patch series'
	@echo 'make matrix          all of tests/dm on each of the kernels 6.1, 6.12 and sid has'
	@echo 'make bare            "make demo" in a root that has nothing installed'
	@echo 'make crash fuzz bench    longer ones, not all of them part of "check"'
	@echo 'make sim             the target as a program: KUnit suites, small crash cases; part of "crash"'
	@echo 'make mutate          are the unit tests strong enough? (changes one place at a time, and looks who notices)'
	@echo 'make fuzz-cov        how much of the format code the fuzzers reach'
	@echo 'make deps            install what the build and the tests need (Debian); deps-demo: the demo'
	@echo 'make lint            W=1, sparse, checkpatch, shellcheck, mandoc'
	@echo 'make clean           remove build/'

deps:
	@tests/lib/packages 'make check' $(DEPS)

deps-demo:
	@tests/lib/packages 'make demo' $(DEPS_DEMO)

deps-deb:
	@tests/lib/packages 'make deb' $(DEPS_DEB)

# Kbuild puts its outputs beside the sources it is given, so it is given a directory of links.
# $(call mirror,FROM,TO)
define mirror
	@mkdir -p $(2)
	@cp -rsf $(1)/. $(2)/
	@find $(2) -xtype l -delete
endef

# Two builds in one directory would trip over each other.
modules kunit:
	@[ -n "$(KREL)" ] || { echo 'No kernel headers in "$(KDIR)": try "make deps", or give KDIR=' >&2; exit 1; }
	@mkdir -p $(KOUT)
	+@flock $(KOUT)/.lock $(MAKE) --no-print-directory build-$@ KDIR=$(strip $(KDIR))

build-modules:
	$(call mirror,$(CURDIR)/kmod,$(KOUT)/kmod)
	@ln -sf $(CURDIR)/Kbuild $(KOUT)/Kbuild
	$(MAKE) -C $(KDIR) M=$(KOUT) modules

# The suites compile the format's sources once more, from kmod/ beside their own.
build-kunit:
	$(call mirror,$(CURDIR)/tests/kunit,$(KOUT)/kunit)
	$(call mirror,$(CURDIR)/kmod,$(KOUT)/kunit/kmod)
	$(MAKE) -C $(KDIR) M=$(KOUT)/kunit KBUILD_EXTRA_SYMBOLS=$(wildcard $(KOUT)/Module.symvers) modules

tools:
	$(MAKE) -C tools O=$(BUILD)

# What benchmarks need besides.
bench-programs: tools fill-log $(addprefix $(BUILD)/bench/,accesses.so instructions.so mark)

# The tool's objects know how to write an image.
fill-log: tools
	@mkdir -p $(BUILD)/bench
	$(CC) -O2 -g -Wall -Wextra -std=gnu11 $(addprefix -Itools/,boot command attach image device lib) -Ikmod/format -o $(BUILD)/bench/fill-log tests/bench/fill-log.c \
		$$(ls $(BUILD)/tools/*.o | grep -v /vhdx.o) -ljson-c -ldevmapper -lblkid -luuid -lisal -luring -lext2fs -lcom_err -lntfs-3g -lfuse3

$(BUILD)/bench/%.so: tests/bench/%.c tests/bench/plugin.h
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -std=gnu11 -shared -fPIC -fvisibility=hidden -o $@ $<

$(BUILD)/bench/mark: tests/bench/mark.c
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -std=gnu11 -static -o $@ $<

# What tests/dm runs in the VM; static, as programs start slowly there.
VM_HELPERS := $(addprefix $(BUILD)/,kmsg lossy-disk nth-fault same scribble stamper)
test-helpers: fill-log $(VM_HELPERS) $(BUILD)/dm-fault.so $(BUILD)/write-fault.so
$(VM_HELPERS): $(BUILD)/%: tests/lib/%.c
	@mkdir -p $(BUILD)
	$(CC) -std=gnu11 -O2 -g -Wall -Wextra -static -pthread -o $@ $<

# What tests/tool preloads.
tool-helpers: $(BUILD)/write-fault.so $(BUILD)/write-record.so
$(BUILD)/dm-fault.so $(BUILD)/write-fault.so $(BUILD)/write-record.so: $(BUILD)/%.so: tests/lib/%.c
	@mkdir -p $(BUILD)
	$(CC) -std=gnu11 -O2 -g -Wall -Wextra -shared -fPIC -o $@ $<

install: install-modules install-tools

deb:
	@tools/packaging/make-deb $(BUILD)/deb $(VERSION)

# That of DKMS is below updates/, too, and nothing says which one depmod prefers.
no-dkms:
	@! ls $(DESTDIR)/lib/modules/$(KREL)/updates/dkms/dm-vhdx.ko* 2>/dev/null || { \
		echo 'DKMS has installed the module (see above): remove the package dm-vhdx-dkms first.' >&2; \
		exit 1; }

# Distributions' headers ask for a signature but have no key.
install-modules: no-dkms modules
	$(MAKE) -C $(KDIR) M=$(KOUT) INSTALL_MOD_PATH=$(DESTDIR) INSTALL_MOD_DIR=updates \
		$(if $(wildcard $(strip $(KDIR))/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=) modules_install
	[ -n "$(DESTDIR)" ] || depmod $(KREL)
	+@[ -n "$(DESTDIR)" ] || $(MAKE) --no-print-directory kernel-note

kernel-note:
	@[ "$(KREL)" = "$$(uname -r)" ] || { \
		echo; \
		echo "NOTE: the module is installed for the kernel $(KREL), but $$(uname -r) is running. Boot"; \
		echo "$(KREL), or install the headers of $$(uname -r) (Debian: linux-headers-$$(uname -r))"; \
		echo "and run \"make install\" again."; \
		echo; } >&2

install-tools: tools
	$(MAKE) -C tools O=$(BUILD) install

# Whatever kernel it was for.
uninstall:
	@for ko in $(DESTDIR)/lib/modules/*/updates/dm-vhdx.ko*; do \
		[ -e "$$ko" ] || continue; \
		echo "rm $$ko"; \
		rm -f "$$ko" || exit 1; \
		release=$${ko#$(DESTDIR)/lib/modules/}; \
		[ -n "$(DESTDIR)" ] || depmod "$${release%%/*}" || exit 1; \
	done
	$(MAKE) -C tools O=$(BUILD) uninstall
	@[ -n "$(DESTDIR)" ] || [ ! -d /sys/module/dm_vhdx ] || \
		echo 'NOTE: the module is still loaded: "vhdx detach --all", then "rmmod dm_vhdx".' >&2

check:
	@tests/run

check-unit check-tool check-kunit check-dm check-kernels check-debug check-boot check-kcsan:
	@tests/run $(@:check-%=%)

matrix:
	@tests/run $@

kernel-tree:
	@kmod/tree/install $(KSRC)

check-packages:
	@tests/packages/run

bare:
	@tests/vm/bare

sim fuzz bench mutate:
	@tests/$@/run

# Small cases first, all of them and without a VM; then large ones at random.
crash:
	@status=0; tests/sim/run || status=1; tests/crash/run || status=1; exit $$status

fuzz-cov:
	@tests/fuzz/run --coverage

# What tests/dm/1[01]0-*.sh run.
bulk:
	+@mkdir -p $(BUILD)/fuzz
	+@flock $(BUILD)/fuzz/.lock $(MAKE) --no-print-directory -C tests/fuzz O=$(BUILD)/fuzz bulk

demo: deps-demo
	@tests/vm/$@ $(IMAGE)

# The format's sources are user space as well (no kernel typedefs and attributes there), and their
# list of faults is an X macro, which checkpatch takes for statements. vhdx-shim.h defines in user
# space what the kernel has (hence types, attributes, macros that use an argument twice); BIT() is
# not among it.
CHECKPATCH_IGNORE := FILE_PATH_CHANGES,SPDX_LICENSE_TAG,COMPLEX_MACRO,LEADING_SPACE,NEW_TYPEDEFS,PREFER_DEFINED_ATTRIBUTE_MACRO,MACRO_ARG_REUSE,PREFER_KERNEL_TYPES,CAMELCASE,BIT_MACRO

# Tracepoints are laid out as everybody lays them out.
CHECKPATCH_IGNORE_TRACE := PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE,SPACING
CHECKPATCH = $$(tests/vm/build-kernel --source)/scripts/checkpatch.pl --strict --no-tree --quiet --terse --no-summary

# Headers of the kernel have sparse complaints of their own; only ours count. Where scripts that look
# for sparse are not among a distribution's headers, nothing would be checked but for KBUILD_CHECKSRC.
LINT := $(BUILD)/lint/$(KREL)
lint-modules:
	@rm -rf $(LINT)
	@mkdir -p $(LINT)
	@$(MAKE) modules W=1 C=1 KBUILD_CHECKSRC=1 KOUT=$(LINT)/modules >$(LINT)/log 2>&1 || \
		{ cat $(LINT)/log; exit 1; }
	@$(MAKE) modules W=1 C=1 KBUILD_CHECKSRC=1 VHDX_UNSUPPORTED=1 KOUT=$(LINT)/unsupported >>$(LINT)/log 2>&1 || \
		{ cat $(LINT)/log; exit 1; }
	@! grep -E '(kmod/[^ ]*|Kbuild): ?.*(warning|error):|kmod/[^ ]*:[0-9:]+ (warning|error)|^[A-Z]+: modpost' \
		$(LINT)/log
	@[ "$$(grep -c '^ *CHECK ' $(LINT)/log)" -eq "$$(cat Kbuild kmod/compat/unsupported.mk | grep -c 'kmod/.*\.o')" ] || \
		{ cat $(LINT)/log; echo 'sparse has not seen all of kmod/' >&2; exit 1; }

lint: lint-modules
	$(CHECKPATCH) --ignore $(CHECKPATCH_IGNORE) -f \
		$$(git ls-files -co --exclude-standard 'kmod/*.[ch]' ':!*-trace.h')
	$(CHECKPATCH) --ignore $(CHECKPATCH_IGNORE),$(CHECKPATCH_IGNORE_TRACE) -f \
		$$(git ls-files -co --exclude-standard 'kmod/*-trace.h')
	shellcheck -x $$(git ls-files -co --exclude-standard | while read -r f; do \
		head -n 1 "$$f" | grep -qE '^(#!.*sh$$|# shellcheck shell=)' && echo "$$f"; done)
	mandoc -Tlint -W style tools/man/*.[58]

clean:
	rm -rf $(BUILD)

.PHONY: all tool-helpers help deps deps-demo modules kunit build-modules build-kunit tools bench-programs fill-log \
	test-helpers bulk install install-modules install-tools deb deps-deb no-dkms \
	kernel-note uninstall check check-packages check-unit check-tool \
	check-kunit check-dm check-kernels check-debug check-boot check-kcsan matrix bare crash sim fuzz fuzz-cov bench mutate demo kernel-tree \
	lint lint-modules clean

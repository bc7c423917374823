# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "make kernel-tree": the module's sources in a kernel's source tree, whatever that tree has. It is not
# compiled here, that takes minutes.
need unifdef

source=$("$VHDX_TOP/tests/vm/build-kernel" --source)
here=drivers/md/dm-vhdx
mkdir tree
(cd "$source" && cp --parents MAINTAINERS drivers/md/{dm-linear.c,Kconfig,Makefile} include/linux/{blkdev,shrinker,srcu}.h \
	lib/Kconfig Documentation/admin-guide/device-mapper/index.rst "$OLDPWD/tree")
install() { make -s -C "$VHDX_TOP" kernel-tree KSRC="$PWD/tree" >out 2>&1; }
# objects_there FOLDER: what its Makefile names has a source
objects_there()
{
	local object count=0

	while read -r object; do
		case $object in
		dm-vhdx.o | dm-vhdx-kunit.o) continue ;;
		format/* | target/*) [ -f "tree/$here/${object%.o}.c" ] ;;
		*) [ -f "tree/$here/$1/${object%.o}.c" ] ;;
		esac || fail "$1: $object has no source"
		count=$((count + 1))
	done < <(grep -oE '[a-z/-]+\.o\b' "tree/$here/$1/Makefile")
	[ $count -gt 50 ] || fail "$1: only $count objects"
}

install || fail "$(<out)"
cp -r tree once
install || fail "$(<out)"
diff -r once tree || fail 'not the same when done twice'
objects_there .
objects_there kunit
! grep -rn 'VHDX_HAVE\|__KERNEL__\|compat/have' "tree/$here" || fail 'left of other surroundings'
grep -q 'select LIBCRC32C' "tree/$here/Kconfig"
grep -q FMODE_WRITE "tree/$here/compat/blk-mode.h"
[ "$(grep -c '^DEVICE-MAPPER VHDX' tree/MAINTAINERS)" = 1 ]
cmp -s <(diff "$source/MAINTAINERS" tree/MAINTAINERS | grep -c '^<') <(echo 0) || fail 'lines of MAINTAINERS are gone'

note 'a newer tree'
echo 'typedef unsigned int blk_mode_t;' >>tree/include/linux/blkdev.h
echo 'struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...);' >>tree/include/linux/shrinker.h
echo 'int srcu_down_read(struct srcu_struct *ssp);' >>tree/include/linux/srcu.h
sed -i s/LIBCRC32C/NOTHING/ tree/lib/Kconfig
install || fail "$(<out)"
! grep -q FMODE_WRITE "tree/$here/compat/blk-mode.h" || fail 'what only older kernels need'
! grep -q 'define srcu_down_read' "tree/$here/compat/srcu-down.h" || fail 'what only older kernels need'
grep -q 'select CRC32$' "tree/$here/Kconfig"

note 'no kernel'
mkdir none
expect_fail -m 'none is no source tree of a kernel' "$VHDX_TOP/kmod/tree/install" none
expect_fail -m 'which tree?' "$VHDX_TOP/kmod/tree/install"
[ -z "$(ls none)" ]

# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of "vhdx check --repair=salvage" share; they source it.
#
#   sum FILE                checksum of an image; raw FILE: of the disk in it
#   salvage_killed IMAGE    salvage a copy, killed before each of its writes and then run again: it has
#                           to come to the same each time. Leaves "killed", and the output in out and err
. "$VHDX_TOP/tests/lib/tool.sh"
need qemu-img qemu-io cc

sum() { sha256sum <"$1"; }
raw() { qemu-img convert -f vhdx -O raw "$1" raw && sha256sum <raw; }
lost() { json '[(l["start"] >> 19, l["length"] >> 19) for l in j["lost"]]'; }	# in units of 512 KiB

# A program that dies before its Nth write, as the machine does.
cat >die.c <<'SOURCE'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static void count(void)
{
	static int calls;

	if (++calls == atoi(getenv("DIE_AT")))
		_exit(99);
}

ssize_t pwrite64(int fd, const void *buf, size_t bytes, off_t off)
{
	ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite64");

	count();
	return real(fd, buf, bytes, off);
}

int ftruncate64(int fd, off_t bytes)
{
	int (*real)(int, off_t) = dlsym(RTLD_NEXT, "ftruncate64");

	count();
	return real(fd, bytes);
}
SOURCE
cc -shared -fPIC -o die.so die.c

# All of it, killed at each write: afterwards salvage comes to the same contents and the same map.
salvage_killed() # IMAGE
{
	local n status wanted

	cp --sparse=always "$1" whole
	"$vhdx" check --quiet --repair=salvage whole || :
	wanted=$("$vhdx" map whole; raw whole)
	for ((n = 1; ; n++)); do
		cp --sparse=always "$1" killed
		status=0
		DIE_AT=$n LD_PRELOAD=$PWD/die.so "$vhdx" check --repair=salvage killed >out 2>err || status=$?
		[ $status = 99 ] || break
		status=0
		"$vhdx" check --quiet --repair=salvage killed || status=$?
		[[ $status = [01] ]] || fail "$1: killed at write $n, then status $status"
		[ "$wanted" = "$("$vhdx" map killed; raw killed)" ] || fail "$1: killed at write $n: another outcome"
		qemu-img check -q killed
	done
	[ $n -gt 2 ] || fail "$1: killed at no write"
	[ $status = 1 ] || fail "$1: status $status when nothing kills it"
}

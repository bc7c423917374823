# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# rd.vhdx= on the kernel's command line, and x-initrd.attach in vhdxtab: what an initramfs would attach.
. "$VHDX_TOP/tests/lib/tool.sh"

export VHDXTAB=$PWD/tab

# wants CMDLINE LINE...: columns of a line are divided by '|' here
wants()
{
	printf '%s\n' "$1" >cmdline
	shift
	expect_status 0 initrd --cmdline cmdline --list
	printf '%s\n' "$@" | sed '/^$/d' | tr '|' '\t' | diff - out || fail "wrong for $(<cmdline)"
}
# ignored CMDLINE RE: one that is wrong, and one that is right
ignored()
{
	wants "$1 rd.vhdx=/dev/ok" 'ok|/dev/ok|-'
	[ "$(wc -l <err)" = 1 ] || fail "$1: $(<err)"
	expect_output "^vhdx: $1: ignored: $2"
}

wants 'quiet ro' ''
[ ! -s err ]
wants 'rd.vhdx=UUID=ab-c:/vm/disk.vhdx' 'disk|UUID=ab-c:/vm/disk.vhdx|-'
wants 'x=1 rd.vhdx=a=UUID=ab-c:/vm/disk.vhdx:ro,commit_interval=100 y' 'a|UUID=ab-c:/vm/disk.vhdx|read-only'
wants 'rd.vhdx=r=/dev/sda2 rd.vhdx=/dev/sdb1:/x.vhdx' 'r|/dev/sda2|-' 'x|/dev/sdb1:/x.vhdx|-'
wants 'rd.vhdx=/dev/sda2:ro' 'sda2|/dev/sda2|read-only'
wants 'rd.vhdx=UUID=ab:read-only' 'ab|UUID=ab|read-only'
wants 'rd.vhdx=PARTUUID=AB-01:/x' 'x|PARTUUID=ab-01:/x|-'
wants 'rd.vhdx=LABEL=my\040disk:/a\040b\072c.vhdx' 'a_b:c|LABEL=my disk:/a b:c.vhdx|-'
# As GRUB writes it.
wants 'rd.vhdx=LABEL=my\\040disk:/a\\040b\\072c.vhdx:ro' 'a_b:c|LABEL=my disk:/a b:c.vhdx|read-only'
wants 'rd.vhdx=UUID=a:/b\\134040c rd.vhdx=UUID=a:/d\\e' 'b_040c|UUID=a:/b\040c|-' 'd_e|UUID=a:/d\e|-'
wants '"rd.vhdx=LABEL=my disk:/x" rd.vhdx="LABEL=your disk:/y"' 'x|LABEL=my disk:/x|-' 'y|LABEL=your disk:/y|-'
wants 'rd.vhdx=/run/here.vhdx' 'here|/run/here.vhdx|-'
wants 'rd.vhdx=LABEL=a=b:/y' 'y|LABEL=a=b:/y|-'
wants 'rd.vhdx=/dev/a=b' 'a=b|/dev/a=b|-'
wants 'rd.vhdx rd.vhdx= rd.vhdx=1 rd.vhdxes=/dev/x nord.vhdx=/dev/x' ''
[ ! -s err ]
# Lines, as dracut has them.
wants $'rd.vhdx=/dev/x:ro\nrd.vhdx=/dev/y' 'x|/dev/x|read-only' 'y|/dev/y|-'
# Off is off, wherever it stands.
wants 'rd.vhdx=/dev/x rd.vhdx=0' ''
[ ! -s err ]

ignored rd.vhdx=disk.vhdx "the source 'disk.vhdx' is neither a path .*: see SOURCES in vhdxtab"
ignored rd.vhdx=ID=x "the source 'x' is neither a path"
ignored rd.vhdx=UUID= "the source 'UUID=' has nothing behind"
ignored rd.vhdx=a=/dev/b:/c:ro:d "it has a colon too many .*: write rd.vhdx=\[NAME=\]SOURCE"
ignored rd.vhdx=/vm/a:/b "it has a path in a device that is none"
ignored rd.vhdx=a= 'it has no source'
ignored rd.vhdx=:/x 'it has no source'
ignored 'rd.vhdx=a@b/c=/dev/x' "the source 'a@b/c=/dev/x' is neither"
ignored 'rd.vhdx=a,b=/dev/x' "a mapping cannot be called 'a,b': name it"
ignored rd.vhdx=/dev/a:readonyl "unknown option 'readonyl': see OPTIONS in vhdxtab"
wants 'rd.vhdx=a=/dev/x rd.vhdx=a=/dev/y' 'a|/dev/x|-'
expect_output "rd.vhdx=a=/dev/y: ignored: another one has the name 'a' already: choose another name"

# The table, whose lines the command line replaces.
printf '%s\n' 'root UUID=a:/r.vhdx x-initrd.attach' 'usr UUID=a:/u.vhdx x-initrd.attach,ro' \
	'data UUID=a:/d.vhdx' 'later UUID=a:/l.vhdx x-initrd.attach,noauto' >tab
wants quiet 'root|UUID=a:/r.vhdx|-' 'usr|UUID=a:/u.vhdx|read-only'
wants 'rd.vhdx=root=UUID=b:/old.vhdx' 'root|UUID=b:/old.vhdx|-' 'usr|UUID=a:/u.vhdx|read-only'
wants 'rd.vhdx=0' ''
echo 'wrong x-initrd.attach' >tab
wants quiet ''
expect_output "tab: line 1: ignored: the source 'x-initrd.attach' is neither"

rm tab
expect_status 0 initrd --cmdline none --list
expect_output '^vhdx: none: cannot be read: '
expect_status 2 initrd x
# Nothing is wanted: nothing is done.
echo quiet >cmdline
expect_status 0 initrd --cmdline cmdline
[ ! -s out ] && [ ! -s err ]

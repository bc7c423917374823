# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What is printed: JSON that can be read whatever the file is called, the same facts in it as in the
# text, and usage errors that name what was wrong.
. "$VHDX_TOP/tests/lib/tool.sh"

mkvhdx cases cases
for name in $'bad\xff\xc3' $'new\nline' $'quo"te\\' 'grün' ' '; do
	"$vhdx" create --size 8M --block-size 1M "$name"
	for command in info check map; do
		expect_status 0 $command --json "$name"
		json j >/dev/null
	done
	expect_status 0 info --json "$name"
	[ "$(json 'ascii(j["file"])')" = "$(python3 -c '
import sys, os; print(ascii(os.fsencode(sys.argv[1]).decode("utf-8", "replace")))' "$name")" ]
done

# Text and JSON.
expect_status 0 info --json 'grün'
[ "$(json 'j["virtual_size"], j["block_size"], j["blocks_total"], j["bat_faults"]')" = '8388608 1048576 8 0' ]
expect_status 0 info 'grün'
expect_output '^Virtual size +8 MiB \(8388608 bytes\)$'
expect_output '^Blocks allocated +0 of 8$'

# A wrong entry in the BAT: what is known is shown, and that it is not all.
cp cases/061-same.vhdx wrong
expect_status 1 info --json wrong
[ "$(json 'j["bat_faults"]')" = 1 ]
expect_output "BAT entry is wrong: run 'vhdx check' on it"
expect_status 1 map wrong
grep -q ' data ' out || fail 'the extents before the wrong entry are missing'
expect_status 4 check --json wrong
[ "$(json 'j["result"], j["problems"][0]["name"], len(j["places"])')" = 'errors BAT_OVERLAP 1' ]
[ "$(json 'j["places"][0]["file_offset"] > 0')" = True ]

# Usage.
usage() # STATUS RE ARG...
{
	local status=$1 re=$2

	shift 2
	expect_status "$status" "$@"
	[ ! -s out ] || fail "a usage error is no output: vhdx $*"
	grep -qE -- "$re" err || fail "no \"$re\" in: $(cat err)"
}
usage 2 "unknown option '-x'" info --json -xy wrong
usage 16 "unknown option '-r'|unknown option '-x'" check --quiet -xr wrong
usage 2 "option '--json' takes no value" info --json=yes wrong
usage 2 "option '--size' needs a value" create --size
usage 2 'FILE is missing' info
usage 2 "unexpected argument 'b'" info wrong b
usage 2 "unknown command 'frob'" frob
usage 2 "unknown option '--frob'" --frob
usage 2 "--size 'x' is no size" create --size x new
usage 2 "--size '' is no size" create --size '' new
usage 2 "--size '-1' is no size" create --size -1 new
usage 2 'more than the largest possible, 64T' create --size 65T new
usage 2 'no multiple of the 512-byte sector, the next one is 1536' create --size 1025 new
usage 2 'the next one is 4M' create --size 1G --block-size 3M new
usage 2 'the next one is 2M' create --size 1G --log-size 1025K new
usage 2 "neither 'dynamic' nor 'fixed'" create --size 1G --type thick new
[ ! -e new ] || fail 'a usage error has made a file'

# What is no image.
mkfifo fifo
touch empty
for file in fifo . /dev/null; do
	expect_status 1 info "$file"
	expect_output 'name a regular file or a block device'
done
expect_status 1 info empty
expect_status 8 check missing
expect_output 'No such file or directory: check the name'

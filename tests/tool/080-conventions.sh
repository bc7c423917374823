# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# What all commands have in common: options, their help, manual pages and completion, which have to
# say the same; names that hold anything; sizes.
. "$VHDX_TOP/tests/lib/tool.sh"

tools=$VHDX_TOP/tools
expect_status 0 help
names=$(sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' out)
[ "$(wc -w <<<"$names")" -ge 9 ]

# --- options ----------------------------------------------------------------

expect_status 0 -V
version=$(<out)
for option in --version -V; do
	for command in $names; do
		expect_status 0 "$command" $option
		[ "$(<out)" = "$version" ]
	done
done
for command in $names; do
	expect_status 0 "$command" --help
	cp out help
	for args in "$command -h" "help $command"; do
		# shellcheck disable=SC2086 # words
		expect_status 0 $args
		cmp out help
	done
	usage=2
	[ "$command" != check ] || usage=16
	# Shortened options, with and without a value, known or not.
	for option in --hel --versio --jso --jso=x --js --frob --frob=x; do
		expect_status $usage "$command" $option
		expect_output "^vhdx: $command: unknown option '${option%%=*}': see 'vhdx $command --help'$"
	done
	expect_status $usage "$command" --help=x
	expect_output "option '--help' takes no value"
done
expect_status 2 create --siz 1M file
expect_output "unknown option '--siz'"
expect_status 2 create --siz=1M file
expect_output "unknown option '--siz'"
expect_status 2 create --siz
expect_output "unknown option '--siz'"
expect_status 2 create -s
expect_output "option '--size' needs a value"
[ ! -e file ]

# --- help, manual pages and completion ---------------------------------------

# shellcheck source=tools/completion/vhdx.bash
. "$tools/completion/vhdx.bash"
[ "$(tr ' ' '\n' <<<"$_vhdx_commands" | grep -vx help | sort)" = "$(sort <<<"$names")" ]
for command in $names; do
	page=$tools/man/vhdx-$command.8 escaped=${command//-/\\\\-}
	expect_status 0 "$command" --help
	options=$(grep -oE '^ {2,6}(-[a-zA-Z], )?--[a-z0-9-]+' out | grep -vE -- '--(help|version)$')
	[ -n "$options" ] || fail "$command has no options?"
	# shellcheck disable=SC2013 # words
	for option in $(grep -oE -- '--[a-z0-9-]+' <<<"$options"); do
		man=${option//-/\\\\-}
		grep -qE -- "$man( |$|\\\\)" "$page" || fail "$page lacks $option"
		grep -qF -- "$option" <<<"$(_vhdx_options "$command")" || fail "the completion for bash lacks $command $option"
		sed -n "/^\t[a-z |]*$command\\b.*)$/,/;;/p; /^\tjson=/p" "$tools/completion/_vhdx" | grep -qF -- "$option" ||
			fail "the completion for zsh lacks $command $option"
	done
	for letter in $(grep -oE '^ +-[a-zA-Z],' <<<"$options" | tr -d ' ,'); do
		grep -qF -- "\\$letter" "$page" || fail "$page lacks $letter"
	done
	for option in $(_vhdx_options "$command"); do
		grep -qE -- "$option( |$|=)" out || fail "$command has no $option, which the completion offers"
	done
	grep -q "vhdx\\\\-$escaped (8)" "$tools/man/vhdx.8" || fail "vhdx.8 lacks $command"
done
# What is for programs is not listed, but documented all the same.
expect_status 0 generator --help
grep -qF -- '\-\-units' "$tools/man/vhdx-generator.8"
# All that the table takes.
words=$(sed -nE 's/^\t\t\{ "([a-z_.-]+)", &entry.*/\1/p' "$tools/boot/tab.c" | grep -vx read_only)
words+=$'\n'$(sed -nE 's/^\t\{ "([a-z_]+)", [^ ]* ?.*\},?$/\1/p' "$tools/lib/options.c" | grep -vx read_only)
[ "$(wc -w <<<"$words")" -ge 14 ]
for word in $words; do
	grep -qF -- "${word//-/\\-}" "$tools/man/vhdxtab.5" || fail "vhdxtab.5 lacks $word"
done
for page in "$tools"/man/*.8; do
	for section in EXAMPLES 'EXIT STATUS' 'SEE ALSO'; do
		grep -q "^\\.SH $section$" "$page" || fail "$page has no $section"
	done
done
grep -q '^\.SH OPTIONS$' "$tools/man/vhdx.8"

# Every problem that "check" can name is explained.
problems=$(sed -n '/^#define VHDX_FAULTS/,/^enum/s/^\tF(\([A-Z_]*\),.*/\1/p' "$VHDX_TOP/kmod/format/vhdx-fault.h")
problems+=$'\n'$(sed -n '/^#define VHD_FAULTS/,$s/^\tF(\([A-Z_]*\),.*/\1/p' "$VHDX_TOP/kmod/format/vhd-fault.h")
problems+=$'\n'$(sed -n 's/^\t\t"\([A-Z_]*\)",.*/\1/p' "$tools/image/audit.c")
[ "$(wc -w <<<"$problems")" -ge 95 ]
explained=$(awk '/^\.B [A-Z_]+$/ { name = $2; next } name && /[a-z]/ { print name } { name = "" }' "$tools/man/vhdx-check.8")
lacking=$(comm -23 <(sort -u <<<"$problems") <(sort -u <<<"$explained"))
[ -z "$lacking" ] || fail "vhdx-check.8 does not explain $lacking"
if command -v mandoc >/dev/null; then
	mandoc -Tlint -W style "$tools"/man/*.[58]
else
	note 'mandoc is not installed'
fi

# What is offered: the word before the cursor, and the words before that.
offers() # WORD...: the last one is being typed
{
	COMP_WORDS=(vhdx "$@")
	COMP_CWORD=$#
	_vhdx 2>/dev/null
	printf '%s\n' "${COMPREPLY[@]}"
}
mkdir completed
touch 'completed/image.vhdx' 'completed/with blank'
[ "$(offers de)" = detach ]
[ "$(offers check --qu)" = --quiet ]
[ "$(offers create --type 'fi')" = fixed ]
[ "$(offers create --type = dy)" = dynamic ]
[ "$(offers info completed/im)" = completed/image.vhdx ]
[ "$(offers info completed/with)" = 'completed/with blank' ]
[ "$(offers list -o UU)" = UUID ]
[ -z "$(offers create --size com)" ]
if command -v zsh >/dev/null; then
	zsh -n "$tools/completion/_vhdx"
fi

# --- names --------------------------------------------------------------------

name=$'esc\e[31m\nline\x7f\xff\\x \\n\xe2\x80\xae'
shown='esc\x1b[31m\x0aline\x7f\xff\x5cx \n\xe2\x80\xae'
"$vhdx" create --size 8M --block-size 1M "$name"
for args in info check 'create --size 1M' replay; do
	# shellcheck disable=SC2086 # words
	"$vhdx" $args "$name" >out 2>err || :
	LC_ALL=C grep -q $'[\x01-\x09\x0b-\x1f\x7f\x80-\xff]' out err && fail "vhdx $args: control characters"
	[ ! -s err ] || [ "$(wc -l <err)" = 1 ] || fail "a line in two: $(<err)"
done
expect_status 0 info "$name"
grep -qF "$shown" out || fail "$(cat out)"
expect_status 1 info "not $name"
grep -qF "vhdx: not $shown: cannot open" err || fail "$(cat err)"
expect_status 2 info "$name" "$name"
grep -qF "unexpected argument '$shown'" err || fail "$(cat err)"
name='grün €'
"$vhdx" create "$name" 1M
expect_status 0 info "$name"
grep -q "^File .*$name$" out

# --- sizes ----------------------------------------------------------------------

# size SIZE BYTES: as the second argument, and as an option
size()
{
	rm -f new
	expect_status 0 create --json new "$1"
	grep -q "\"virtual_size\": *$2," out || fail "$1 makes $(<out)"
	rm new
	expect_status 0 create -s "$1" -J new
	grep -q "\"virtual_size\": *$2," out || fail "-s $1 makes $(<out)"
}
size 512 512
size 1536 1536
size 3K 3072
size 1.5K 1536
size 1.5G 1610612736
size 1.50gib 1610612736
size 0.5t 549755813888
size 1.1G 1181118464
size 1.000000001M 1052672
size 64T 70368744177664
rm new
for size in 1. .5G 1.G 1.5 1,5G 1.5.5G 1.0000000001G 1e3 1.5GB '' ' 1G' -1 0x10; do
	expect_status 2 create new -- "$size"
	expect_output "SIZE '$size' is no size: write a number"
done
expect_status 1 create "$(printf 'x%.0s' {1..300})" 1M
expect_output 'File name too long: use a shorter name$'
expect_status 2 create new 64.0001T
expect_output 'the size is more than the largest possible, 64T'
expect_status 2 create new 16777216T
expect_output 'is too large'
expect_status 2 create new
expect_output 'SIZE is missing'
expect_status 2 create --size 1M new 1M
expect_output "unexpected argument '1M'"
[ ! -e new ]

# --- manual pages and what there is ------------------------------------------------------

if grep -E 'cannot (be attached|map (it|them)) yet' "$tools"/man/*; then
	fail 'VHD images are attached as VHDX images are'
fi
# A locator is a list of keys and values, in both formats.
for name in key value; do
	[ "$(grep -cE "^\.BR? $name\b" "$tools/man/vhdx-info.8")" = 2 ] || fail "the page of info lacks $name"
done

# --- JSON of commands that change something ------------------------------------------

expect_status 0 create --json --type fixed -b 1M new 3M
[ "$(json 'j["file"], j["type"], j["virtual_size"], j["block_size"], j["log_size"]')" = 'new fixed 3145728 1048576 1048576' ]
id=$(json 'j["disk_id"]')
expect_status 0 info --json new
[ "$(json 'j["disk_id"]')" = "$id" ]
expect_status 1 create --json new 3M
[ ! -s out ]
mkvhdx cases cases
cp cases/071-three-entries.vhdx dirty
expect_status 0 replay --json dirty
[ "$(json 'j["file"], j["log_entries"], j["replayed"]')" = 'dirty 3 True' ]
expect_status 0 replay -J dirty
[ "$(json 'j["log_entries"], j["replayed"]')" = '0 False' ]
expect_status 0 replay -q dirty
[ ! -s out ] && [ ! -s err ]

# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Completion for vhdx(8) in bash: commands, options, their values, mappings and files.

_vhdx_commands='create info check map chain diff flatten convert compact trim resize rebase snapshot merge replay attach detach mount umount list monitor boot-install status help'

# What a command takes besides --help and --version.
_vhdx_options()
{
	case $1 in
	create)
		echo '--format --size --type --block-size --log-size --logical-sector-size' \
			'--physical-sector-size --parent --parent-dir --exact --azure --force --json'
		;;
	info) echo '--json' ;;
	status) echo '--stats --json' ;;
	map | chain | diff) echo '--parent --parent-dir --json' ;;
	flatten) echo '--block-size --parent --parent-dir --force --json' ;;
	convert)
		echo '--from --to --type --block-size --logical-sector-size --azure --preallocate --no-sparse' \
			'--sha256 --continue --parent --parent-dir --force --json'
		;;
	compact) echo '--zeros --fs --dry-run --parent --parent-dir --json' ;;
	trim) echo '--dry-run --json' ;;
	resize) echo '--to-minimum --force --dry-run --verbose --parent --parent-dir --json' ;;
	snapshot) echo '--keep-name --no-keep-name --block-size --parent --parent-dir --verbose --json' ;;
	merge) echo '--into --to --above --keep --keep-name --no-keep-name --force --dry-run --parent --parent-dir --verbose --json' ;;
	rebase) echo '--content --force --parent --parent-dir --json' ;;
	check) echo '--repair --repair=salvage --force --chain --parent --parent-dir --quiet --json' ;;
	replay) echo '--quiet --json' ;;
	attach)
		echo '--read-only --no-grow --max-size --partitions --no-partitions --stock --options --parent --parent-dir' \
			'--ignore-parent-id --force --all --tab --tab-file --dry-run --quiet --verbose --json'
		;;
	detach) echo '--all --if-attached --wait --no-trim --verbose --json' ;;
	mount) echo '--read-only --partition --types --options --name --stock --verbose' ;;
	umount) echo '--verbose' ;;
	monitor) echo '--daemon' ;;
	boot-install) echo '--write --remove --directory --grub --title --parameters' ;;
	list) echo '--output --noheadings --bytes --json' ;;
	esac
}

# The values of an option; fails if it has none that are known. $1 command, $2 option
_vhdx_values()
{
	case $1:$2 in
	create:--format) echo 'vhdx vhd' ;;
	convert:--from | convert:-f | convert:--to | convert:-O) echo 'raw vhdx vhd qcow2' ;;
	create:--type | create:-t | convert:--type | convert:-t) echo 'dynamic fixed' ;;
	convert:--logical-sector-size | create:--logical-sector-size | create:--physical-sector-size) echo '512 4096' ;;
	convert:--block-size | convert:-b | create:--block-size | create:-b | flatten:--block-size | flatten:-b | snapshot:--block-size | snapshot:-b) echo '1M 2M 4M 8M 16M 32M 64M 128M 256M' ;;
	create:--size | create:-s | create:--log-size) echo '' ;;
	attach:--options | attach:-o) echo 'commit_interval error_if_no_space idle_close no_discard no_discard_passdown no_unmap read_only zeroed_from' ;;
	attach:--max-size) echo '' ;;
	attach:--tab | attach:-t) sed -n 's/^[[:blank:]]*\([^#[:blank:]]\{1,\}\)[[:blank:]].*/\1/p' /etc/vhdxtab 2>/dev/null ;;
	detach:--wait | detach:-w) echo '' ;;
	mount:--partition | mount:-p | mount:--name) echo '' ;;
	mount:--types | mount:-t) echo 'btrfs exfat ext4 ntfs ntfs3 vfat xfs' ;;
	mount:--options | mount:-o) echo 'ro noatime nodev nosuid noexec' ;;
	boot-install:--title | boot-install:--parameters) echo '' ;;
	list:--output | list:-o)
		echo 'NAME PATH UUID SIZE MODE STATE BLOCKS USE% BLOCK-SIZE USED BACKING-SIZE FULL%' \
			'UNCOMMITTED LAYERS PARENTS BACKING'
		;;
	*) return 1 ;;
	esac
}

# Only the superuser may ask for them.
_vhdx_mappings() { vhdx list --noheadings --output NAME 2>/dev/null; }

# Fills COMPREPLY with those of the words $1 that begin with $2.
_vhdx_reply() { mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$1" -- "$2"); }

_vhdx_files()
{
	compopt -o filenames 2>/dev/null || :
	mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$1")
}

_vhdx()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} values

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		_vhdx_reply "$_vhdx_commands --help --version" "$word"
		return
	fi
	# "--option=value" comes as three words.
	if [ "$word" = = ]; then
		word=''
	elif [ "$before" = = ]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if values=$(_vhdx_values "$command" "$before"); then
		_vhdx_reply "$values" "$word"
		return
	fi
	case $command:$word in
	help:*) _vhdx_reply "$_vhdx_commands" "$word" ;;
	list:* | *:-*) _vhdx_reply "$(_vhdx_options "$command") --help --version" "$word" ;;
	compact:* | detach:* | umount:* | monitor:* | snapshot:* | merge:* | resize:* | status:*)
		_vhdx_reply "$(_vhdx_mappings)" "$word"
		_vhdx_files "$word"
		;;
	*) _vhdx_files "$word" ;;
	esac
}

complete -F _vhdx vhdx

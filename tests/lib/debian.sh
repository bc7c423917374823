# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Where this machine gets its packages from. Sourced.

readonly CODENAME=bookworm

# "URI SUITE" of each source of Debian 12's main component, as apt knows them. What is called "stable"
# or the like in a list of sources has its real name only once it was looked at.
host_sources()
{
	# shellcheck disable=SC2016 # apt's variables
	apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(CODENAME) $(RELEASE)' \
		'Created-By: Packages' 2>/dev/null |
		awk -v c=$CODENAME '
			function ours(suite) { return suite == c || index(suite, c "-") == 1 }
			$2 == "main" && ours($3) { print $1, $3; next }
			$2 == "main" && ours($4) { print $1, $4 }' | sort -u
}

# URI of the archive itself.
mirror() { host_sources | awk -v c=$CODENAME '$2 == c { print $1; exit }'; }

# "URI SUITE" lines on stdin to those of a sources.list.
sources_list()
{
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg option='' uri suite

	[ ! -e $keyring ] || option="[signed-by=$keyring] "
	while read -r uri suite; do
		[ -z "$suite" ] || echo "deb $option$uri $suite main"
	done
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# enter_root ROOT COMMAND...: in there, with namespaces of its own: nothing is left mounted, and nothing
# left running.
enter_root()
{
	# shellcheck disable=SC2016 # for the shell in there
	as_root unshare --mount --pid --fork --kill-child sh -c '
		set -e
		root=$1
		shift
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			LC_ALL=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive "$@"
	' sh "$@"
}

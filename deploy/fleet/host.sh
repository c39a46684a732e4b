#!/bin/sh
# SPDX-License-Identifier: MIT
# What `harborctl fleet` does on a host: steps.sh sends this text to a shell of root's there, with a
# call behind it. It needs sh, coreutils, tar, dpkg and systemd.
#
# /var/lib/harbor-fleet, root's alone:
#   next/       the files that the host shall have      next.deb, package/  the package, unpacked
#   applied/    by node: the sum of the files that it was started with
#   previous/   by node: the files before these         previous.deb, current.deb
#   lock/owner  who works on the host
set -u
export LC_ALL=C
S=/var/lib/harbor-fleet
umask 077

# The files of a node, those that are not there as well.
files() {
	echo etc/harbor/harbor.yaml
	echo etc/harbor/credentials/cluster-key
	echo "etc/harbor/$1.yaml"
	echo "etc/harbor/$1.yaml.d/50-fleet.yaml"
	echo "etc/systemd/system/harbord@$1.service.d/50-fleet.conf"
}

sum() {
	(cd "$S/next" && files "$1" | while read -r f; do
		if [ -f "$f" ]; then sha256sum "$f"; else echo "none $f"; fi
	done) | sha256sum
}

lock() {
	mkdir -p "$S" && mkdir "$S/lock" 2>/dev/null || {
		echo "locked by $(cat "$S/lock/owner" 2>/dev/null)" \
			"(--break-lock, if nobody is at work)"
		return 1
	}
	echo "$1, $(date -u +%FT%TZ)" >"$S/lock/owner"
}

unlock() {
	rm -rf "$S/lock"
}

# Standard input: a tar of the host's files.
stage() {
	mkdir -p "$S" && rm -rf "$S/next" "$S/package" "$S/next.deb" && mkdir "$S/next" &&
		base64 -d | tar -x --no-same-owner -C "$S/next"
}

# Standard input: the package.
package() {
	base64 -d >"$S/next.deb" && dpkg-deb -x "$S/next.deb" "$S/package"
}

# Each configuration, by the version that will read it.
check() {
	daemon=$S/package/usr/sbin/harbord
	[ -e "$S/next.deb" ] || daemon=/usr/sbin/harbord
	[ -x "$daemon" ] || {
		echo "harbord is not installed: roll with --deb"
		return 1
	}
	"$daemon" --version >/dev/null || {
		echo "the program does not run here: is what the package depends on installed?"
		return 1
	}
	bad=0
	for node in "$@"; do
		CONFIGURATION_DIRECTORY=$S/next/etc/harbor \
			CREDENTIALS_DIRECTORY=$S/next/etc/harbor/credentials \
			"$daemon" --check --instance "$node" 2>&1 || bad=1
	done
	return $bad
}

# The package, if it is another one than what is installed. Nodes are not restarted by that.
install_package() {
	[ -e "$S/next.deb" ] || return 0
	if cmp -s "$S/next.deb" "$S/current.deb" && [ "$(dpkg-query -W -f '${Version}' harbord)" = \
		"$(dpkg-deb -f "$S/next.deb" Version)" ]; then
		return 0
	fi
	dpkg -i "$S/next.deb" >"$S/dpkg.log" 2>&1 || {
		tail -5 "$S/dpkg.log"
		return 1
	}
	[ ! -e "$S/current.deb" ] || mv "$S/current.deb" "$S/previous.deb"
	cp "$S/next.deb" "$S/current.deb"
	echo "installed $(dpkg-query -W -f '${Version}' harbord)"
}

# One word: down, same, files (they have changed) or program (the file that it runs is gone).
state() {
	pid=$(systemctl show -p MainPID --value "harbord@$1")
	if [ "$(systemctl is-active "harbord@$1")" != active ] || [ "$pid" = 0 ]; then
		echo down
	elif [ "$(cat "$S/applied/$1" 2>/dev/null)" != "$(sum "$1")" ]; then
		echo files
	else
		case $(readlink "/proc/$pid/exe") in
		*'(deleted)') echo program ;;
		*) echo same ;;
		esac
	fi
}

# Puts one file into its place, or takes it away, by renaming.
put_file() {
	f=$1
	if [ -f "$S/next/$f" ] && cmp -s "$S/next/$f" "/$f"; then
		return 0
	fi
	if [ -f "/$f" ]; then
		mkdir -p "$S/previous/$2/${f%/*}" && cp -p "/$f" "$S/previous/$2/$f" || return 1
	fi
	[ -f "$S/next/$f" ] || {
		rm -f "/$f"
		return 0
	}
	case $f in
	*/credentials/*) set -- 600 root "$2" ;;
	etc/harbor/*) set -- 640 _harbor "$2" ;;
	*) set -- 644 root "$2" ;;
	esac
	(umask 022 && mkdir -p "/${f%/*}") && cp "$S/next/$f" "/$f.new" && chgrp "$2" "/$f.new" &&
		chmod "$1" "/$f.new" && mv "/$f.new" "/$f"
}

# What is not any node's: the firewall, which takes effect where somebody has loaded it once.
put_host() {
	before=$(sha256sum </etc/harbor/firewall.nft 2>/dev/null)
	put_file etc/harbor/firewall.nft host || return 1
	[ "$before" = "$(sha256sum </etc/harbor/firewall.nft)" ] ||
		! nft list table inet harbor >/dev/null 2>&1 || nft -f /etc/harbor/firewall.nft
}

put() {
	files "$1" >"$S/files"
	while read -r name; do
		put_file "$name" "$1" || return 1
	done <"$S/files"
	systemctl daemon-reload && systemctl enable -q "harbord@$1"
}

drain() {
	harborctl --node "$1" drain "$1" --wait "$2" >/dev/null
}

undrain() {
	harborctl --node "$1" drain "$1" --undo >/dev/null
}

# Returns when the node says that it is ready.
restart() {
	systemctl reset-failed "harbord@$1" 2>/dev/null
	systemctl restart "harbord@$1" || {
		journalctl -u "harbord@$1" -n 5 -o cat --no-pager
		return 1
	}
	mkdir -p "$S/applied" && sum "$1" >"$S/applied/$1"
}

# Waits until the node has links to so many others, $3 seconds at most.
linked() {
	end=$(($(date +%s) + $3))
	until [ "$(harborctl --node "$1" --json nodes | grep -o '"state": *"up"' |
		wc -l)" -ge "$2" ]; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.1
	done
}

status() {
	for node in "$@"; do
		printf '%s %s ' "$node" "$(systemctl is-active "harbord@$node")"
		systemctl show -p StatusText --value "harbord@$node"
	done
}

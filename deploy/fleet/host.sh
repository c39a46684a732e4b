#!/bin/sh
# SPDX-License-Identifier: MIT
# What `harborctl fleet` does on a host: steps.sh sends this text to a shell of root's there, with a
# call behind it. It needs sh, coreutils, util-linux, tar, dpkg and systemd.
#
# /var/lib/harbor-fleet, root's alone:
#   next/       the files that the host shall have      next.deb, package/  the package, unpacked
#   applied/    by node: the sum of the files that it was started with; NODE.key: of its keys
#   history     a line for each generation, the newest last: its name, when, version
#   generations/NAME/   its files (but no key) and its package: what there is now, three before it
#   current.deb the package that is installed           lock/owner  who works on the host
#   format      a number: how all this is laid out      steps       locked by steps that are at work
set -u
export LC_ALL=C
S=/var/lib/harbor-fleet
umask 077
format=1
mkdir -p "$S" && exec 8>>"$S/steps" && flock -s 8 || exit 1

# Is what is there laid out in a way that we know?
is_known() {
	found=$(cat "$S/format" 2>/dev/null || echo $format)
	[ "$found" = $format ] || {
		echo "$S is of format $found, which this harborctl does not know: use the newer one"
		return 1
	}
}

key=etc/harbor/credentials/cluster-key

# The files of a node but for the key, those that are not there as well.
files() {
	echo etc/harbor/harbor.yaml
	echo "etc/harbor/$1.yaml"
	echo "etc/harbor/$1.yaml.d/50-fleet.yaml"
	echo "etc/systemd/system/harbord@$1.service.d/20-addresses.conf"
	echo "etc/systemd/system/harbord@$1.service.d/50-fleet.conf"
}

sum() {
	(cd "$S/next" && files "$1" | while read -r f; do
		if [ -f "$f" ]; then sha256sum "$f"; else echo "none $f"; fi
	done) | sha256sum
}

key_sum() {
	(cd "$S/next" && if [ -f $key ]; then sha256sum $key; else echo none; fi)
}

age() {
	s=$(($(date +%s) - $(stat -c %Y "$1")))
	if [ $s -lt 120 ]; then echo "$s s"; else echo "$((s / 60)) min"; fi
}

# A step of whoever had the lock may still be at work, though his end of the wire is gone: it is
# waited for, for it would go on with what is staged now.
lock() {
	is_known || return 1
	mkdir "$S/lock" 2>/dev/null || {
		echo "locked by $(cat "$S/lock/owner" 2>/dev/null), $(age "$S/lock") ago" \
			"(--break-lock, if nobody is at work)"
		return 1
	}
	echo "$1" >"$S/lock/owner"
	flock -w 60 8 || {
		echo "a step of somebody's has been at work for more than a minute"
		unlock
		return 1
	}
	echo $format >"$S/format"
}

# Ends the lock of $1, or anybody's.
unlock() {
	[ $# = 0 ] || [ "$(cat "$S/lock/owner" 2>/dev/null)" = "$1" ] || return 0
	rm -rf "$S/lock"
}

# Standard input: a tar of the host's files.
stage() {
	is_known || return 1
	rm -rf "$S/next" "$S/package" "$S/next.deb" && mkdir "$S/next" &&
		base64 -d | tar -x --no-same-owner -C "$S/next"
}

# Standard input: the package.
package() {
	base64 -d >"$S/next.deb" && dpkg-deb -x "$S/next.deb" "$S/package"
}

# ---- generations ----

# The package that the host will have, if it came by way of us.
wanted_deb() {
	if [ -e "$S/next.deb" ]; then echo "$S/next.deb"; else echo "$S/current.deb"; fi
}

# The sum of all that was staged, but for the key.
content() {
	(cd "$S/next" && find . -type f ! -path '*/credentials/*' -exec sha256sum {} + | sort -k 2
	sha256sum <"$(wanted_deb)") 2>/dev/null | sha256sum
}

# What was staged is the newest generation from now on; the name is the same on all hosts.
record() {
	[ "$(sed -n '$s/ .*//p' "$S/history" 2>/dev/null)" != "$1" ] || return 0
	g=$S/generations/$1
	if [ ! -d "$g" ]; then
		rm -rf "$g.new" && mkdir -p "$g.new" && cp -a "$S/next" "$g.new/files" &&
			rm -rf "$g.new/files/etc/harbor/credentials" || return 1
		[ ! -e "$(wanted_deb)" ] || cp "$(wanted_deb)" "$g.new/package.deb" || return 1
		mv "$g.new" "$g" || return 1
	fi
	version=$(dpkg-deb -f "$g/package.deb" Version 2>/dev/null)
	{
		grep -v "^$1 " "$S/history" 2>/dev/null | tail -n 3
		echo "$1 $(date -u +%FT%TZ) ${version:-unknown}"
	} >"$S/history.new" && mv "$S/history.new" "$S/history" && forget_old
}

forget_old() {
	for g in "$S"/generations/*; do
		grep -q "^${g##*/} " "$S/history" || rm -rf "$g"
	done
}

history() {
	is_known || return 1
	[ ! -e "$S/history" ] || cat "$S/history"
}

plan_of() {
	cat "$S/generations/$1/files/plan"
}

# What the host had then takes the place of what was staged, which has the key of today.
restage() {
	g=$S/generations/$1
	[ -d "$g" ] || {
		echo "it does not have the generation $1"
		return 1
	}
	rm -rf "$S/then" && cp -a "$g/files" "$S/then" || return 1
	[ ! -d "$S/next/etc/harbor/credentials" ] ||
		mv "$S/next/etc/harbor/credentials" "$S/then/etc/harbor/" || return 1
	rm -rf "$S/next" && mv "$S/then" "$S/next" || return 1
	[ ! -e "$g/package.deb" ] ||
		{ cp "$g/package.deb" "$S/next.deb" && dpkg-deb -x "$S/next.deb" "$S/package"; }
}

# ---- what is staged becomes what is ----

# The program that will run.
staged_daemon() {
	if [ -e "$S/next.deb" ]; then
		echo "$S/package/usr/sbin/harbord"
	else
		echo /usr/sbin/harbord
	fi
}

# What versions of the protocol a program speaks: two numbers.
range() {
	"$1" --version 2>/dev/null |
		sed -n 's/^links speak protocol \([0-9]*\) to \([0-9]*\)$/\1 \2/p'
}

# The same of the one that will run, which is called +, and of what the nodes run, each in a line.
ranges() {
	echo "+ $(range "$(staged_daemon)")"
	for node in "$@"; do
		pid=$(systemctl show -p MainPID --value "harbord@$node")
		[ "$pid" = 0 ] || echo "$node $(range "/proc/$pid/exe")"
	done
}

# What would be another file, or another package. Keys are not shown.
differences() {
	[ "$(package_state)" = same ] ||
		echo "harbord $(dpkg-query -W -f '${Version}' harbord 2>/dev/null) would become" \
			"$(dpkg-deb -f "$S/next.deb" Version)"
	for node in "$@"; do
		files "$node"
	done | sort -u | while read -r f; do
		case $f in
		*/credentials/*) cmp -s "$S/next/$f" "/$f" || echo "/$f would be another key" ;;
		*) diff -uN "/$f" "$S/next/$f" ;;
		esac
	done
	return 0
}

# Each configuration, by the version that will read it.
check() {
	daemon=$(staged_daemon)
	[ -x "$daemon" ] || {
		echo "harbord is not installed: roll with --deb"
		return 1
	}
	"$daemon" --version >/dev/null || {
		echo "the program does not run here: is what the package depends on installed?"
		return 1
	}
	bad=0
	check_key || bad=1
	for node in "$@"; do
		CONFIGURATION_DIRECTORY=$S/next/etc/harbor \
			CREDENTIALS_DIRECTORY=$S/next/etc/harbor/credentials \
			"$daemon" --check --instance "$node" 2>&1 || bad=1
	done
	return $bad
}

# One word: same, or other: the package that was staged is not what is installed.
package_state() {
	if [ ! -e "$S/next.deb" ] || { cmp -s "$S/next.deb" "$S/current.deb" &&
		[ "$(dpkg-query -W -f '${Version}' harbord 2>/dev/null)" = \
			"$(dpkg-deb -f "$S/next.deb" Version)" ]; }; then
		echo same
	else
		echo other
	fi
}

# The package, if it is another one than what is installed. Nodes are not restarted by that. There
# is nobody who could be asked about a file in /etc that he has changed: his stays.
install_package() {
	[ "$(package_state)" = other ] || return 0
	dpkg --force-confdef --force-confold -i "$S/next.deb" >"$S/dpkg.log" 2>&1 || {
		echo "the package was not installed:"
		tail -5 "$S/dpkg.log"
		return 1
	}
	cp "$S/next.deb" "$S/current.deb.new" && mv "$S/current.deb.new" "$S/current.deb"
	echo "installed $(dpkg-query -W -f '${Version}' harbord)"
}

# While some nodes have the keys of now and others those that are to come, each must know what the
# other one shows: the first key of either file is in the other, too.
check_key() {
	new=$S/next/$key old=/$key
	[ -f "$new" ] && [ -f "$old" ] && [ -n "$(systemctl list-units -q 'harbord@*')" ] ||
		return 0
	first_key "$new" | grep -qxFf - "$old" && first_key "$old" | grep -qxFf - "$new" || {
		echo "its nodes would not know each other with these keys: harborctl fleet rotate"
		return 1
	}
}

first_key() {
	sed -n '/^harbor-key-1 /{p;q}' "$1"
}

key_state() {
	if [ "$(cat "$S/applied/$1.key" 2>/dev/null)" = "$(key_sum)" ]; then
		echo same
	else
		echo key
	fi
}

# One word: down, same, files (they have changed), program (what it runs is gone, or about to go) or
# key (that has changed alone).
state() {
	pid=$(systemctl show -p MainPID --value "harbord@$1")
	if [ "$(systemctl is-active "harbord@$1")" != active ] || [ "$pid" = 0 ]; then
		echo down
	elif [ "$(cat "$S/applied/$1" 2>/dev/null)" != "$(sum "$1")" ]; then
		echo files
	elif [ "$(package_state)" = other ]; then
		echo program
	else
		case $(readlink "/proc/$pid/exe") in
		*'(deleted)') echo program ;;
		*) key_state "$1" ;;
		esac
	fi
}

states() {
	for node in "$@"; do
		echo "$node $(state "$node")"
	done
}

# Puts one file into its place, or takes it away, by renaming, so that it is whole at any time, also
# when the host loses its power.
put_file() {
	f=$1
	if [ -f "$S/next/$f" ] && cmp -s "$S/next/$f" "/$f"; then
		return 0
	fi
	[ -f "$S/next/$f" ] || {
		rm -f "/$f"
		return 0
	}
	case $f in
	*/credentials/*) set -- 600 root ;;
	etc/harbor/*) set -- 640 _harbor ;;
	*) set -- 644 root ;;
	esac
	(umask 022 && mkdir -p "/${f%/*}") && cp "$S/next/$f" "/$f.new" && chgrp "$2" "/$f.new" &&
		chmod "$1" "/$f.new" && sync "/$f.new" && mv "/$f.new" "/$f"
}

# What is not any node's: the firewall, which takes effect where somebody has loaded it once.
put_host() {
	before=$(cat /etc/harbor/firewall.nft 2>/dev/null | sha256sum)
	put_file etc/harbor/firewall.nft || return 1
	[ "$before" = "$(sha256sum </etc/harbor/firewall.nft)" ] ||
		! nft list table inet harbor >/dev/null 2>&1 || nft -f /etc/harbor/firewall.nft || {
		echo "the firewall is not in force"
		return 1
	}
}

install_host() {
	install_package && put_host
}

# Nodes of a host share files, and may be rolled at the same time.
one_at_a_time() {
	exec 9>"$S/put.lock"
	flock 9
}

put() {
	one_at_a_time
	put_file $key || return 1
	files "$1" >"$S/files"
	while read -r name; do
		put_file "$name" || return 1
	done <"$S/files"
	systemctl daemon-reload && systemctl enable -q "harbord@$1"
}

drain() {
	harborctl --node "$1" drain "$1" --wait "$2" >/dev/null
}

undrain() {
	harborctl --node "$1" drain "$1" --undo >/dev/null
}

# Returns when the node says that it is ready; $2 seconds later at most, for it waits as long as the
# master is away.
restart() {
	systemctl reset-failed "harbord@$1" 2>/dev/null
	timeout "$2" systemctl restart "harbord@$1" || {
		echo "$(systemctl show -p ActiveState --value "harbord@$1"):" \
			"$(systemctl show -p StatusText --value "harbord@$1")"
		journalctl -u "harbord@$1" -n 5 -o cat --no-pager
		return 1
	}
	mkdir -p "$S/applied" && sum "$1" >"$S/applied/$1" && key_sum >"$S/applied/$1.key"
}

# The running node takes the keys that the host has now, from a copy that is its own and that is
# gone then: systemd renews a credential only when the unit starts.
take_key() {
	copy=/run/harbor/$1/keys.next
	one_at_a_time
	put_file $key && install -m 400 -o _harbor /$key "$copy" || return 1
	{ harborctl --node "$1" reload --keys "$copy" >/dev/null; } 2>&1
	well=$?
	rm -f "$copy"
	[ $well = 0 ] && key_sum >"$S/applied/$1.key"
}

# Is the node in the cluster, with links to so many others? If not, says what is the matter.
joined() {
	up=$(harborctl --node "$1" --json nodes 2>/dev/null | grep -o '"state": *"up"' | wc -l)
	status=$(harborctl --node "$1" --json status 2>/dev/null)
	reason=$(echo "$status" | sed -n 's/.*"reason": *"\([^"]*\)".*/\1/p')
	if [ "$(systemctl is-active "harbord@$1")" != active ] || [ -z "$status" ]; then
		echo "$1 does not run"
	elif [ -n "$reason" ]; then
		echo "$1: $reason"
	elif [ "$up" -lt "$2" ]; then
		echo "$1 has links to $up other nodes of $2"
	fi
}

# whole COUNT NODE...: the same of some, once.
whole() {
	count=$1
	shift
	for node in "$@"; do
		joined "$node" "$count"
	done
}

# The same of one node, which is waited for, $3 seconds at most.
linked() {
	end=$(($(date +%s) + $3))
	until said=$(joined "$1" "$2") && [ -z "$said" ]; do
		[ "$(date +%s)" -lt "$end" ] || {
			echo "$said"
			return 1
		}
		sleep 0.1
	done
}

# A line for each node, and one that begins with ! for each that is not well.
status() {
	for node in "$@"; do
		printf '%s %s ' "$node" "$(systemctl is-active "harbord@$node")"
		systemctl show -p StatusText --value "harbord@$node"
	done
	whole 0 "$@" | sed 's/^/! /'
}

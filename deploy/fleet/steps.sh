#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: steps.sh check|status|roll|forget DIR [--rsh COMMAND] [--deb FILE] [--dry-run]
#                 [--break-lock] [--drain SECONDS] [--node NAME]...
#
# What `harborctl fleet` does after it has written DIR (DIR/plan, and a folder of files for each
# host): a host does what host.sh says, told by COMMAND TARGET sh -s, whose standard input has the
# script, the files and the key. DIR and the folder that it is in are removed in the end.
#
# check  every configuration is checked on its host by the version that will read it.
# roll   after the same check on all hosts: nodes that are down are started, masters first; then
#        each running node whose files or program have changed is drained, restarted, linked to all
#        others and taken into use again, one at a time, masters last. It ends at the first failure
#        and can be run again: what is as it shall be is left alone. --node: these nodes only; the
#        package is installed on their hosts only.
#
# Exit status: 0 done, 1 failed and nothing was changed, 2 usage, 3 partly done, 4 the cluster is
# not healthy, so nothing was begun.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
verb=$1 dir=$2
shift 2
host_script=$here/host.sh
[ -e "$host_script" ] || host_script=$here/fleet-host
rsh="ssh -o BatchMode=yes" deb='' dry='' break_lock='' patience=60
locked='' changed='' only=''

finish() {
	for h in $locked; do
		on "$h" unlock </dev/null || true
	done
	locked=''
	case $dir in */harbor-fleet-??????/fleet) rm -rf "${dir%/fleet}" ;; esac
}
trap finish EXIT
trap 'exit 3' HUP INT TERM

say() {
	echo "$*"
}

# fail STATUS TEXT...
fail() {
	status=$1
	shift
	echo "harborctl: $*" >&2
	exit "$status"
}

hosts() {
	sed -n 's/^host \([^ ]*\) .*/\1/p' "$dir/plan"
}

# "NODE HOST ROLE" lines; of a host, if one is named.
nodes() {
	sed -n 's/^node //p' "$dir/plan" | if [ $# -gt 0 ]; then grep " $1 "; else cat; fi
}

# The same of those that a roll is about.
chosen() {
	nodes | if [ -n "$only" ]; then grep -E "^($only) "; else cat; fi
}

names() {
	nodes "$@" | cut -d ' ' -f 1
}

# on HOST CALL [ARG]...: what it says is said with the host's name before it by the caller.
# Standard input becomes that of the call, in base64.
on() {
	target=$(sed -n "s/^host $1 //p" "$dir/plan")
	shift
	{
		cat "$host_script"
		printf "%s <<'END-OF-INPUT'\n" "$*"
		base64
		echo END-OF-INPUT
	} | $rsh "$target" sh -s
}

# The same without input.
ask() {
	on "$@" </dev/null
}

seconds() {
	date +%s
}

lock_all() {
	who="${SUDO_USER:-$(id -un)}@$(uname -n)"
	for h in $(hosts); do
		[ -z "$break_lock" ] || ask "$h" unlock
		said=$(ask "$h" lock "'$who'" 2>&1) || fail 1 "$h: $said"
		locked="$locked $h"
	done
}

# Sends every host its files, and checks them there. Nothing that is in use is touched.
check_all() {
	bad=0
	for h in $(hosts); do
		tar -c -C "$dir/$h" . | on "$h" stage ||
			fail 1 "$h: cannot be reached, or written to"
		if [ -n "$deb" ]; then
			on "$h" package <"$deb" || fail 1 "$h: the package cannot be unpacked"
		fi
		# shellcheck disable=SC2046
		said=$(ask "$h" check $(names "$h") 2>&1) || bad=1
		say "$said" | sed "s|^|$h: |"
	done
	[ $bad = 0 ] || fail 1 "nothing was changed"
}

running() {
	nodes | while read -r node h role; do
		[ "$(ask "$h" state "$node")" = down ] || echo "$node $h"
	done
}

# Every node that runs has links to all others that run.
healthy() {
	running >"$dir/running"
	count=$(wc -l <"$dir/running")
	[ "$count" -gt 0 ] || return 0
	while read -r node h; do
		ask "$h" linked "$node" $((count - 1)) 10 ||
			fail 4 "$node ($h) is not linked to all other nodes; nothing was begun"
	done <"$dir/running"
}

# The package, and what is not any node's; once a host is enough, again does no harm.
install_host() {
	install_package "$1"
	said=$(ask "$1" put_host 2>&1) || fail 3 "$1: the firewall is not in force: $said"
}

install_package() {
	[ -n "$deb" ] || return 0
	said=$(ask "$1" install_package) || fail 3 "$1: the package was not installed: $said"
	[ -z "$said" ] || say "$1: $said"
}

broken() {
	fail 3 "$1 ($2): $3. The other nodes go on. When it is mended, run this again; to go" \
		"back, roll the file and the package of before."
}

start_node() {
	began=$(seconds)
	install_host "$2"
	ask "$2" put "$1" || broken "$1" "$2" "its files cannot be written"
	ask "$2" restart "$1" || broken "$1" "$2" "it did not become ready"
	changed=1
	say "$1 ($2): started, ready after $(($(seconds) - began)) s"
}

# $3: why
roll_node() {
	began=$(seconds)
	ask "$2" drain "$1" "$patience" || broken "$1" "$2" "it is not drained within $patience s"
	drained=$(seconds)
	changed=1
	ask "$2" put "$1" || broken "$1" "$2" "its files cannot be written"
	ask "$2" restart "$1" || broken "$1" "$2" "it did not become ready, and stays drained"
	ask "$2" linked "$1" $(($(wc -l <"$dir/running") - 1)) "$patience" ||
		broken "$1" "$2" "it is not linked to all other nodes"
	ask "$2" undrain "$1" || broken "$1" "$2" "it stays drained"
	say "$1 ($2): drained after $((drained - began)) s, in use again after" \
		"$(($(seconds) - began)) s ($3)"
}

start_those_down() {
	chosen | grep ' master$' >"$dir/order"
	chosen | grep ' member$' >>"$dir/order"
	while read -r node h role <&3; do
		[ "$(ask "$h" state "$node")" = down ] || continue
		if [ -n "$dry" ]; then
			say "$node ($h): would be started"
		else
			start_node "$node" "$h"
		fi
	done 3<"$dir/order"
}

roll_those_changed() {
	chosen >"$dir/order"
	while read -r node h role <&3; do
		[ -n "$dry" ] || install_host "$h"
		why=$(ask "$h" state "$node")
		case $why in
		same) say "$node ($h): unchanged" ;;
		down) ;;
		*)
			if [ -n "$dry" ]; then
				say "$node ($h): would be restarted ($why)"
			else
				roll_node "$node" "$h" "$why"
			fi
			;;
		esac
	done 3<"$dir/order"
}

choose() {
	names | grep -qxF -e "$1" || fail 2 "there is no node $1 in the file"
	only=$only${only:+|}$(echo "$1" | sed 's/[.]/[.]/g')
}

roll() {
	lock_all
	check_all
	healthy
	start_those_down
	running >"$dir/running"
	roll_those_changed
}

while [ $# -gt 0 ]; do
	case $1 in
	--rsh | --deb | --drain | --node)
		[ $# -gt 1 ] || fail 2 "$1 needs a value"
		case $1 in
		--rsh) rsh=$2 ;;
		--deb) deb=$2 ;;
		--drain) patience=$2 ;;
		--node) choose "$2" ;;
		esac
		shift
		;;
	--dry-run) dry=1 ;;
	--break-lock) break_lock=1 ;;
	*) fail 2 "fleet $verb: unknown option $1" ;;
	esac
	shift
done
case $patience in *[!0-9]* | '') fail 2 "--drain takes seconds" ;; esac
[ -z "$deb" ] || [ -r "$deb" ] || fail 1 "$deb: cannot be read"
case $verb in
check) check_all ;;
roll) roll ;;
status)
	for h in $(hosts); do
		# shellcheck disable=SC2046
		ask "$h" status $(names "$h") | sed "s|^|$h: |"
	done
	;;
forget) exit 1 ;;
esac

#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: steps.sh check|status|roll|rollback|history|rotate|forget DIR FILE [OPTION]...
# options: --rsh COMMAND, --deb FILE, --dry-run, --break-lock, --drain SECONDS, --wait SECONDS,
#          --node NAME, --batch N, --to GENERATION
#
# What `harborctl fleet` does after it has written DIR (DIR/plan, and a folder of files for each
# host): a host does what host.sh says, told by COMMAND TARGET sh -s, whose standard input has the
# script, the files and the key. DIR and the folder that it is in are removed in the end. FILE is
# the fleet's, for messages.
#
# check  every configuration is checked on its host by the version that will read it.
# roll   after the same check on all hosts: nodes that are down are started, masters first; then
#        each running node whose files or program have changed is drained, restarted, linked to all
#        others and taken into use again: --batch at a time (1) of those without a role, then of
#        the gates, then the masters, one by one. Before each batch the whole cluster must be well;
#        it is waited for, --wait seconds. It ends at the first failure and can be run again: what
#        is as it shall be is left alone. --node: these nodes only; the package is installed on
#        their hosts only.
#        Where only the key has changed, the running nodes take it.
# rotate KEY.next, which lies beside the key's file KEY and was made by harborctl, takes its place
#        on the running nodes, in three steps; KEY says which of them was begun.
# rollback  the same with the files and the package of an earlier generation, the one before the
#        newest unless --to names it. history lists them.
#
# Exit status: 0 done, 1 failed and nothing was changed, 2 usage, 3 partly done, 4 the cluster is
# not healthy, so nothing was begun.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
verb=$1 dir=$2 file=$3
work=${dir%/*}
shift 3
host_script=$here/host.sh
[ -e "$host_script" ] || host_script=$here/fleet-host
rsh="ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=3"
deb='' dry='' break_lock='' patience=60 limit=300 batch=1 only='' to=''
locked='' changed=0 started='' installed=''
who="${SUDO_USER:-$(id -un)}@$(uname -n), process $$"

finish() {
	for h in $locked; do
		ask "$h" unlock "'$who'" 2>/dev/null || true
	done
	locked=''
	case $dir in */harbor-fleet-??????/fleet) rm -rf "${dir%/fleet}" ;; esac
}
trap finish EXIT
trap 'exit $((changed ? 3 : 1))' HUP INT TERM

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
	for h in $(hosts); do
		[ -z "$break_lock" ] || ask "$h" unlock
		said=$(ask "$h" lock "'$who'" 2>&1) || fail 1 "$h: $said"
		locked="$locked $h"
	done
}

# Sends a host its files, or has it take those of a generation.
stage() {
	cp "$dir/plan" "$dir/$1/plan"
	tar -c -C "$dir/$1" . | on "$1" stage || fail 1 "$1: cannot be reached, or written to"
	if [ "$verb" = rollback ]; then
		said=$(ask "$1" restage "$to" 2>&1) || fail 1 "$1: $said; nothing was changed"
	elif [ -n "$deb" ]; then
		on "$1" package <"$deb" || fail 1 "$1: the package cannot be unpacked"
	fi
}

# Sends every host its files, and checks them there. Nothing that is in use is touched.
check_all() {
	bad=0
	for h in $(hosts); do
		stage "$h"
		# shellcheck disable=SC2046
		said=$(ask "$h" check $(names "$h") 2>&1) || bad=1
		say "$said" | sed "s|^|$h: |"
	done
	[ $bad = 0 ] || fail 1 "nothing was changed"
}

# $work/states: "NODE STATE HOST" of all nodes; of those that run each has $others others.
find_states() {
	for h in $(hosts); do
		# shellcheck disable=SC2046
		ask "$h" states $(names "$h") >"$work/answer" ||
			fail $((changed ? 3 : 1)) "$h: cannot be reached"
		sed "s/$/ $h/" "$work/answer"
	done >"$work/states"
	others=$(($(running | wc -l) - 1))
}

# Those that run; of a host, if one is named.
running() {
	sed -n '/ down /!s/^\([^ ]*\) .* '"${1:-[^ ]*}"'$/\1/p' "$work/states"
}

state_of() {
	sed -n "s/^$1 \([a-z]*\) .*/\1/p" "$work/states"
}

# Is every node that runs in the cluster, and linked to all others that run? Else $why is set.
is_whole() {
	for h in $(hosts); do
		those=$(running "$h")
		[ -n "$those" ] || continue
		# shellcheck disable=SC2086
		why=$(ask "$h" whole "$others" $those 2>&1) || why="it cannot be reached"
		[ -z "$why" ] || {
			why="$h: $(echo "$why" | head -n 1)"
			return 1
		}
	done
}

# await_whole SECONDS STATUS: waits, for a host or a master that is away may come back.
await_whole() {
	end=$(($(seconds) + $1)) told=''
	until is_whole; do
		[ "$(seconds)" -lt "$end" ] ||
			fail "$2" "the cluster has not been whole for $1 s:" \
				"$why; nothing more was begun"
		[ "$why" = "$told" ] || say "waiting, $1 s at most: $why"
		told=$why
		sleep 1
	done
}

healthy() {
	find_states
	[ "$others" -ge 0 ] || return 0
	await_whole 10 4
}

# The package, and what is not any node's; once a host is enough.
install_host() {
	case " $installed " in *" $1 "*) return ;; esac
	installed="$installed $1"
	said=$(ask "$1" install_host 2>&1) || fail 3 "$1: $said"
	[ -z "$said" ] || say "$1: $said"
}

# broken NODE HOST TEXT: it is out of use from now on, and the roll ends when its batch has.
broken() {
	echo "harborctl: $1 ($2): $3" >&2
	ask "$2" drain "$1" 0 >/dev/null 2>&1
	echo "$1" >>"$work/broken"
	return 1
}

end_if_broken() {
	[ ! -s "$work/broken" ] || fail 3 "the roll ends here, the other nodes go on. When it is" \
		"mended, run this again; to go back: harborctl fleet rollback $file"
}

start_node() {
	began=$(seconds)
	install_host "$2"
	changed=1 started=1
	ask "$2" put "$1" || broken "$1" "$2" "its files cannot be written" || return
	said=$(ask "$2" restart "$1" "$limit") ||
		broken "$1" "$2" "it did not become ready: $said" || return
	say "$1 ($2): started, ready after $(($(seconds) - began)) s"
}

# $3: why
roll_node() {
	began=$(seconds)
	ask "$2" drain "$1" "$patience" ||
		broken "$1" "$2" "it is not drained within $patience s" || return
	drained=$(seconds)
	ask "$2" put "$1" || broken "$1" "$2" "its files cannot be written" || return
	said=$(ask "$2" restart "$1" "$limit") ||
		broken "$1" "$2" "it did not become ready, and stays drained: $said" || return
	said=$(ask "$2" linked "$1" "$others" "$limit") ||
		broken "$1" "$2" "it is not one of the cluster: $said" || return
	ask "$2" undrain "$1" || broken "$1" "$2" "it stays drained" || return
	say "$1 ($2): drained after $((drained - began)) s, in use again after" \
		"$(($(seconds) - began)) s ($3)"
}

take_key() {
	said=$(ask "$2" take_key "$1") ||
		broken "$1" "$2" "it did not take the key: $said" || return
	said=$(ask "$2" linked "$1" "$others" "$limit") ||
		broken "$1" "$2" "it is not one of the cluster: $said" || return
	say "$1 ($2): took the key"
}

start_those_down() {
	for role in master member gate; do
		chosen | grep " $role\$"
	done >"$work/order"
	while read -r node h role <&3; do
		[ "$(state_of "$node")" = down ] || continue
		if [ -n "$dry" ]; then
			say "$node ($h): would be started"
		else
			start_node "$node" "$h"
			end_if_broken
		fi
	done 3<"$work/order"
}

# Lines "NODE HOST WHY" of $work/batch: these nodes at the same time.
roll_batch() {
	[ -s "$work/batch" ] || return 0
	await_whole "$limit" "$((changed ? 3 : 4))"
	changed=1
	for h in $(cut -d ' ' -f 2 "$work/batch" | sort -u); do
		install_host "$h"
	done
	while read -r node h why; do
		if [ "$why" = key ]; then
			take_key "$node" "$h" &
		else
			roll_node "$node" "$h" "$why" &
		fi
	done <"$work/batch"
	wait
	end_if_broken
	: >"$work/batch"
}

# roll_role ROLE AT_A_TIME
roll_role() {
	: >"$work/batch"
	chosen | grep " $1\$" >"$work/order"
	while read -r node h role <&3; do
		why=$(state_of "$node")
		case $why in
		same) say "$node ($h): unchanged" ;;
		down) ;;
		*)
			if [ -n "$dry" ]; then
				if [ "$why" = key ]; then
					say "$node ($h): would take the key"
				else
					say "$node ($h): would be restarted ($why)"
				fi
				continue
			fi
			echo "$node $h $why" >>"$work/batch"
			[ "$(wc -l <"$work/batch")" -lt "$2" ] || roll_batch
			;;
		esac
	done 3<"$work/order"
	roll_batch
}

roll_those_changed() {
	roll_role member "$batch"
	roll_role gate "$batch"
	roll_role master 1
	[ -z "$dry" ] || return 0
	for h in $(chosen | cut -d ' ' -f 2 | sort -u); do
		install_host "$h"
	done
}

# What the hosts are about to have gets a name, which is the same wherever the same was staged.
record_all() {
	for h in $(hosts); do
		ask "$h" content >>"$work/content" || fail 1 "$h: cannot be reached"
	done
	name=$(sha256sum <"$work/content" | cut -c 1-12)
	for h in $(hosts); do
		ask "$h" record "$name" || fail 1 "$h: the generation cannot be kept"
	done
}

# $to, and the plan of then; the hosts are told of by the file of today.
choose_generation() {
	first=$(hosts | head -n 1)
	[ -n "$to" ] || to=$(ask "$first" history | tail -n 2 | sed -n '$!s/ .*//p')
	[ -n "$to" ] || fail 1 "$first: there is no generation before this one"
	ask "$first" plan_of "'$to'" >"$work/then" 2>/dev/null ||
		fail 1 "$first: it does not have the generation $to"
	for h in $(sed -n 's/^host \([^ ]*\) .*/\1/p' "$work/then"); do
		grep "^host $h " "$dir/plan" ||
			fail 1 "the generation $to has a host $h, and $file has not"
	done >"$work/plan"
	grep '^node ' "$work/then" >>"$work/plan"
	mv "$work/plan" "$dir/plan"
}

choose() {
	names | grep -qxF -e "$1" || fail 2 "there is no node $1 in the file"
	only=$only${only:+|}$(echo "$1" | sed 's/[.]/[.]/g')
}

roll() {
	lock_all
	[ "$verb" = roll ] || choose_generation
	check_all
	healthy
	[ -n "$dry" ] || record_all
	start_those_down
	[ -z "$started" ] || find_states
	roll_those_changed
}

# A step of a rotation: the key's file becomes what $1 has, and every node takes it.
step() {
	(umask 077 && cat "$1" >"$key.new") && mv "$key.new" "$key" ||
		fail 3 "$key cannot be written"
	changed=1
	say "$2:"
	for h in $(hosts); do
		cp "$key" "$dir/$h/etc/harbor/credentials/cluster-key"
	done
	(check_all >"$work/said") || {
		cat "$work/said"
		exit 3
	}
	find_states
	roll_those_changed
}

first_key() {
	sed -n '/^harbor-key-1 /{p;q}' "$1"
}

rotate() {
	key=$(sed -n 's/^key //p' "$dir/plan")
	lock_all
	check_all >"$work/said" || cat "$work/said"
	find_states
	! grep -Ev '^[^ ]* (same|key) ' "$work/states" >"$work/others" ||
		fail 4 "$(sed '1!d;s/ .*//' "$work/others") is down, or not as $file has it:" \
			"roll first; nothing was begun"
	await_whole 10 4
	first_key "$key" >"$work/first"
	grep -vxFf "$key.next" "$key" | grep '^harbor-key-1 ' | head -n 1 >"$work/old"
	if [ -s "$work/old" ]; then
		cat "$work/old" "$key.next" >"$work/both"
		cmp -s "$work/first" "$key.next" || step "$work/both" "all nodes know the next key"
		cat "$key.next" "$work/old" >"$work/both"
		step "$work/both" "all nodes use it"
	fi
	step "$key.next" "all nodes forget the old one"
	rm -f "$key.next"
}

# A word for each option that takes a value.
option() {
	case $1 in
	--rsh) rsh=$2 ;;
	--deb) deb=$2 ;;
	--drain) patience=$2 ;;
	--wait) limit=$2 ;;
	--batch) batch=$2 ;;
	--node) choose "$2" ;;
	--to) to=$2 ;;
	esac
}

# number OPTION VALUE LEAST
number() {
	case $2 in *[!0-9]* | '') fail 2 "$1 takes a number" ;; esac
	[ "$2" -ge "$3" ] || fail 2 "$1 is $3 at least"
}

while [ $# -gt 0 ]; do
	case $1 in
	--rsh | --deb | --drain | --wait | --batch | --node | --to)
		[ $# -gt 1 ] || fail 2 "$1 needs a value"
		option "$1" "$2"
		shift
		;;
	--dry-run) dry=1 ;;
	--break-lock) break_lock=1 ;;
	*) fail 2 "fleet $verb: unknown option $1" ;;
	esac
	shift
done
number --drain "$patience" 0
number --wait "$limit" 0
number --batch "$batch" 1
case $to in *[!0-9a-f]*) fail 2 "--to: \"$to\" is no name of a generation" ;; esac
[ -z "$deb" ] || [ -r "$deb" ] || fail 1 "$deb: cannot be read"
[ "$verb" != rotate ] || [ -z "$dry$deb$only" ] ||
	fail 2 "fleet rotate: --dry-run, --deb and --node are for roll"
case $verb in
check) check_all ;;
rotate) rotate ;;
roll | rollback) roll ;;
history) ask "$(hosts | head -n 1)" history ;;
status)
	for h in $(hosts); do
		# shellcheck disable=SC2046
		ask "$h" status $(names "$h") | sed "s|^|$h: |"
	done
	;;
forget) exit 1 ;;
esac

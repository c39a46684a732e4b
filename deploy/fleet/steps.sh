#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: steps.sh check|status|roll|rollback|history|rotate|forget DIR FILE [OPTION]...
# options: --rsh COMMAND, --deb FILE, --dry-run, --break-lock, --drain SECONDS, --wait SECONDS,
#          --node NAME, --batch N, --to GENERATION, --json
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
# all hosts are told by the same text, also when this one is upgraded meanwhile
cp "$host_script" "$work/host.sh" || exit 1
rsh="ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=3"
deb='' dry='' break_lock='' patience=60 limit=300 batch=1 only='' to='' json='' error=''
locked='' changed=0 started='' installed=''
who="${SUDO_USER:-$(id -un)}@$(uname -n), process $$"

finish() {
	status=$?
	[ -z "$json" ] || answer $status >&4
	for h in $locked; do
		ask "$h" unlock "'$who'" 2>/dev/null || true
	done
	locked=''
	case $dir in */harbor-fleet-??????/fleet) rm -rf "${dir%/fleet}" ;; esac
}
exec 4>&1
trap finish EXIT
trap 'exit $((changed ? 3 : 1))' HUP INT TERM

# Lines for people, which are on standard error when a program is to read what is on the other.
say() {
	if [ -n "$json" ]; then echo "$*" >&2; else echo "$*"; fi
}

quote() {
	printf '%s\n' "$*" | tr -s '\000-\037' ' ' | sed 's/ $//; s/["\\]/\\&/g; s/^/"/; s/$/"/'
}

# note KEY VALUE...: one object of the list that the answer has. Numbers and truths are such.
note() {
	object=''
	while [ $# -gt 1 ]; do
		case $2 in
		true | false) value=$2 ;;
		*[!0-9]* | '') value=$(quote "$2") ;;
		*) value=$2 ;;
		esac
		object="$object${object:+, }\"$1\": $value"
		shift 2
	done
	echo "{$object}" >>"$work/notes"
}

# The one object that is the answer with --json.
answer() {
	list=nodes
	case $verb in check) list=hosts ;; history) list=generations ;; esac
	printf '{"command": "%s", "exit_status": %s, ' "$verb" "$1"
	[ -z "$error" ] || printf '"error": %s, ' "$(quote "$error")"
	printf '"%s": [%s]}\n' $list "$([ ! -e "$work/notes" ] || paste -sd , "$work/notes")"
}

# fail STATUS TEXT...
fail() {
	status=$1
	shift
	error=$*
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
		cat "$work/host.sh"
		printf "%s <<'END-OF-INPUT'\n" "$*"
		base64
		echo END-OF-INPUT
	} | $rsh "$target" sh -s 4>&-
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
		said=$(ask "$h" check $(names "$h") 2>&1) && well=true || well=false bad=1
		say "$(echo "$said" | sed "s|^|$h: |")"
		[ "$verb" != check ] || note host "$h" well "$well" text "$said"
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

# Without a master the cluster cannot be whole: it is started first then, and nothing is restarted
# before all is well (roll_batch).
healthy() {
	find_states
	[ "$others" -ge 0 ] || return 0
	for node in $(nodes | sed -n 's/^\([^ ]*\) .* master$/\1/p'); do
		[ "$(state_of "$node")" != down ] || return 0
	done
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
	note node "$1" host "$2" result failed text "$3"
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
	changed=1 started="$started $1"
	ask "$2" put "$1" || broken "$1" "$2" "its files cannot be written" || return
	said=$(ask "$2" restart "$1" "$limit") ||
		broken "$1" "$2" "it did not become ready: $said" || return
	took=$(($(seconds) - began))
	say "$1 ($2): started, ready after $took s"
	note node "$1" host "$2" result started took_seconds "$took"
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
	took=$(($(seconds) - began))
	say "$1 ($2): drained after $((drained - began)) s, in use again after $took s ($3)"
	note node "$1" host "$2" result restarted reason "$3" \
		drain_seconds $((drained - began)) took_seconds "$took"
}

take_key() {
	said=$(ask "$2" take_key "$1") ||
		broken "$1" "$2" "it did not take the key: $said" || return
	said=$(ask "$2" linked "$1" "$others" "$limit") ||
		broken "$1" "$2" "it is not one of the cluster: $said" || return
	say "$1 ($2): took the key"
	note node "$1" host "$2" result took_key
}

start_those_down() {
	for role in master member gate; do
		chosen | grep " $role\$"
	done >"$work/order"
	while read -r node h role <&3; do
		[ "$(state_of "$node")" = down ] || continue
		if [ -n "$dry" ]; then
			say "$node ($h): would be started: put, restart"
			note node "$node" host "$h" result would_start
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

# would NODE HOST WHY: what a roll would do.
would() {
	case $3 in
	key)
		say "$1 ($2): would take the key"
		note node "$1" host "$2" result would_take_key
		;;
	*)
		say "$1 ($2): would be restarted ($3): drain, put, restart, linked, undrain"
		note node "$1" host "$2" result would_restart reason "$3"
		;;
	esac
}

# roll_role ROLE AT_A_TIME
roll_role() {
	: >"$work/batch"
	chosen | grep " $1\$" >"$work/order"
	while read -r node h role <&3; do
		why=$(state_of "$node")
		case " $started " in *" $node "*) continue ;; esac
		case $why in
		same)
			say "$node ($h): unchanged"
			note node "$node" host "$h" result unchanged
			;;
		down) ;;
		*)
			if [ -n "$dry" ]; then
				would "$node" "$h" "$why"
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

# What is about to run must speak with all that runs.
compatible() {
	for h in $(hosts); do
		# shellcheck disable=SC2046
		ask "$h" ranges $(names "$h") || fail 1 "$h: cannot be reached"
	done >"$work/ranges"
	bad=$(awk 'NF == 3 && $1 == "+" { low[++n] = $2; high[n] = $3; next }
		NF == 3 { for (i = 1; i <= n; i++) if ($2 > high[i] || $3 < low[i]) print $1 \
			" speaks protocol " $2 " to " $3 ", and what would be installed " \
			low[i] " to " high[i] }' "$work/ranges" "$work/ranges" | head -n 1)
	[ -z "$bad" ] || fail 1 "$bad: go by way of a version between them; nothing was changed"
}

# What each of the hosts that a roll is about would have to change.
show_differences() {
	for h in $(chosen | cut -d ' ' -f 2 | sort -u); do
		# shellcheck disable=SC2046
		ask "$h" differences $(names "$h") >"$work/answer" 2>&1
		say "$(sed "s|^|$h: |" "$work/answer")"
	done
}

show_status() {
	for h in $(hosts); do
		# shellcheck disable=SC2046
		ask "$h" status $(names "$h") >"$work/answer" 2>&1 ||
			echo "! $h cannot be reached" >>"$work/answer"
		while read -r node unit text <&3; do
			[ "$node" != ! ] || {
				echo "$unit $text" >>"$work/unwell"
				continue
			}
			say "$h: $node $unit $text"
			note node "$node" host "$h" unit "$unit" text "$text"
		done 3<"$work/answer"
	done
	[ ! -s "$work/unwell" ] || fail 4 "$(head -n 1 "$work/unwell")"
}

show_history() {
	ask "$(hosts | head -n 1)" history >"$work/answer"
	while read -r name time version <&3; do
		say "$name $time $version"
		note generation "$name" time "$time" version "$version"
	done 3<"$work/answer"
}

roll() {
	lock_all
	[ "$verb" = roll ] || choose_generation
	check_all
	compatible
	healthy
	if [ -n "$dry" ]; then show_differences; else record_all; fi
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
	--json) json=1 ;;
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
history) show_history ;;
status) show_status ;;
forget) exit 1 ;;
esac

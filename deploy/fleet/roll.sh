# SPDX-License-Identifier: MIT
# Part of steps.sh, for sh. A roll: nodes that are down are started, those that have changed take
# each other's turn.

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

# What each of the hosts that a roll is about would have to change.
show_differences() {
	for h in $(chosen | cut -d ' ' -f 2 | sort -u); do
		# shellcheck disable=SC2046
		ask "$h" differences $(names "$h") >"$work/answer" 2>&1
		say "$(sed "s|^|$h: |" "$work/answer")"
	done
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

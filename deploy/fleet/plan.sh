# SPDX-License-Identifier: MIT
# Part of steps.sh, for sh. Who there is by DIR/plan, how a host is told to do something, and what
# it is sent before anything is changed.

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

choose() {
	names | grep -qxF -e "$1" || fail 2 "there is no node $1 in the file"
	only=$only${only:+|}$(echo "$1" | sed 's/[.]/[.]/g')
}

seconds() {
	date +%s
}

# on HOST CALL [ARG]...: what it says is said with the host's name before it by the caller.
# Standard input becomes that of the call, in base64. A shell does nothing before it has read all
# that is between braces: nothing is done when the wire breaks in between.
on() {
	target=$(sed -n "s/^host $1 //p" "$dir/plan")
	shift
	{
		cat "$work/host.sh"
		printf "{\n%s <<'END-OF-INPUT'\n" "$*"
		base64
		printf 'END-OF-INPUT\n}\n'
	} | $rsh "$target" sh -s 4>&-
}

# The same without input.
ask() {
	on "$@" </dev/null
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
	said=$(tar -c -C "$dir/$1" . | on "$1" stage 2>&1) ||
		fail 1 "$1: ${said:-it cannot be reached, or written to}"
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

# SPDX-License-Identifier: MIT
# Part of steps.sh, for sh. How the nodes are, and whether the cluster is whole.

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

# SPDX-License-Identifier: MIT
# Part of steps.sh, for sh. What hosts keep of earlier rolls.

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

show_history() {
	first=$(hosts | head -n 1)
	ask "$first" history >"$work/answer" 2>&1 ||
		fail 1 "$first: $(head -n 1 "$work/answer" | grep . || echo it cannot be reached)"
	while read -r name time version <&3; do
		say "$name $time $version"
		note generation "$name" time "$time" version "$version"
	done 3<"$work/answer"
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

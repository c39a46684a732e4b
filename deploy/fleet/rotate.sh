# SPDX-License-Identifier: MIT
# Part of steps.sh, for sh. A new key in three steps, each of which is a roll.

first_key() {
	sed -n '/^harbor-key-1 /{p;q}' "$1"
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

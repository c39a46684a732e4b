# SPDX-License-Identifier: MIT
# Part of steps.sh, for sh. What is said to people, and the one object that is said to programs
# (--json).

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

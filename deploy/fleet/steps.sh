#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: steps.sh check|status|roll|rollback|history|rotate|forget DIR FILE [OPTION]...
# options: --rsh COMMAND, --deb FILE, --dry-run, --break-lock, --drain SECONDS, --wait SECONDS,
#          --node NAME, --batch N, --to GENERATION, --json
#
# What `harborctl fleet` does, with its parts beside it, after it has written DIR (DIR/plan, and a
# folder of files for each host): a host does what host.sh says, told by COMMAND TARGET sh -s, whose
# standard input has the script, the files and the key. DIR and the folder that it is in are removed
# in the end. FILE is the fleet's, for messages.
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
# all hosts are told by the same text, also when this one is upgraded meanwhile
cp "$here/host.sh" "$work/host.sh" || exit 1
for part in answer plan whole generations roll rotate; do
	# shellcheck source=/dev/null
	. "$here/$part.sh"
done
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

#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: roots.sh NAME [PACKAGE...]
#
# Prints the folder of a Debian root of that name, made when it is missing. "bare" is what
# debootstrap makes, "clean" the same with systemd; "run", "node", "build" and "cross" are that and
# the PACKAGEs, and "cross" knows arm64. Roots are kept in HARBORD_ROOTS (/var/cache/harbord-tests)
# between runs; whoever uses one does so through an overlay. A root whose list of packages has
# changed is made again. Needs root and a mirror.
set -eu
name=$1
shift
suite=${HARBORD_SUITE:-bookworm}
roots=${HARBORD_ROOTS:-/var/cache/harbord-tests}
mkdir -p "$roots"
exec 9>"$roots/.lock"
flock 9

# Commands inside, with the machine's network and mirrors, and no service started.
inside() {
	root=$1
	shift
	unshare --mount --pid --fork --kill-child sh -ec '
		mount -t proc proc "$0/proc"
		exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
			DEBIAN_FRONTEND=noninteractive "$@"' "$root" "$@" >"$roots/log" 2>&1 || {
		tail -20 "$roots/log" >&2
		return 1
	}
}

# $1: its folder; $2: what is in it besides the least, with commas, or nothing.
made() {
	[ ! -e "$1/.complete" ] || return 0
	rm -rf "$1"
	debootstrap --variant=minbase ${2:+"--include=$2"} "$suite" "$1" >"$roots/log" 2>&1 || {
		tail -20 "$roots/log" >&2
		exit 1
	}
	inside "$1" apt-get clean
	touch "$1/.complete"
}

clean() {
	made "$roots/$suite" systemd,systemd-sysv,dbus,iproute2,ca-certificates
}

# $1: its folder; the other words are packages.
grown() {
	root=$1
	shift
	[ "$(cat "$root/.complete" 2>/dev/null)" != "$*" ] || return 0
	clean
	rm -rf "$root"
	cp -a "$roots/$suite" "$root"
	rm "$root/.complete"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	case $root in *-cross) inside "$root" dpkg --add-architecture arm64 ;; esac
	inside "$root" apt-get update -qq
	inside "$root" apt-get install -y -qq --no-install-recommends "$@"
	inside "$root" apt-get clean
	echo "$*" >"$root/.complete"
}

case $name in
bare) made "$roots/$suite-bare" "" && echo "$roots/$suite-bare" ;;
clean) clean && echo "$roots/$suite" ;;
run | node | build | cross) grown "$roots/$suite-$name" "$@" && echo "$roots/$suite-$name" ;;
*) echo "roots.sh: bare, clean, run, node, build or cross, not $name" >&2 && exit 2 ;;
esac

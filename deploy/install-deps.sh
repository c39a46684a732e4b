#!/bin/sh
# Installs the Debian packages named on the command line, only those that are missing.
# With all of them there it does nothing and needs no network and no root.
set -eu
missing=
for p in "$@"; do
	case "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" in
	installed) ;;
	*) missing="$missing $p" ;;
	esac
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
if [ "$(id -u)" -ne 0 ]; then
	if command -v sudo >/dev/null 2>&1; then
		exec sudo "$0" "$@"
	fi
	echo "these packages are missing and this is not root: apt-get install$missing" >&2
	exit 77
fi
# Some of them bring a service along, which nobody wants who only builds: none is started, and
# PostgreSQL makes no data base.
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d
ours=
restore() {
	[ -z "$ours" ] || rm -f "$policy"
	rm -f "$clusters/harbord.conf"
	rmdir -p "$clusters" 2>/dev/null || true
}
trap restore EXIT
trap 'exit 1' HUP INT TERM
if [ ! -e "$policy" ]; then
	ours=1
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
case "$missing" in
*postgresql*)
	mkdir -p "$clusters"
	echo 'create_main_cluster = off' >"$clusters/harbord.conf"
	;;
esac
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null

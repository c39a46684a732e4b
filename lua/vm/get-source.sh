#!/bin/sh
# usage: get-source.sh DIR
#
# Puts Debian's source of the Lua that liblua5.4-dev is of, with our patch, into DIR/lua, and
# "shares VERSION" into DIR/state. Where it cannot be had, DIR/state says "stock WHY", and that is
# no error: the node is built with Debian's archive then, and works, heavier. What was fetched
# before is used again.
#
# The source comes through apt, from the mirrors that the system uses, by a list and an index of its
# own inside DIR: the system's are not touched, and root is not needed. apt checks the signature of
# the index and the sums in it; the sums of the version that we know are in SHA256SUMS besides.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1" || exit 1
dir=$PWD

stock() {
	echo "Lua: $*: built with the stock VM, nothing is shared between services" >&2
	echo "stock $*" >state
	exit 0
}

for tool in dpkg-query dpkg-source apt-get patch xz; do
	command -v $tool >/dev/null 2>&1 || stock "$tool is missing (make deps)"
done
# Of whatever architecture: it may be the one that harbord is built for.
version=$(dpkg-query -W -f '${source:Version}\n' 'liblua5.4-dev:*' 2>/dev/null | head -1)
[ -n "$version" ] || stock "liblua5.4-dev is not installed"
case $version in
5.4.4-*) ;;
*) stock "Debian's Lua is $version, the patch is for 5.4.4" ;;
esac
base=lua5.4_$version

fetch() {
	mkdir -p lists/partial cache/archives/partial
	. /etc/os-release
	# The mirrors of the system; without an index of theirs, Debian's own.
	apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 2>/dev/null |
		grep -E ' [a-z]+(-security|-updates)? main$' | sort -u >sources.list
	grep -q "$VERSION_CODENAME main" sources.list || {
		echo "deb-src http://deb.debian.org/debian $VERSION_CODENAME main"
		echo "deb-src http://deb.debian.org/debian-security $VERSION_CODENAME-security main"
	} >sources.list
	set -- -q -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" \
		-o APT::Sandbox::User= \
		-o Acquire::Retries=3 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20
	apt-get "$@" update >apt.log 2>&1
	apt-get "$@" source --download-only "lua5.4=$version" >>apt.log 2>&1
	rc=$?
	rm -rf lists cache
	return $rc
}

[ -f "$base.dsc" ] || fetch || {
	tail -3 apt.log >&2
	stock "the source of lua5.4 $version could not be fetched"
}
known=$(grep -F " $base." "$here/SHA256SUMS")
if [ -n "$known" ]; then
	sha256sum -c --quiet "$here/SHA256SUMS" || {
		rm -f lua5.4_*
		stock "the sums are not those in SHA256SUMS"
	}
else
	echo "Lua: $version is newer than SHA256SUMS, apt has checked it" >&2
fi
rm -rf source lua state
dpkg-source --no-check -x "$base.dsc" source >unpack.log 2>&1 ||
	stock "dpkg-source failed, see $dir/unpack.log"
mv source/src lua && rm -rf source
patch -d lua -p1 -F0 --no-backup-if-mismatch <"$here/lua-5.4.4.patch" >patch.log 2>&1 ||
	stock "the patch does not fit $version, see $dir/patch.log"
echo "shares $version" >state

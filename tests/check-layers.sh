#!/bin/sh
# The layer rule of ARCHITECTURE.md: who may include what. Silent on a clean tree, TAP otherwise.
cd "$(dirname "$0")/.." || exit 1
rc=0
n=0
forbid() { # folder, what its files may not include
	n=$((n + 1))
	if grep -rnE --include='*.[ch]' "^#[[:space:]]*include +[\"<]($2)" "$1"; then
		echo "not ok $n - $1 includes nothing above it"
		rc=1
	else
		echo "ok $n - $1 includes nothing above it"
	fi
}
forbid core    '(net|harbor|lua|daemon|conf)/|lua\.h|yaml\.h|sqlite3\.h|sys/(epoll|socket)\.h|systemd/'
forbid core/base  'core/(ds|log|actor|sched|node)/'
forbid core/ds    'core/(log|actor|sched|node)/'
forbid core/log   'core/(actor|sched|node)/'
forbid core/actor 'core/(sched|node)/'
forbid core/sched 'core/node/'
forbid net     '(harbor|lua|daemon|conf)/|lua\.h|yaml\.h|sqlite3\.h|systemd/'
forbid conf    '(net|harbor|lua|daemon)/|lua\.h|sqlite3\.h|sys/(epoll|socket)\.h|systemd/'
forbid harbor  '(lua|daemon|conf)/|lua\.h|yaml\.h|sys/epoll\.h|systemd/'
forbid harbor/protocol 'net/|harbor/link/|(sys/socket|netinet/in|time|unistd)\.h'
forbid lua     '(harbor|daemon|conf)/|yaml\.h|sqlite3\.h|sys/epoll\.h|systemd/'
forbid lua/vm  '(core|net|harbor|daemon|conf)/|yaml\.h|sqlite3\.h|sys/(epoll|socket)\.h|systemd/'
forbid lua/host     'lua/(api|contract|load|modules)/'
forbid lua/api      'lua/(contract|load|modules)/'
forbid lua/contract 'lua/(load|modules)/'
forbid lua/modules  'lua/(contract|load)/'
forbid daemon  '(lua|lualib|lauxlib)\.h|yaml\.h|sqlite3\.h|sys/epoll\.h'
forbid daemon/ctl '(net|harbor|lua|conf)/|core/(actor|sched|log|node)/|daemon/node/|daemon/admin/(socket|service|commands|call|asker)\.h'
exit $rc

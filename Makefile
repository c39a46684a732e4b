# harbord: GNU make. Two commands do everything: `make demo` and `make check`.
#
#   make            build/harbord and build/harborctl
#   make deps       install what building and testing need (Debian; only what is missing)
#   make check      deps, build, all tests; ends with "N passed, N failed"
#   make demo       deps, build, a game cluster of four nodes with real clients (KEEP=1 leaves it
#                   running, to be played in a browser)
#   make check-systemd   nodes as services of hosts that each boot a systemd, see tests/systemd
#   make check-deb  the Debian packages on clean systems, see tests/deb
#   make lua-tests LUA_TESTS=DIR   Lua's own tests on the VM that is linked in, see lua/vm
#   make doc        the reference for those who write games, lua/doc, out of lua/doc/ref
#   make browser-test   the page of the demo in Chromium, which it installs
#   make check-monitoring   what Prometheus says of deploy/monitoring and three nodes
#   make bench      the benchmark cases, see tests/bench
#   make man        the manual pages, in build/man
#   make mutants    changes one operator at a time and asks whether a test notices, see
#                   tests/mutants (N=, SEED=, ONLY=)
#   make install, uninstall, installcheck, dist, deb   with DESTDIR, prefix and the other variables
#                   of the GNU coding standards, see deploy/install.mk
#
#   SANITIZE=address,undefined | thread   build into build/SAN/ (also: make check-asan, check-tsan)
#   STOCK_LUA=1                           with Debian's Lua as it is, into build/stock/
#                                         (lua/vm/README.md)
#   FAULTS=1                              compile the named fault points in (make check-faults
#                                         tests them)
#   CHECKS=1                              check the order of locks, and must_slow; on with
#                                         SANITIZE= and FAULTS=

SHELL   := /bin/bash
comma   := ,
CHECKS  ?= $(if $(SANITIZE)$(FAULTS),1)
CHECKED := $(if $(FAULTS),/faults,$(if $(CHECKS),$(if $(SANITIZE),,/checks)))
SAN     := $(if $(SANITIZE),/san-$(subst $(comma),-,$(SANITIZE)))
B       := build$(if $(STOCK_LUA),/stock)$(SAN)$(CHECKED)
VERSION := $(shell sed -n 's/^## \([0-9][0-9.]*\).*/\1/p' CHANGELOG.md 2>/dev/null | head -1)

PKGS    := lua5.4 yaml-0.1 libsystemd sqlite3 $(if $(SANITIZE),,jemalloc)
# pkg-config runs only when something is compiled, so `make deps` works on a bare system.
PCFLAGS  = $(eval PCFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PKGS)))$(PCFLAGS)
PLIBS    = $(eval PLIBS := $$(shell $(PKG_CONFIG) --libs $(PKGS)))$(PLIBS)

# TSan follows setjmp, _setjmp and longjmp, but not the _longjmp by which Lua's errors leave C: each
# would leave its frames on TSan's own stack, which holds 65,536.
CHECKER := $(SANITIZE:%=-fsanitize=% -fno-sanitize-recover=all) \
           $(if $(findstring thread,$(SANITIZE)),-Wno-tsan -D_longjmp=longjmp)
CC      ?= gcc
CFLAGS  ?= -O2 -g
PKG_CONFIG ?= pkg-config
# WERROR= for compilers that nobody has tried yet.
WERROR  ?= -Werror
ALL     := -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra $(WERROR) -Wshadow -Wmissing-prototypes \
           -Wstrict-prototypes -Wno-unused-parameter -Wno-missing-field-initializers \
           -fno-strict-aliasing -fno-omit-frame-pointer -pthread -MMD -MP \
           -DHARBORD_VERSION='"$(or $(VERSION),0)"' \
           $(if $(FAULTS),-DFAULTS=1) $(if $(CHECKS),-DCHECKS=1) \
           $(CHECKER) $(CPPFLAGS)
# All symbols are bound at the start: who binds them later saves registers, with what secrets they
# hold, on a stack.
LINK    := -pthread -rdynamic -Wl,-z,relro,-z,now $(SANITIZE:%=-fsanitize=%)
VM_A    := $(B)/vm.a
LIBS     = $(VM_A) $(if $(VM_OWN),$(filter-out -llua5.4,$(PLIBS)),$(PLIBS)) -lm -ldl

# The C files of folders and of the rooms in them. Not lua/vm, which has a make file of its own, nor
# the rooms that become shared objects.
sources  = $(filter-out lua/vm/% $(LIBRARY_FOLDERS:%=%/%),$(sort $(shell find $(1) -name '*.c')))
objs     = $(patsubst %.c,$(B)/%.o,$(call sources,$(1)))
# Files with a main() stay out of the archives.
MAINS   := daemon/node/main.c daemon/ctl/main.c
LAYERS  := core net conf harbor lua
ARCHIVES := $(B)/lua.a $(B)/harbor.a $(B)/net.a $(B)/conf.a $(B)/core.a

.PHONY: all deps check check-asan check-tsan check-quick check-faults soak churn chaos chaos-deps \
        mutants format demo doc bench bench-deps clean \
        distclean layers unit fuzz-replay fuzz compile_commands tests-bin unit-bin chaos-bin \
        libraries
all: $(B)/harbord $(B)/harborctl libraries

# ---- C modules that need libraries which most nodes do without ----
# They are shared objects, opened when they are first required.
# $(call LIBRARY,path of the module,folder of its sources,names for pkg-config)
LIBRARY_FOLDERS :=
MODULES :=
define LIBRARY
LIBRARY_FOLDERS += $(2)
MODULES += $(B)/modules/$(1).so
libraries: $(B)/modules/$(1).so
$(B)/modules/$(1).so: $(patsubst %.c,$(B)/pic/%.o,$(sort $(wildcard $(2)/*.c)))
	@mkdir -p $$(@D)
	$$(CC) -shared $$(LINK) $$(LDFLAGS) -o $$@ $$^ $(if $(3),$$$$($(PKG_CONFIG) --libs $(3)))
endef
$(eval $(call LIBRARY,md5/core,lua/modules/md5,libcrypto))
$(eval $(call LIBRARY,skynet/crypt,lua/modules/crypt,libcrypto))
$(eval $(call LIBRARY,client/crypt,lua/modules/crypt,libcrypto))
$(eval $(call LIBRARY,skynet/dns/core,lua/modules/dns,libcares))
$(eval $(call LIBRARY,client/socket,lua/modules/client,))
$(eval $(call LIBRARY,ltls/c,lua/modules/ltls,libssl libcrypto))
$(eval $(call LIBRARY,ltls/init/c,lua/modules/ltls,libssl libcrypto))
$(eval $(call LIBRARY,http/deflate,lua/modules/deflate,zlib))
# The encryption of links is no module of Lua: its name ends in the number of its interface
# (SECURE_INTERFACE, harbor/secure/secure.h).
LIBRARY_FOLDERS += harbor/secure/openssl
MODULES += $(B)/modules/harbor-secure.so.1
libraries: $(B)/modules/harbor-secure.so.1
$(B)/modules/harbor-secure.so.1: $(patsubst %.c,$(B)/pic/%.o,$(wildcard harbor/secure/openssl/*.c))
	@mkdir -p $(@D)
	$(CC) -shared $(LINK) $(LDFLAGS) -o $@ $^ $$($(PKG_CONFIG) --libs libssl libcrypto)
# The registry in etcd is no module of Lua: its name ends in the number of its interface
# (REGISTRY_SYMBOL, harbor/registry/library.h).
LIBRARY_FOLDERS += harbor/registry/etcd
MODULES += $(B)/modules/harbor-etcd.so.1
libraries: $(B)/modules/harbor-etcd.so.1
$(B)/modules/harbor-etcd.so.1: $(patsubst %.c,$(B)/pic/%.o,$(wildcard harbor/registry/etcd/*.c))
	@mkdir -p $(@D)
	$(CC) -shared $(LINK) $(LDFLAGS) -o $@ $^ $$($(PKG_CONFIG) --libs libcurl libcrypto)
$(B)/pic/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL) $(CFLAGS) $(PCFLAGS) -fPIC -c -o $@ $<

# ---- programs ----
# Lua and jemalloc are linked in as archives, Lua with all of its API for C modules that programs
# load: calls without the detour over a table are worth 5 to 8 % of everything that is Lua, and
# Debian's shared jemalloc brings the C++ library along, 0.9 MiB of every process. Without an
# archive: the shared library.
archive   = $(wildcard $(shell $(CC) -print-file-name=$(1)))
LUA_A     = $(call archive,liblua5.4.a)
JEMALLOC_A = $(call archive,libjemalloc_pic.a)
archived  = $(if $(and $(filter -ljemalloc,$(1)),$(JEMALLOC_A)),$(JEMALLOC_A),$(1))
LINKED    = $(foreach l,$(filter-out $(VM_A),$(LIBS)),$(call archived,$l))
# What each message runs through comes first, the VM before it. So it lies where it lay, and is as
# fast as it was, when something else grows (tests/bench/RESULTS.md, "One layout is no figure").
VM_FIRST  = -Wl,--whole-archive $(VM_A) -Wl,--no-whole-archive
HOT       = $(foreach room,lua/host lua/api core/actor core/ds core/sched,$(call objs,$(room)))
# The C contract (lua/contract/include) is called by modules that programs load, by nothing of ours:
# one function of each of its files, so that the linker takes them out of the archive.
CONTRACT  = -Wl,-u,skynet_send,-u,skynet_malloc,-u,skynet_socket_listen
# And what shared objects of ours call of core/, while nothing in the program does.
OF_SHARED = -Wl,-u,jsonread,-u,secret_alloc,-u,file_read_secret
CONTRACT += $(OF_SHARED)
$(B)/harbord: $(HOT) $(B)/daemon/node/main.o $(B)/daemon.a $(ARCHIVES) $(VM_A)
	$(CC) $(LINK) $(CONTRACT) $(LDFLAGS) -o $@ $(VM_FIRST) $(filter-out $(VM_A),$^) $(LINKED)
$(B)/harborctl: $(B)/daemon/ctl/main.o $(B)/daemon.a $(B)/conf.a $(B)/core.a | $(VM_A)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

# A node as it will be so many versions of the protocol later, which speaks that one and the one
# before it (tests/cluster/protocol_versions): wire.o of its own comes before harbor.a's.
LATER     = $(B)/harbord-protocol-1 $(B)/harbord-protocol-2
PROTOCOL  = $(shell sed -n 's/^.define WIRE_VERSION \([0-9]*\)u/\1/p' harbor/protocol/wire.c)
$(B)/wire-later-%.o: harbor/protocol/wire.c
	@mkdir -p $(@D)
	$(CC) $(ALL) $(CFLAGS) $(PCFLAGS) -DWIRE_VERSION="($(PROTOCOL)u+$*u)" \
	    -DWIRE_VERSION_MIN="($(PROTOCOL)u+$*u-1u)" -c -o $@ $<
$(B)/harbord-protocol-%: $(B)/wire-later-%.o $(B)/daemon/node/main.o $(B)/daemon.a $(ARCHIVES) \
    $(VM_A)
	$(CC) $(LINK) $(CONTRACT) $(LDFLAGS) -o $@ $(VM_FIRST) $(filter-out $(VM_A),$^) $(LINKED)

# ---- one archive a layer: a wrong arrow fails at link time too ----
$(B)/core.a:   $(call objs,core)
$(B)/net.a:    $(call objs,net)
$(B)/conf.a:   $(call objs,conf)
$(B)/harbor.a: $(call objs,harbor)
$(B)/lua.a:    $(call objs,lua)
$(B)/daemon.a: $(filter-out $(MAINS:%.c=$(B)/%.o),$(call objs,daemon))
$(B)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) qcs $@ $^
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL) $(CFLAGS) $(PCFLAGS) -c -o $@ $<

# ---- Lua: Debian's source with our patch (lua/vm), else Debian's archive ----
# Fetched once, kept by `make clean`; tried again an hour after it failed, and by `make deps`.
# STOCK_LUA=1: not at all.
SOURCE   := build/lua-source
VM_STATE := $(SOURCE)/$(if $(STOCK_LUA),stock/)state
$(shell find $(SOURCE)/state -mmin +60 2>/dev/null | xargs -r grep -l '^stock' | xargs -r rm -f)
VM_OWN    = $(or $(LUA_A),$(filter shares,$(shell cat $(VM_STATE) 2>/dev/null)))
$(SOURCE)/state: lua/vm/get-source.sh lua/vm/lua-5.4.4.patch lua/vm/SHA256SUMS
	@lua/vm/get-source.sh $(@D)
$(SOURCE)/stock/state:
	@mkdir -p $(@D)
	@echo "stock by choice" >$@
VM_MAKE   = $(MAKE) --no-print-directory -f lua/vm/build.mk OUT=$(B)/vm \
            SOURCE=$(dir $(VM_STATE)) CC='$(CC)' \
            STOCK='$(LUA_A)' FLAGS='$(CFLAGS) $(CPPFLAGS) $(CHECKER)' \
            WERROR='$(WERROR)' PKG_CONFIG='$(PKG_CONFIG)'
$(VM_A): $(VM_STATE) $(wildcard lua/vm/*.[ch]) lua/vm/build.mk
	+@$(VM_MAKE)
	@touch $@
# Lua's interpreter over it, where it shares.
$(B)/vm/interpreters: $(VM_A) tests/vm/force.c
	+@if grep -q '^shares' $(VM_STATE); then $(VM_MAKE) $(B)/vm/lua $(B)/vm/lua-shared; fi
	@touch $@
# Lua's own tests of that version (testes/ of its repository), as they are and with everything that
# they load shared.
.PHONY: lua-tests vm-fuzz
lua-tests: $(B)/vm/interpreters
	@test -f '$(LUA_TESTS)/all.lua' || \
	    { echo "make lua-tests LUA_TESTS=DIR: the folder with Lua's all.lua" >&2; exit 1; }
	cd '$(LUA_TESTS)' && $(abspath $(B)/vm/lua) -e '_U=true' all.lua
	cd '$(LUA_TESTS)' && $(abspath $(B)/vm/lua-shared) -e '_U=true' all.lua
# Random programs on Debian's interpreter and on this VM, T seconds long.
vm-fuzz: $(B)/vm/interpreters
	/usr/bin/python3 tests/vm/fuzz.py --build $(B) --seconds $(or $(T),60) \
	    $(if $(SEED),--seed $(SEED)) --keep build

# ---- unit tests: one binary a file, linked with its layer and what lies below ----
UNIT     := $(patsubst %.c,$(B)/%,$(sort $(shell find tests/unit -name 'test_*.c')))
unitrule  = $$(filter $(B)/tests/unit/$(1)/%,$$(UNIT)): %: %.o $(2); \
            $$(CC) $$(LINK) $$(OF_SHARED) $$(LDFLAGS) -o $$@ $$^ -lcmocka $$(LIBS)
$(eval $(call unitrule,core,$(B)/core.a))
$(eval $(call unitrule,net,$(B)/net.a $(B)/core.a))
$(eval $(call unitrule,conf,$(B)/conf.a $(B)/core.a))
$(eval $(call unitrule,harbor,$(B)/harbor.a $(B)/net.a $(B)/core.a))
$(eval $(call unitrule,lua,$(B)/lua.a $(B)/net.a $(B)/core.a))
$(eval $(call unitrule,daemon,$(B)/daemon.a $(ARCHIVES)))

# ---- fuzzers: tests/fuzz/fuzz_LAYER_NAME.c with LLVMFuzzerTestOneInput, a corpus folder NAME.in/.
# replay: any compiler, walks the corpus. make fuzz TARGET=seri T=60: clang's libFuzzer.
FUZZ     := $(patsubst tests/fuzz/fuzz_%.c,$(B)/tests/fuzz/replay_%,\
            $(sort $(wildcard tests/fuzz/fuzz_*.c)))
$(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(ARCHIVES)
	$(CC) $(LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
# What parses within a shared object is in no archive.
FUZZ_crypt := lua/modules/crypt/codec.c lua/modules/crypt/des.c
$(B)/tests/fuzz/replay_crypt: $(FUZZ_crypt:%.c=$(B)/%.o)
FUZZ_deflate := lua/modules/deflate/deflate.c
$(B)/tests/fuzz/replay_deflate: $(FUZZ_deflate:%.c=$(B)/%.o)
$(B)/tests/fuzz/replay_deflate: LIBS += -lz
FUZZ_commands := $(addprefix daemon/admin/,config.c listing.c naming.c sockets.c timers.c) \
                 daemon/state/health.c daemon/state/inforce.c daemon/state/page.c \
                 daemon/state/cluster_sends.c daemon/state/exposition.c \
                 daemon/state/process.c daemon/state/trouble.c
FUZZ_commands += daemon/admin/clock.c daemon/admin/record.c
$(B)/tests/fuzz/replay_commands: $(FUZZ_commands:%.c=$(B)/%.o)
FUZZ_etcd := $(addprefix harbor/registry/etcd/,answer.c base64.c record.c)
$(B)/tests/fuzz/replay_etcd: $(FUZZ_etcd:%.c=$(B)/%.o)
FUZZ_dns := lua/modules/dns/lookup.c
$(B)/tests/fuzz/replay_dns: $(FUZZ_dns:%.c=$(B)/%.o)
$(B)/tests/fuzz/replay_dns: LIBS += -lcares
# The fuzzer holds records.c itself.
FUZZ_secure := $(filter-out %/records.c,$(wildcard harbor/secure/openssl/*.c))
$(B)/tests/fuzz/replay_secure: $(FUZZ_secure:%.c=$(B)/%.o)
$(B)/tests/fuzz/replay_secure: LIBS += -lssl -lcrypto
$(UNIT) $(FUZZ): $(VM_A)
# libFuzzer needs objects of its own; all fuzzers share them.
FUZZSRC   = lua/vm/stock.c $(call sources,core net conf harbor lua)
FUZZCC    = clang
FUZZOBJ   = $(patsubst %.c,build/fuzz/obj/%.o,tests/fuzz/fuzz_$(TARGET).c $(FUZZ_$(TARGET)) \
                $(FUZZSRC))
build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZCC) $(ALL) -O1 -g $(PCFLAGS) -fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<
ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
build/fuzz/$(TARGET): $(FUZZOBJ)
	$(FUZZCC) -pthread -fsanitize=fuzzer,address,undefined -o $@ $^ \
	    $(shell pkg-config --libs lua5.4 yaml-0.1 libsystemd sqlite3 libssl libcrypto libcares \
	        zlib) \
	    -lm -ldl
endif
fuzz: build/fuzz/$(TARGET)
	@mkdir -p build/fuzz/$(TARGET).new
	build/fuzz/$(TARGET) -max_total_time=$(or $(T),60) -artifact_prefix=build/fuzz/ \
	    -print_final_stats=1 build/fuzz/$(TARGET).new tests/fuzz/$(TARGET).in

# ---- what make check needs besides the programs ----
CMODS    := $(patsubst tests/lua/cmod/%.c,$(B)/tests/cmod/%.so,$(wildcard tests/lua/cmod/*.c))
$(B)/tests/cmod/%.so: tests/lua/cmod/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL) $(CFLAGS) $(PCFLAGS) -fPIC -shared -o $@ $< $(LIBS.$*)
LIBS.keyupdate := -lssl -lcrypto
# A bad network between namespaces, and a wall clock that jumps (tests/chaos). Without sanitizers:
# neither is what is tested, and the clock is loaded into programs of others.
CHAOS    := $(B)/tests/chaos/relay $(B)/tests/chaos/clock.so
PLAIN     = $(filter-out -fsanitize=% -fno-sanitize-%,$(ALL))
$(B)/tests/chaos/relay: tests/chaos/relay.c
	@mkdir -p $(@D)
	$(CC) $(PLAIN) $(CFLAGS) -o $@ $<
$(B)/tests/chaos/clock.so: tests/chaos/clock.c
	@mkdir -p $(@D)
	$(CC) $(PLAIN) $(CFLAGS) -fPIC -shared -o $@ $< -ldl
tests-bin: all $(UNIT) $(FUZZ) $(CMODS) $(CHAOS) $(LATER) $(B)/vm/interpreters
unit-bin: $(UNIT) libraries
chaos-bin: $(CHAOS)

# ---- set-up ----
DEPS       := gcc curl openssl make pkg-config python3 zsh liblua5.4-dev lua5.4 \
              libjemalloc-dev libyaml-dev libsystemd-dev libsqlite3-dev libssl-dev \
              iproute2 libcmocka-dev zlib1g-dev libc-ares-dev dpkg-dev patch redis-tools \
              mariadb-server-core mariadb-client-core postgresql-15 xz-utils groff-base \
              clang-format libbson-dev libcurl4-openssl-dev etcd-server
BENCH_DEPS := erlang-base erlang-dev linux-perf valgrind
# 80 MB to load and 300 MB on the disk, for the page of the demo alone: not for make check, which
# skips that group where there is no Chromium.
BROWSER_DEPS := chromium fonts-dejavu-core
MONITORING_DEPS := prometheus
FUZZ_DEPS  := clang libclang-rt-14-dev
deps:
	@deploy/install-deps.sh $(DEPS)
	@grep -sq '^shares' $(SOURCE)/state || rm -f $(SOURCE)/state
	@$(MAKE) --no-print-directory $(VM_STATE)
bench-deps:
	@deploy/install-deps.sh $(DEPS) $(BENCH_DEPS)
fuzz-deps:
	@deploy/install-deps.sh $(DEPS) $(FUZZ_DEPS)

# ---- tests: tests/run.py runs the groups and prints the closing line ----
JOBS := -j$(shell nproc)
# The unit tests run twice, the second time where the order of locks is checked.
check: deps
	@$(MAKE) --no-print-directory $(JOBS) tests-bin
	@$(MAKE) --no-print-directory $(JOBS) FAULTS=1 B=$(B)/faults all unit-bin
	@/usr/bin/python3 tests/run.py --build $(B)
check-faults:
	@$(MAKE) --no-print-directory $(JOBS) FAULTS=1 B=$(B)/faults all unit-bin
	@/usr/bin/python3 tests/run.py --build $(B) checks faults
check-quick:
	@$(MAKE) --no-print-directory $(JOBS) tests-bin
	@/usr/bin/python3 tests/run.py --build $(B) layers unit fuzz lua
check-asan:
	@$(MAKE) --no-print-directory $(JOBS) SANITIZE=address,undefined tests-bin
	@/usr/bin/python3 tests/run.py --build build/san-address-undefined \
	    layers unit fuzz lua cluster conformance
check-tsan:
	@$(MAKE) --no-print-directory $(JOBS) SANITIZE=thread tests-bin
	@/usr/bin/python3 tests/run.py --build build/san-thread unit lua cluster conformance

# Ten million calls with everything that dies in between: five minutes. Also under SANITIZE=, with
# fewer calls.
soak: all
	@/usr/bin/python3 tests/soak/soak.py --build $(B) $(if $(CALLS),--calls $(CALLS)) \
	    $(if $(SEED),--seed $(SEED))
	@/usr/bin/python3 tests/soak/agents/soak.py --build $(B) $(if $(ROUNDS),--rounds $(ROUNDS))

# The tests of tests/lua, recorded and replayed: three minutes.
.PHONY: replays
replays: all
	@/usr/bin/python3 tests/lua/replays.py --build $(B)

# A federation of CLUSTERS= harbor clusters with NODES= nodes each, all on this machine.
.PHONY: federation
federation: all
	@/usr/bin/python3 tests/bench/federation.py --build $(B) \
	    --clusters $(or $(CLUSTERS),4) --nodes $(or $(NODES),16)

# Random programs (SEEDS= of them), and services that come and go while they are looked at
# (T= seconds): longer than in make check. Also under SANITIZE=.
churn: tests-bin
	@HARBORD_SEEDS=1-$(or $(SEEDS),20000) HARBORD_TEST_LIMIT=3600 \
	    /usr/bin/python3 tests/lua/run.py --build $(B) tests/lua/test_random_waits.lua
	@LIFETIMES_SECONDS=$(or $(T),60) PYTHONPATH=tests/cluster \
	    /usr/bin/python3 tests/cluster/lifetimes/test.py --build $(B)

# Hostile clients of every kind in numbers, and what they cost those who behave: ten minutes.
.PHONY: hostile
hostile: all
	@HOSTILE=big PYTHONPATH=tests/cluster \
	    /usr/bin/python3 tests/cluster/hostile_town/test.py --build $(B)

# Histories of a cluster in simulated time, SEEDS= of them from SEED= on; SEED=N alone: that one,
# with its log.
.PHONY: sim
sim: unit-bin
	export SIM_SEED=$(or $(SEED),1) SIM_SEEDS=$(or $(SEEDS),$(if $(SEED),1,10000)); \
	    $(B)/tests/unit/harbor/link/test_moves && \
	    $(B)/tests/unit/harbor/protocol/test_leader && $(B)/tests/unit/harbor/test_sim

# Five nodes in network namespaces, faults from a seed, a checked history (tests/chaos).
# SEED=, SEEDS=, T= seconds a seed, NODES=, KINDS= of faults, TLS=1, ETCD=1. Needs root; what it
# leaves is in build/chaos. chaos-long: half an hour with and without a key and etcd.
CHAOS_DEPS := iproute2 nftables etcd-server
chaos-deps: deps
	@deploy/install-deps.sh $(CHAOS_DEPS)
RUN_CHAOS   = /usr/bin/python3 tests/chaos/chaos.py --build $(B) --verbose \
	    $(if $(SEED),--seed $(SEED)) $(if $(NODES),--nodes $(NODES)) \
	    $(if $(KINDS),--kinds $(KINDS)) $(if $(TLS),--tls) $(if $(ETCD),--etcd)
chaos: chaos-deps
	@$(MAKE) --no-print-directory $(JOBS) all chaos-bin
	@$(RUN_CHAOS) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(T),--seconds $(T)) || [ $$? -eq 77 ]
.PHONY: chaos-long
chaos-long: chaos-deps
	@$(MAKE) --no-print-directory $(JOBS) all chaos-bin
	@$(RUN_CHAOS) --mixed --seeds 4 --seconds 450 || [ $$? -eq 77 ]

# Real hosts: a systemd of its own each, in namespaces (tests/systemd). Needs root; where there can
# be none all of it is skipped, and that is a failure.
SYSTEMD_DEPS := debootstrap etcd-server logrotate
.PHONY: check-systemd
check-systemd: deps
	@deploy/install-deps.sh $(SYSTEMD_DEPS)
	@$(MAKE) --no-print-directory $(JOBS) all man
	@$(MAKE) --no-print-directory $(JOBS) FAULTS=1 B=$(B)/faults all
	@/usr/bin/python3 tests/run.py --build $(B) systemd

# The Debian packages: built in clean roots, for arm64 too, and through their life on a clean Debian
# that boots (tests/deb). Needs root and a mirror; the roots, 2 GB, are kept in
# /var/cache/harbord-tests.
PACKAGE_DEPS := debootstrap lintian buildah
.PHONY: check-deb
check-deb: deps
	@deploy/install-deps.sh $(PACKAGE_DEPS)
	@$(MAKE) --no-print-directory $(JOBS) $(VM_STATE) all chaos-bin
	@/usr/bin/python3 tests/run.py --build $(B) deb

# The page of the demo in a browser.
.PHONY: browser-test
browser-test: deps
	@deploy/install-deps.sh $(BROWSER_DEPS)
	@$(MAKE) --no-print-directory $(JOBS) all
	@/usr/bin/python3 tests/run.py --build $(B) browser

# /metrics and deploy/monitoring under the eyes of Prometheus.
.PHONY: check-monitoring
check-monitoring: deps
	@deploy/install-deps.sh $(MONITORING_DEPS)
	@$(MAKE) --no-print-directory $(JOBS) all
	@/usr/bin/python3 tests/run.py --build $(B) monitoring

# N= changes to operators and limits, one at a time, each in a tree of its own with the suites
# behind it: hours. SEED=, ONLY=harbor/link (below that path), AGAIN=build/mutants/survivors.txt
# (those of a run before).
mutants: deps
	@nice -n 10 /usr/bin/python3 tests/mutants/mutants.py --cc '$(CC)' \
	    $(if $(SEED),--seed $(SEED)) $(if $(N),--count $(N)) \
	    $(if $(ONLY),--only $(ONLY)) $(if $(AGAIN),--again $(AGAIN))

# Lays the C files out as .clang-format says.
format:
	@/usr/bin/python3 tests/style.py --write

demo: deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@/usr/bin/python3 deploy/demo/demo.py --build $(B) $(if $(KEEP),--keep)

# Committed, so that it can be read where the source is read; `make check` says when it is not
# current.
doc:
	@/usr/bin/python3 lua/doc/generate.py

bench: all
	@/usr/bin/python3 tests/bench/run.py $(B)/harbord --yardstick --record

include deploy/install.mk
tests-bin: $(MAN) $(COMPLETION)

clean:
	@mkdir -p build
	find build -mindepth 1 -maxdepth 1 ! -path $(SOURCE) -exec rm -rf {} +
distclean:
	rm -rf build

.SECONDARY:
-include $(shell find build \( -path build/mutants -o -path build/deb \) -prune -o \
    -type f -name '*.d' -print 2>/dev/null)

# Part of the Makefile: the manual pages, and what goes where when it is installed.
#
#   make install uninstall installcheck   DESTDIR= prefix= and the variables below
#   make dist       build/harbord-VERSION.tar.xz
#   make deb        Debian packages, in build/deb; see deploy/debian/README.source
#
# Nothing is written outside of DESTDIR, nothing is started, enabled or given to another user, and
# a file that is there already with the same content is left alone.

prefix        ?= /usr/local
exec_prefix   ?= $(prefix)
bindir        ?= $(exec_prefix)/bin
sbindir       ?= $(exec_prefix)/sbin
libexecdir    ?= $(exec_prefix)/libexec
libdir        ?= $(exec_prefix)/lib
includedir    ?= $(prefix)/include
datarootdir   ?= $(prefix)/share
datadir       ?= $(datarootdir)
mandir        ?= $(datarootdir)/man
docdir        ?= $(datarootdir)/doc/harbord
pkgconfigdir  ?= $(libdir)/pkgconfig
# Where harbord itself looks for its Lua files and its modules, seen from sbindir: ../share/harbord
# and ../lib/harbord.
pkgdatadir    ?= $(datadir)/harbord
pkglibdir     ?= $(libdir)/harbord
# Not below prefix: the units name them by systemd's %E, %S and %t.
sysconfdir    ?= /etc
localstatedir ?= /var
runstatedir   ?= /run
# systemd and the shells look below /usr/local and /usr alike. With another prefix these say where
# the host looks: systemdsystemunitdir=/etc/systemd/system.
systemdsystemunitdir ?= $(prefix)/lib/systemd/system
sysusersdir   ?= $(prefix)/lib/sysusers.d
tmpfilesdir   ?= $(prefix)/lib/tmpfiles.d
catalogdir    ?= $(prefix)/lib/systemd/catalog
presetdir     ?= $(prefix)/lib/systemd/system-preset
bashcompletiondir ?= $(datarootdir)/bash-completion/completions
zshcompletiondir  ?= $(datarootdir)/zsh/site-functions
INSTALL         ?= install
INSTALL_PROGRAM ?= $(INSTALL) -C -m 755
INSTALL_DATA    ?= $(INSTALL) -C -m 644

# ---- manual pages: deploy/man/*.in, filled with what the programs know of themselves ----
COMPLETION := $(B)/completion/harborctl.bash $(B)/completion/_harborctl
MAN      := $(patsubst deploy/man/%.in,$(B)/man/%,$(sort $(wildcard deploy/man/*.in)))
# Runs on the machine that builds, whatever harbord is built for.
BUILD_CC ?= $(CC)
KEYS     := deploy/man/keys.c conf/help.c conf/schema.c core/base/nearest.c core/base/must.c
.PHONY: man
man: $(MAN) $(COMPLETION)
$(B)/man/keys: $(KEYS) $(wildcard conf/*.h conf/*.def)
	@mkdir -p $(@D)
	$(BUILD_CC) -std=c11 -D_GNU_SOURCE -I. -o $@ $(KEYS)
$(MAN): $(B)/man/%: deploy/man/%.in deploy/man/make.py $(B)/man/keys \
        daemon/node/options.def daemon/ctl/options.def daemon/admin/commands.def
	@/usr/bin/python3 deploy/man/make.py --keys $(B)/man/keys --version $(or $(VERSION),0) \
	    --out $(@D) --page $*

# ---- completions of harborctl for shells, from the same lists ----
$(COMPLETION): $(B)/completion/%: deploy/completion/%.in deploy/completion/make.py \
        deploy/man/make.py daemon/ctl/options.def daemon/admin/commands.def \
        $(wildcard daemon/admin/*.c)
	@/usr/bin/python3 deploy/completion/make.py --out $(@D) --shell $*

# ---- what is installed: KIND|folder|file|name there ----
# PROGRAM, DATA, or FILLED: @names@ in it are replaced by the variables above. CONFIG is that, too,
# and whoever changed it keeps his.
place     = $(patsubst %/.,%,$(patsubst %/,%,$(1)))
below     = $(foreach f,$(shell cd $(3) && find . -type f $(4) | LC_ALL=C sort),\
            $(1)|$(call place,$(2)/$(dir $(f:./%=%)))|$(3)/$(f:./%=%)|$(notdir $(f)))
flat      = $(foreach f,$(sort $(3)),$(1)|$(2)|$(f)|$(notdir $(f)))
renamed   = $(foreach f,$(wildcard $(3)),$(1)|$(2)|$(f)|$(4))
unit      = $(wildcard $(foreach k,service socket target slice timer,systemd/*.$(k)$(1)))
FLEET_PROGRAMS = deploy/fleet/steps.sh deploy/fleet/host.sh
INSTALLED = $(strip \
	$(call flat,PROGRAM,$(sbindir),$(B)/harbord) \
	$(call flat,PROGRAM,$(bindir),$(B)/harborctl) \
	$(foreach m,$(sort $(MODULES)),$(call \
	    flat,DATA,$(call place,$(pkglibdir)/$(patsubst $(B)/modules/%,%,$(dir $(m)))),$(m))) \
	$(call below,DATA,$(pkgdatadir)/lua/lib,lua/lib,-name '*.lua') \
	$(call below,DATA,$(pkgdatadir)/lua/service,lua/service,-name '*.lua' -o -path './web/*') \
	$(call flat,DATA,$(includedir)/harbord,$(wildcard lua/contract/include/*.h)) \
	$(call renamed,FILLED,$(pkgconfigdir),lua/contract/harbord.pc.in,harbord.pc) \
	$(call below,DATA,$(docdir),lua/doc,-name '*.md' -not -path './ref/*') \
	$(call below,DATA,$(docdir)/library,lua/doc/library,-name '*.lua') \
	$(call below,DATA,$(docdir)/examples,conf,-name '*.yaml' -o -name main.lua) \
	$(call flat,DATA,$(docdir)/examples,deploy/fleet.yaml deploy/sysctl/60-harbor.conf \
	    systemd/notify-reload.conf) \
	$(call flat,PROGRAM,$(libexecdir)/harbord/fleet,$(FLEET_PROGRAMS)) \
	$(call flat,DATA,$(libexecdir)/harbord/fleet,$(filter-out $(FLEET_PROGRAMS),\
	    $(wildcard deploy/fleet/*.sh))) \
	$(foreach m,$(MAN),$(call flat,DATA,$(mandir)/man$(subst .,,$(suffix $(m))),$(m))) \
	$(call flat,DATA,$(systemdsystemunitdir),$(call unit)) \
	$(foreach u,$(call unit,.in),\
	    $(call renamed,FILLED,$(systemdsystemunitdir),$(u),$(notdir $(u:.in=)))) \
	$(call renamed,DATA,$(sysusersdir),systemd/harbor.sysusers,harbor.conf) \
	$(call renamed,DATA,$(tmpfilesdir),systemd/harbor.tmpfiles,harbor.conf) \
	$(call renamed,DATA,$(presetdir),systemd/harbor.preset,50-harbor.preset) \
	$(call renamed,CONFIG,$(sysconfdir)/logrotate.d,deploy/logrotate/harbord.in,harbord) \
	$(call flat,DATA,$(catalogdir),$(wildcard systemd/*.catalog)) \
	DATA|$(bashcompletiondir)|$(B)/completion/harborctl.bash|harborctl \
	DATA|$(zshcompletiondir)|$(B)/completion/_harborctl|_harborctl)
field     = $(word $(2),$(subst |, ,$(1)))
target    = $(DESTDIR)$(call field,$(1),2)/$(call field,$(1),4)
FILL      = sed $(foreach v,prefix bindir sbindir libexecdir includedir sysconfdir localstatedir \
            runstatedir pkgdatadir docdir,-e 's|@$(v)@|$($(v))|g') \
            -e 's|@version@|$(or $(VERSION),0)|g'

# A line of the recipe each; a file that is the same already keeps its time.
define put_PROGRAM
$(INSTALL_PROGRAM) $(call field,$(1),3) $(call target,$(1))

endef
define put_DATA
$(INSTALL_DATA) $(call field,$(1),3) $(call target,$(1))

endef
define put_FILLED
$(FILL) $(call field,$(1),3) | cmp -s - $(call target,$(1)) || { \
    rm -f $(call target,$(1)); $(FILL) $(call field,$(1),3) >$(call target,$(1)); \
    chmod 644 $(call target,$(1)); }

endef
define put_CONFIG
if [ ! -e $(call target,$(1)) ]; then \
    $(FILL) $(call field,$(1),3) >$(call target,$(1)) && chmod 644 $(call target,$(1)); \
elif ! $(FILL) $(call field,$(1),3) | cmp -s - $(call target,$(1)); then \
    echo "$(call target,$(1)): somebody changed it, and it stays"; fi

endef
define remove_CONFIG
if [ -e $(call target,$(1)) ] && ! $(FILL) $(call field,$(1),3) | cmp -s - $(call target,$(1)); \
then echo "$(call target,$(1)): somebody changed it, and it stays"; else \
    rm -f $(call target,$(1)); fi

endef
define remove
rm -f $(call target,$(1))

endef

.PHONY: install uninstall installcheck dist deb
.SILENT: install uninstall installcheck
install: all man $(COMPLETION)
	$(INSTALL) -d $(sort $(foreach i,$(INSTALLED),$(DESTDIR)$(call field,$(i),2)))
	$(foreach i,$(INSTALLED),$(call put_$(call field,$(i),1),$(i)))
# Folders that are ours alone go when they are empty.
OWN       = $(addprefix $(DESTDIR),$(libexecdir)/harbord $(pkglibdir) $(pkgdatadir) $(docdir) \
            $(includedir)/harbord)
uninstall:
	$(foreach i,$(INSTALLED),$(call remove$(if $(filter CONFIG|%,$(i)),_CONFIG),$(i)))
	find $(OWN) -depth -type d -exec rmdir --ignore-fail-on-non-empty {} + 2>/dev/null || true
# What is installed is what was built, and it runs from there.
installcheck: all man
	set -e; $(foreach i,$(filter-out FILLED% CONFIG%,$(INSTALLED)),\
	    cmp $(call field,$(i),3) $(call target,$(i));)
	$(DESTDIR)$(sbindir)/harbord --version
	$(DESTDIR)$(bindir)/harborctl --version
	set -e; for f in single master member; do \
	    $(DESTDIR)$(sbindir)/harbord --check $(DESTDIR)$(docdir)/examples/$$f.yaml; done

# ---- archives and packages ----
# What git knows, as it lies here; in a tree that is not a clone itself, all but what was built, for
# it may lie in somebody else's.
CLONE     = $(wildcard .git)
EPOCH     = $(or $(SOURCE_DATE_EPOCH),$(if $(CLONE),$(shell git log -1 --format=%ct)),\
            $(shell stat -c %Y CHANGELOG.md))
PACK      = $(if $(CLONE),git ls-files -z,find . \( -path ./build -o -name __pycache__ \) -prune \
            -o -type f -printf '%P\0') | LC_ALL=C sort -z | \
            tar -c --null --no-recursion -T - --transform 's,^,harbord-$(VERSION)/,' \
            --mtime=@$(EPOCH) --owner=0 --group=0 --numeric-owner --mode=go=rX,u+w
dist:
	@mkdir -p build
	@set -o pipefail; $(PACK) | xz >build/harbord-$(VERSION).tar.xz
	@echo build/harbord-$(VERSION).tar.xz
# DEB_HOST= another architecture. What of Lua's source was fetched goes along, so that the build
# needs no network. deb-stage: only the folder in which dpkg-buildpackage is run.
DEB_STAGE ?= build/deb/harbord-$(VERSION)
.PHONY: deb-stage
deb-stage: $(VM_STATE)
	@rm -rf $(DEB_STAGE)
	@mkdir -p $(DEB_STAGE)
	@set -o pipefail; $(PACK) | tar -x --strip-components=1 -C $(DEB_STAGE)
	@cp -a $(DEB_STAGE)/deploy/debian $(DEB_STAGE)/debian
	@$(if $(wildcard $(SOURCE)/*.dsc),mkdir $(DEB_STAGE)/debian/lua-source && \
	    cp -p $(SOURCE)/lua5.4_* $(DEB_STAGE)/debian/lua-source)
deb: deb-stage
	cd $(DEB_STAGE) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b \
	    $(if $(DEB_HOST),-a$(DEB_HOST) -Pcross$(comma)nocheck) $(DEB_FLAGS)
	@ls $(DEB_STAGE)/../*.deb

# For tests/install: what would be installed, a line each.
.PHONY: installed
installed:
	@printf '%s\n' $(foreach i,$(INSTALLED),$(call target,$(i)))

# The Lua that is linked in: OUT.a, of SOURCE (get-source.sh) and of our own files, or of the stock
# archive.
# From the main Makefile: make -f lua/vm/build.mk OUT= SOURCE= CC= FLAGS= STOCK= WERROR=
# PKG_CONFIG=
KIND := $(firstword $(shell cat $(SOURCE:%/=%)/state))
CORE := lapi lcode lctype ldebug ldo ldump lfunc lgc llex lmem lobject lopcodes lparser lstate \
        lstring ltable ltm lundump lvm lzio lauxlib lbaselib lcorolib ldblib liolib lmathlib \
        loadlib loslib lstrlib ltablib lutf8lib linit
OURS := map pool copy table walk frames
# As upstream builds for Linux; a function begins a line of the cache, without which a change in one
# place moves what is hot in another, worth 5 % up or down.
VM    = -std=gnu11 -D_GNU_SOURCE -DLUA_COMPAT_5_3 -DLUA_USE_LINUX -I$(SOURCE:%/=%)/lua -I. \
        -fno-strict-aliasing -falign-functions=64 -include lua/vm/jump.h \
        -MMD -MP -DLUA_VM_SOURCE='"$(word 2,$(shell cat $(SOURCE:%/=%)/state))"'
STRICT := -Wall -Wextra $(WERROR) -Wshadow

ifeq ($(KIND),shares)
OBJS := $(CORE:%=$(OUT)/%.o) $(OURS:%=$(OUT)/share_%.o)
$(OUT).a: $(OBJS)
	@rm -f $@
	$(AR) rcs $@ $^
else
$(OUT).a: $(OUT)/stock.o $(STOCK)
	@rm -f $@
	$(if $(STOCK),cp $(STOCK) $@)
	$(AR) rcs $@ $<
endif
$(OUT)/share_%.o: lua/vm/%.c
	@mkdir -p $(@D)
	$(CC) $(VM) $(FLAGS) $(STRICT) -c -o $@ $<
$(OUT)/stock.o: lua/vm/stock.c
	@mkdir -p $(@D)
	$(CC) -std=c11 $(FLAGS) $(STRICT) -I. $(shell $(PKG_CONFIG) --cflags lua5.4) -c -o $@ $<
$(OUT)/%.o: $(SOURCE:%/=%)/lua/%.c
	@mkdir -p $(@D)
	$(CC) $(VM) $(FLAGS) -c -o $@ $<
# Lua's own interpreter over this VM, for its test suite and the fuzzer; lua-shared runs all that it
# loads as shared code.
$(OUT)/lua: $(OUT)/lua.o $(OUT).a
	$(CC) -Wl,-E $(FLAGS) -o $@ $< -Wl,--whole-archive $(OUT).a -Wl,--no-whole-archive \
	    -lm -ldl -pthread
$(OUT)/lua-shared: $(OUT)/lua.o $(OUT)/share_force.o $(OUT).a
	$(CC) -Wl,-E -Wl,--wrap=lua_load,--wrap=luaL_openlibs $(FLAGS) -o $@ $(filter %.o,$^) \
	    -Wl,--whole-archive $(OUT).a -Wl,--no-whole-archive \
	    -lm -ldl -pthread
$(OUT)/share_force.o: tests/vm/force.c
	@mkdir -p $(@D)
	$(CC) $(VM) $(FLAGS) $(STRICT) -c -o $@ $<
-include $(wildcard $(OUT)/*.d)

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the changed Lua VM can do beyond Lua 5.4: objects that many states read.
 *
 * A root is an immutable tree of such objects, outside every state: the prototypes of a file
 * (share_code), or a table with all that is below it (share_table). The VM reads them like its own;
 * no lock, no copy, no proxy. With the stock VM (share_is_here: false) the same functions are there
 * and share nothing.
 *
 * Threads:   making: the thread of the state. share_ref, share_unref: any. Reading: any.
 * Ownership: counted. share_code and share_table give one reference. A state that uses a root needs
 *            one of its own that is given back after lua_close has returned, or when share_audit
 *            says that the state holds nothing of the root any more: its collector does not look
 *            after shared objects, and what is garbage in the state refers to them until swept.
 * Memory:    a root is outside the state's count. Short strings of code and the keys of tables go
 *            to a pool that all roots and states use and that is never freed, up to POOL_MAX.
 */
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct share_root;

/* What is linked in. */
bool share_is_here(void);
/* The number that the hashes of all strings of this process begin with, and so the order of pairs;
 * `first` if there is none yet. 0: it is not to be had (a stock VM). */
unsigned share_seed(unsigned first);
/* For people: which Lua this is. */
const char *share_vm(void);

/* The short strings that the state has by now are the pool's: states that are opened from here on
 * need none of their own for these. */
void share_names(lua_State *L);

/* The function on top of the stack, a main chunk as lua_load leaves it, runs shared code from here
 * on; NULL: it does not (not enough memory, not a Lua function, a stock VM) and nothing has
 * changed. */
struct share_root *share_code(lua_State *L);
/* Pushes a new closure of it, as lua_load does. Raises for lack of memory. */
void share_push_code(lua_State *L, struct share_root *r);

/* The table at index as a root. Tables, strings, booleans, numbers, light userdata, C functions
 * without upvalues and Lua functions without upvalues are what it may hold; the caller has checked
 * that, and that no table lies deeper than a few hundred. A shared table in it is copied. NULL: not
 * enough memory. */
struct share_root *share_table(lua_State *L, int index);
void share_push_table(lua_State *L, struct share_root *r);
/* Whether the value is a table of a root. */
bool share_is_table(lua_State *L, int index);

/* Calls f with the key and the value of each pair of the table at index, a shared one, on top of
 * the stack; what it pushes it pops. A table made for these sizes (lua_createtable: list, others)
 * whose pairs are put into it in this order has the order of this one, and so has what share_table
 * makes of it. Raises what f raises. */
struct share_sizes {
	unsigned list;	  /* places */
	unsigned in_list; /* pairs there, which come first */
	unsigned others;  /* pairs */
};
void share_get_sizes(lua_State *L, int index, struct share_sizes *ret);
void share_walk(lua_State *L, int index, void (*f)(lua_State *L, void *ud), void *ud);

/* When the last reference is given back, fn(data) is called, by whichever thread that is. Before it
 * is published. */
void share_set_end(struct share_root *r, void (*fn)(void *data), void *data);
/* The data, if that is the function. */
void *share_end_data(const struct share_root *r, void (*fn)(void *data));

struct share_root *share_ref(struct share_root *r);
/* The last one frees it. NULL: nothing. */
void share_unref(struct share_root *r_take);
size_t share_size(const struct share_root *r);
/* There is a newer version: whoever still uses this one may be asked to let it go. Any thread. */
void share_set_old(struct share_root *r);
bool share_is_old(const struct share_root *r);
/* How many tables, and how many references there are: for people, it may be over at once. */
unsigned share_tables(const struct share_root *r);
unsigned share_refs(const struct share_root *r);

/* ret_used[i]: the state refers to something of roots[i], a sorted list (by address). It looks at
 * every object that the state has, garbage that was not swept yet too, so after a full collection
 * it tells most. */
void share_audit(lua_State *L, struct share_root *const *roots, size_t n, bool *ret_used);

/* Every reference of the state to a table of `from` becomes one to the table at the same path in
 * `to`, or nil if there is none: in tables (as values), upvalues, locals, user values and
 * metatables. False: not enough memory, and nothing has changed. */
bool share_replace(lua_State *L, struct share_root *from, struct share_root *to);

struct share_stats {
	size_t pool_strings, pool_bytes; /* short strings */
	size_t roots, root_bytes;	 /* code and tables */
};
void share_stats(struct share_stats *ret);

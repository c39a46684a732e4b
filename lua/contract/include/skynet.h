/* SPDX-License-Identifier: MIT */
#ifndef HARBORD_SKYNET_H
#define HARBORD_SKYNET_H
/*
 * The C contract: what a C service, or a C library of a Lua service, may call. harbord exports the
 * functions; a module is built with `pkg-config --cflags harbord` as a shared object and linked
 * with nothing.
 *
 * A C service NAME is NAME.so, found through the configuration's cpath, with these functions (only
 * init is needed):
 *
 *   void *NAME_create(void);                          NULL: the launch fails
 *   int NAME_init(void *inst, struct skynet_context *ctx, const char *args);
 *                                                     not 0: the launch fails
 *   void NAME_release(void *inst);                    the last thing
 *   void NAME_signal(void *inst, int signal);         from another thread
 *
 * A C library of a Lua service finds its context as light userdata in the registry's field
 * "skynet_context".
 *
 * Threads: a service's functions and its callback run one at a time, on whichever worker it is.
 * skynet_send, skynet_sendname, skynet_error may be called with a context from threads of the
 * module's own too, as long as the service lives.
 */
#include <stddef.h>
#include <stdint.h>
#include "skynet_malloc.h"
#ifdef __cplusplus
extern "C" {
#endif

#define PTYPE_TEXT 0
#define PTYPE_RESPONSE 1
#define PTYPE_MULTICAST 2
#define PTYPE_CLIENT 3
#define PTYPE_SYSTEM 4
#define PTYPE_HARBOR 5
#define PTYPE_SOCKET 6
#define PTYPE_ERROR 7
#define PTYPE_RESERVED_QUEUE 8
#define PTYPE_RESERVED_DEBUG 9
#define PTYPE_RESERVED_LUA 10
#define PTYPE_RESERVED_SNAX 11

/* Flags beside the type. The first: the buffer, of skynet_malloc, is the framework's from now on,
 * also on failure. The second: the message gets a new session, and the session given is 0. */
#define PTYPE_TAG_DONTCOPY 0x10000
#define PTYPE_TAG_ALLOCSESSION 0x20000

struct skynet_context;

/* 0: the framework frees msg. Else it is the callee's, who frees it with skynet_free or sends it
 * on. */
typedef int (*skynet_cb)(struct skynet_context *ctx, void *ud, int type, int session,
			 uint32_t source, const void *msg, size_t sz);

/* A line of the log in the name of the service; ctx NULL: of the node. Any length. */
void skynet_error(struct skynet_context *ctx, const char *fmt, ...)
#if defined(__GNUC__)
	__attribute__((format(printf, 2, 3)))
#endif
	;

/* Runs one of the node's commands, whose arguments and results are texts: ABORT, EXIT, GETENV,
 * KILL, LAUNCH, LOGOFF, LOGON, MONITOR, NAME, QUERY, REG, SETENV, SIGNAL, STARTTIME, STAT, TIMEOUT.
 * Returns NULL, or a text that is valid until the next command of the same service. */
const char *skynet_command(struct skynet_context *ctx, const char *cmd, const char *parm);

/* ":hex" and ".name"; 0: nobody has the name, or it is a global one (logged). */
uint32_t skynet_queryname(struct skynet_context *ctx, const char *name);

/* Sends; source 0 is the service itself. Returns the session. -1: no such service on this node, or
 * destination 0 with data. -2: larger than a message can be. Other nodes and global names are never
 * refused here: a session gets its PTYPE_ERROR. Without PTYPE_TAG_DONTCOPY the data are copied.
 * Destination 0 without data only makes a session. */
int skynet_send(struct skynet_context *ctx, uint32_t source, uint32_t destination, int type,
		int session, void *msg, size_t sz);
/* The same to ":hex", ".name" or a global name. */
int skynet_sendname(struct skynet_context *ctx, uint32_t source, const char *destination, int type,
		    int session, void *msg, size_t sz);

/* Not 0: the handle belongs to another node. *ret_harbor (may be NULL) is the handle's upper
 * byte. */
int skynet_isremote(struct skynet_context *ctx, uint32_t handle, int *ret_harbor);

/* What gets the service's messages; NULL: they are thrown away. */
void skynet_callback(struct skynet_context *ctx, void *ud, skynet_cb cb);

/* The service that runs on this thread; elsewhere 0xffffffff. */
uint32_t skynet_current_handle(void);
/* Centiseconds since the node's start (skynet.now). */
uint64_t skynet_now(void);
/* "[:handle] info bytes" on stderr: what the service on this thread has in its Lua state. */
void skynet_debug_memory(const char *info);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/*
 * The C contract: include/skynet.h, include/skynet_env.h and include/lua-seri.h, for C services and
 * C Lua libraries. A context is a service, and nearly everything is a call into core.
 *
 * Nothing of harbord calls these functions: the linker is told to take them out of the archive, and
 * -rdynamic to let modules see them (Makefile).
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/node/command.h"
#include "core/node/env.h"
#include "core/log/log.h"
#include "core/actor/msg.h"
#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "lua/contract/contract_mem.h"
#include "lua/api/api_info.h"
#include "lua/contract/include/lua-seri.h"
#define SKYNET_MALLOC_PLAIN_NAMES
#include "lua/contract/include/skynet.h"
#include "lua/contract/include/skynet_env.h"
#include "net/pressure.h"

#define NO_SERVICE UINT32_MAX

_Static_assert(PTYPE_RESERVED_QUEUE == PTYPE_QUEUE && PTYPE_RESERVED_DEBUG == PTYPE_DEBUG &&
		       PTYPE_RESERVED_LUA == PTYPE_LUA && PTYPE_RESERVED_SNAX == PTYPE_SNAX,
	       "the contract's numbers are core's");

void skynet_error(struct skynet_context *ctx, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(NULL, LOG_LEVEL_INFO, ctx ? service_handle(contract_service(ctx)) : 0, fmt, ap);
	va_end(ap);
}

const char *skynet_command(struct skynet_context *ctx, const char *cmd, const char *parm)
{
	return command_run(contract_service(ctx), cmd, parm);
}

uint32_t skynet_queryname(struct skynet_context *ctx, const char *name)
{
	if (name[0] == ':' || name[0] == '.')
		return service_find(name);
	service_log(contract_service(ctx), LOG_LEVEL_ERROR, "Don't support query global name %s",
		    name);
	return 0;
}

/* ---- sending ---- */

/* The message, without receiver; NULL: it is too large. Takes msg if the type says so. */
static struct msg *make(struct service *s, uint32_t source, int type, int *session, void *msg,
			size_t sz)
{
	struct msg *m;

	if (type & PTYPE_TAG_ALLOCSESSION) {
		/* The original ends the process; a wrong session of one message is not worth
		 * everybody's end. */
		if (*session)
			service_log(s, LOG_LEVEL_ERROR,
				    "skynet_send: session %d given with PTYPE_TAG_ALLOCSESSION",
				    *session);
		*session = service_new_session(s);
	}
	if (!msg)
		m = msg_create(0);
	else if (type & PTYPE_TAG_DONTCOPY)
		m = msg_of(contract_payload(msg, sz));
	else
		m = msg_create_copy(msg, sz);
	*m = (struct msg){ .size = msg ? sz : 0,
			   .source = source ? source : service_handle(s),
			   .session = *session,
			   .type = (uint8_t)type };
	return m;
}

static int refuse(int type, void *msg, int result)
{
	if (type & PTYPE_TAG_DONTCOPY)
		skynet_free(msg);
	return result;
}

/* What is sent in another's name concerns him, too, if it cannot be delivered. A link that
 * refuses tells by PTYPE_ERROR. */
static bool deliver(struct service *s, const char *name, struct msg *m)
{
	bool own = m->source == service_handle(s);
	int r;

	if (own)
		r = name ? service_send_name(name, m) : service_send(m);
	else
		r = name ? service_forward_name(name, m) : service_forward(m);
	return r == SEND_OK || r == SEND_REFUSED;
}

int skynet_send(struct skynet_context *ctx, uint32_t source, uint32_t destination, int type,
		int session, void *msg, size_t sz)
{
	struct service *s = contract_service(ctx);
	struct msg *m;
	bool marked;

	if (sz > MSG_SIZE_MAX) {
		service_log(s, LOG_LEVEL_ERROR, "The message to %x is too large", destination);
		return refuse(type, msg, SEND_TOO_LARGE);
	}
	if (destination == 0 && msg) {
		service_log(s, LOG_LEVEL_ERROR, "Destination address can't be 0");
		return refuse(type, msg, SEND_NO_SERVICE);
	}
	m = make(s, source, type, &session, msg, sz);
	if (destination == 0) {
		msg_destroy(m);
		return session;
	}
	m->dest = destination;
	/* what a gate passes on (net/pressure.h) */
	marked = m->type == PTYPE_CLIENT && session > 0 && handle_is_local(destination) &&
		 net_pass_message(service_handle(s), m);
	if (deliver(s, NULL, m))
		return session;
	if (marked)
		net_passed(session);
	return SEND_NO_SERVICE;
}

int skynet_sendname(struct skynet_context *ctx, uint32_t source, const char *destination, int type,
		    int session, void *msg, size_t sz)
{
	struct service *s = contract_service(ctx);
	struct msg *m;

	if (sz > MSG_SIZE_MAX) {
		service_log(s, LOG_LEVEL_ERROR, "The message to %s is too large", destination);
		return refuse(type, msg, SEND_TOO_LARGE);
	}
	m = make(s, source, type, &session, msg, sz);
	return deliver(s, destination, m) ? session : SEND_NO_SERVICE;
}

/* ---- the service ---- */

int skynet_isremote(struct skynet_context *ctx, uint32_t handle, int *ret_harbor)
{
	unsigned harbor = handle >> 24;

	(void)ctx;
	if (ret_harbor)
		*ret_harbor = (int)harbor;
	return harbor != 0 && harbor != service_harbor();
}

void skynet_callback(struct skynet_context *ctx, void *ud, skynet_cb cb)
{
	/* the two types differ in the name of the context only */
	service_set_callback(contract_service(ctx), ud, (service_cb)(void *)cb);
}

uint32_t skynet_current_handle(void)
{
	struct service *s = service_current();

	return s ? service_handle(s) : NO_SERVICE;
}

uint64_t skynet_now(void)
{
	return clock_now_cs();
}

void skynet_debug_memory(const char *info)
{
	struct service *s = service_current();
	/* relaxed: a statistic */
	size_t bytes = s ? atomic_load_explicit(&s->memory, memory_order_relaxed) : 0;

	fprintf(stderr, "[:%08x] %s %p\n", skynet_current_handle(), info, (void *)bytes);
}

/* ---- lua-seri.h ---- */

int luaseri_pack(lua_State *L)
{
	return api_pack(L);
}

int luaseri_unpack(lua_State *L)
{
	return api_unpack(L);
}

const char *skynet_getenv(const char *key)
{
	return env_get(key);
}

void skynet_setenv(const char *key, const char *value)
{
	if (env_set(key, value) != 0)
		log_printf(LOG_LEVEL_ERROR, 0, "Can't setenv exist key : %s", key);
}

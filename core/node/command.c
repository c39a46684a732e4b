/* SPDX-License-Identifier: MIT */
/* The command table of the C contract: see command.h. One function a command, found by name. */
#include "core/node/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/node/env.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/node/msglog.h"
#include "core/actor/names.h"
#include "core/node/node.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "core/base/must.h"
#include "core/sched/timeout.h"

typedef const char *command_fn(struct service *s, const char *parm);

static const char *result(struct service *s, char *text_take)
{
	mem_free(s->command_result);
	s->command_result = text_take;
	return text_take;
}

/* ":hex" or ".name"; 0 after a log line for anything else, 0 silently for an unknown name. */
static uint32_t parse_address(struct service *s, const char *text)
{
	if (text && (text[0] == ':' || text[0] == '.'))
		return service_find(text);
	service_log(s, LOG_LEVEL_ERROR, "Can't convert %s to handle", text ? text : "nothing");
	return 0;
}

static const char *cmd_abort(struct service *s, const char *parm)
{
	(void)s;
	(void)parm;
	node_abort();
	return NULL;
}

static void end_service(uint32_t handle)
{
	uint32_t monitor = service_exit_monitor();

	if (monitor) {
		struct msg *m = msg_create(0);

		m->source = handle;
		m->dest = monitor;
		m->type = PTYPE_CLIENT;
		service_forward(m); /* a monitor that has ended misses nothing */
	}
	(void)service_retire(handle);
}

static const char *cmd_exit(struct service *s, const char *parm)
{
	(void)parm;
	service_log(s, LOG_LEVEL_INFO, "KILL self");
	end_service(service_handle(s));
	return NULL;
}

static const char *cmd_getenv(struct service *s, const char *parm)
{
	(void)s;
	return parm ? env_get(parm) : NULL;
}

static const char *cmd_kill(struct service *s, const char *parm)
{
	uint32_t handle = parse_address(s, parm);

	if (handle) {
		service_log(s, LOG_LEVEL_INFO, "KILL :%x", handle);
		end_service(handle);
	}
	return NULL;
}

static const char *cmd_launch(struct service *s, const char *parm)
{
	cleanup(mem_freep) char *line = mem_strdup(parm ? parm : "");
	char *args = line + strcspn(line, "\r\n");
	uint32_t handle;

	*args = 0;
	args = line + strcspn(line, " ");
	if (*args)
		*args++ = 0;
	args += strspn(args, " ");
	handle = service_launch(line, *args ? args : NULL);
	return handle ? result(s, mem_printf(":%08X", handle)) : NULL;
}

static const char *log_messages(struct service *s, const char *parm, bool open)
{
	uint32_t handle = parse_address(s, parm);

	if (handle)
		(void)msglog_ask(service_handle(s), handle, open);
	return NULL;
}

static const char *cmd_logoff(struct service *s, const char *parm)
{
	return log_messages(s, parm, false);
}

static const char *cmd_logon(struct service *s, const char *parm)
{
	return log_messages(s, parm, true);
}

static const char *cmd_monitor(struct service *s, const char *parm)
{
	if (!parm || !*parm) {
		uint32_t handle = service_exit_monitor();

		return handle ? result(s, mem_printf(":%x", handle)) : NULL;
	}
	uint32_t monitor = parse_address(s, parm);

	if (monitor)
		service_set_exit_monitor(monitor);
	return NULL;
}

static const char *cmd_name(struct service *s, const char *parm)
{
	cleanup(mem_freep) char *name = mem_strdup(parm ? parm : "");
	char *address = strchr(name, ' ');
	uint32_t handle;

	if (!address)
		return NULL;
	*address++ = 0;
	if (name[0] != '.') {
		service_log(s, LOG_LEVEL_ERROR, "Can't set global name %s in C", name);
		return NULL;
	}
	handle = address[0] == ':' ? service_find(address) : 0;
	if (!handle || names_register(name + 1, handle) != 0)
		return NULL;
	return result(s, mem_strdup(name + 1));
}

static const char *cmd_query(struct service *s, const char *parm)
{
	uint32_t handle = parm && parm[0] == '.' ? names_find(parm + 1) : 0;

	return handle ? result(s, mem_printf(":%x", handle)) : NULL;
}

static const char *cmd_reg(struct service *s, const char *parm)
{
	if (!parm || !*parm)
		return result(s, mem_printf(":%x", service_handle(s)));
	if (parm[0] != '.') {
		service_log(s, LOG_LEVEL_ERROR, "Can't register global name %s in C", parm);
		return NULL;
	}
	if (names_register(parm + 1, service_handle(s)) != 0)
		return NULL;
	return result(s, mem_strdup(parm + 1));
}

static const char *cmd_setenv(struct service *s, const char *parm)
{
	cleanup(mem_freep) char *key = mem_strdup(parm ? parm : "");
	char *value = strchr(key, ' ');

	if (!value)
		return NULL;
	*value++ = 0;
	/* The original ends the process here; one service's mistake is not worth everybody's
	 * end. */
	if (env_set(key, value) != 0)
		service_log(s, LOG_LEVEL_ERROR, "Can't setenv exist key : %s", key);
	return NULL;
}

static const char *cmd_signal(struct service *s, const char *parm)
{
	cleanup(mem_freep) char *address = mem_strdup(parm ? parm : "");
	char *sig = strchr(address, ' ');
	uint32_t handle;

	if (sig)
		*sig++ = 0;
	handle = parse_address(s, address);
	if (handle)
		(void)service_signal(handle, sig ? (int)strtol(sig, NULL, 0) : 0);
	return NULL;
}

static const char *cmd_starttime(struct service *s, const char *parm)
{
	(void)parm;
	return result(s, mem_printf("%u", clock_start_seconds()));
}

/* The configuration's `profile`. Times are taken in any case; this is what programs see of them. */
static bool profiled(void)
{
	const char *value = env_get("profile");

	return !value || strcmp(value, "true") == 0;
}

static const char *cmd_stat(struct service *s, const char *parm)
{
	/* relaxed, all of them: statistics */
	if (!parm)
		return "";
	if (strcmp(parm, "mqlen") == 0)
		return result(s, mem_printf("%u", mailbox_length(&s->mailbox)));
	if (strcmp(parm, "refused") == 0)
		return result(s,
			      mem_printf("%llu", (unsigned long long)mailbox_refused(&s->mailbox)));
	if (strcmp(parm, "endless") == 0)
		return atomic_exchange_explicit(&s->endless, false, memory_order_relaxed) ? "1"
											  : "0";
	if (strcmp(parm, "message") == 0)
		return result(s, mem_printf("%llu", (unsigned long long)atomic_load_explicit(
							    &s->messages, memory_order_relaxed)));
	uint64_t began = atomic_load_explicit(&s->turn_began_ns, memory_order_relaxed);
	uint64_t running = began ? clock_mono_ns() - began : 0;

	if (strcmp(parm, "time") == 0)
		return !profiled() ? "0"
				   : result(s, mem_printf("%lf", (double)running / NS_PER_SEC));
	if (strcmp(parm, "cpu") == 0)
		return result(s, mem_printf("%lf",
					    (double)(atomic_load_explicit(&s->cpu_ns,
									  memory_order_relaxed) +
						     running) /
						    NS_PER_SEC));
	return "";
}

static const char *cmd_timeout(struct service *s, const char *parm)
{
	long cs = parm ? strtol(parm, NULL, 10) : 0;
	int32_t session = service_new_session(s);

	/* The contract counts in 32 bits; more would not fit nanoseconds either. */
	cs = cs < 0 ? 0 : cs > INT32_MAX ? INT32_MAX : cs;
	(void)service_timeout(s, session, 0, (uint64_t)cs * NS_PER_CS);
	return result(s, mem_printf("%d", session));
}

static const struct command {
	const char *name;
	command_fn *run;
} commands[] = {
	/* sorted */
	{ "ABORT", cmd_abort },	  { "EXIT", cmd_exit },
	{ "GETENV", cmd_getenv }, { "KILL", cmd_kill },
	{ "LAUNCH", cmd_launch }, { "LOGOFF", cmd_logoff },
	{ "LOGON", cmd_logon },	  { "MONITOR", cmd_monitor },
	{ "NAME", cmd_name },	  { "QUERY", cmd_query },
	{ "REG", cmd_reg },	  { "SETENV", cmd_setenv },
	{ "SIGNAL", cmd_signal }, { "STARTTIME", cmd_starttime },
	{ "STAT", cmd_stat },	  { "TIMEOUT", cmd_timeout },
};

static int compare(const void *key, const void *item)
{
	return strcmp(key, ((const struct command *)item)->name);
}

const char *command_run(struct service *s, const char *command, const char *parm)
{
	const struct command *c = bsearch(command, commands, array_len(commands),
					  sizeof(commands[0]), compare);

	must(s && command);
	return c ? c->run(s, parm) : NULL;
}

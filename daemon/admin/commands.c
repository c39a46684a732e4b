/* SPDX-License-Identifier: MIT */
/*
 * Commands: see commands.h. A line is looked at, not taken apart, until it is clear who carries it
 * out: another node and our Lua service get it as it came. What is done here only reads what others
 * keep: each run_ function writes one JSON object or says why there is none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/sched/monitor.h"
#include "core/actor/group.h"
#include "core/actor/move.h"
#include "core/actor/names.h"
#include "core/node/single.h"
#include "core/sched/sched.h"
#include "core/actor/handle.h"
#include "core/actor/life.h"
#include "core/actor/service.h"
#include "core/sched/timer.h"
#include "daemon/admin/call.h"
#include "daemon/admin/calls.h"
#include "daemon/admin/clock.h"
#include "daemon/admin/commands.h"
#include "daemon/admin/commands_master.h"
#include "daemon/admin/dump.h"
#include "daemon/admin/config.h"
#include "daemon/admin/flame.h"
#include "daemon/admin/naming.h"
#include "daemon/admin/record.h"
#include "daemon/admin/sockets.h"
#include "daemon/admin/timers.h"
#include "daemon/admin/top.h"
#include "daemon/admin/gather.h"
#include "daemon/admin/history.h"
#include "daemon/admin/log_level.h"
#include "daemon/admin/why.h"
#include "daemon/admin/words.h"
#include "daemon/state/cluster_sends.h"
#include "daemon/state/health.h"
#include "daemon/state/inforce.h"
#include "daemon/state/info.h"
#include "daemon/state/page.h"
#include "daemon/state/status.h"
#include "daemon/state/trouble.h"
#include "harbor/harbor.h"
#include "net/info.h"

/* More than any name of a command has, with the escapes that it may be written with. */
#define COMMAND_NAME_MAX 64

static void (*stop_node)(void);
static bool (*reload_node)(const struct asker *who, const char *keys);

void commands_init(void (*stop)(void), bool (*reload)(const struct asker *who, const char *keys))
{
	must(stop && reload);
	stop_node = stop;
	reload_node = reload;
}

/* ---- status ---- */

static void stuck_workers(struct json *j)
{
	uint64_t now = clock_mono_ns();

	json_array(j, "stuck");
	for (unsigned i = 0; monitor_stuck() && i < sched_workers(); i++) {
		struct worker_view v;

		sched_view(i, &v);
		if (!v.handle || !v.turn_began_ns || now < v.turn_began_ns + MONITOR_CHECK_NS)
			continue;
		json_object(j, NULL);
		json_uint(j, "worker", i);
		json_handle(j, "handle", v.handle);
		json_seconds(j, "turn_seconds", now - v.turn_began_ns);
		json_object_end(j);
	}
	json_array_end(j);
}

static void add_trouble(const char *text, void *ud)
{
	json_string(ud, NULL, text);
}

static void warnings(struct json *j)
{
	char text[WARNING_MAX];

	json_array(j, "warnings");
	for (unsigned i = 0; info_warning(i, text); i++)
		json_string(j, NULL, text);
	trouble_foreach(add_trouble, j);
	json_array_end(j);
}

static void write_queues(struct json *j)
{
	struct net_stats s;

	net_get_stats(&s);
	json_uint(j, "write_queue_bytes", s.queued);
	json_uint(j, "write_queue_max_bytes", s.queued_max);
	json_uint(j, "sockets_closed_full", s.closed_full);
	json_uint(j, "writes_refused", s.refused);
	json_uint(j, "accepts_refused", s.accepts_refused);
}

static void write_security(struct json *j)
{
	struct harbor_security s;

	harbor_security(&s);
	json_bool(j, "encrypted", *s.kind != 0);
	if (*s.kind)
		json_string(j, "proof", s.kind);
	json_uint(j, "connections_accepted", s.accepted);
	json_uint(j, "connections_refused", s.refused);
	json_uint(j, "handshakes_failed", s.handshakes_failed);
	if (s.expires)
		json_double(j, "certificate_left_seconds", (double)s.expires - (double)time(NULL));
}

static const char *role(const struct info *info)
{
	if (!info->cluster)
		return "single";
	if (!info->master)
		return "member";
	return harbor_is_master() ? "master" : "candidate";
}

/* Says why not. A node that drains does as it was told. */
static bool is_healthy(char ret_why[HEALTH_WHY])
{
	char reason[REASON_MAX], unsaved[HARBOR_UNSAVED_MAX];

	if (!health_is_alive(ret_why) || (!move_is_draining() && !health_is_ready(ret_why)))
		return false;
	if (info_get()->cluster && harbor_is_unsaved(unsaved)) {
		snprintf(ret_why, HEALTH_WHY, "the registry cannot be saved: %s", unsaved);
		return false;
	}
	reason_get(reason);
	snprintf(ret_why, HEALTH_WHY, "%s", reason);
	return !*reason;
}

static void write_health(struct json *j)
{
	char why[HEALTH_WHY];
	bool healthy = is_healthy(why);

	json_bool(j, "healthy", healthy);
	if (!healthy)
		json_string(j, "unhealthy", why);
}

static enum result run_status(struct request *r)
{
	const struct info *info = info_get();
	char line[STATUS_MAX], reason[REASON_MAX], address[128];
	struct json *j = &r->j;

	status_line(line, sizeof(line));
	reason_get(reason);
	json_object(j, NULL);
	json_string(j, "node", info->node);
	json_string(j, "state", phase_name(phase_get()));
	json_string(j, "line", line);
	write_health(j);
	if (*reason)
		json_string(j, "reason", reason);
	json_uint(j, "harbor", phase_get() >= PHASE_STARTING ? service_harbor() : info->harbor);
	json_string(j, "role", role(info));
	if (info->cluster)
		json_string(j, "cluster", info->cluster);
	harbor_master_address(address, sizeof(address));
	if (*address)
		json_string(j, "master", address);
	if (info->cluster)
		write_security(j);
	json_uint(j, "pid", (uint64_t)getpid());
	json_string(j, "version", HARBORD_VERSION);
	if (*info->invocation_id)
		json_string(j, "invocation_id", info->invocation_id);
	if (*info->unit)
		json_string(j, "unit", info->unit);
	json_string(j, "build_id", info->build_id);
	json_string(j, "config", info->config_file);
	json_printf(j, "config_hash", "%016llx", (unsigned long long)info_config_hash());
	inforce_json(j);
	page_json(j);
	json_uint(j, "start_time_seconds", clock_start_seconds());
	json_double(j, "uptime_seconds", (double)(clock_uptime_ns() / NS_PER_SEC));
	json_uint(j, "workers", sched_workers());
	json_uint(j, "processors", sched_processors());
	json_uint(j, "services", service_count());
	if (info->cluster)
		json_uint(j, "forwarders", harbor_forwarders());
	json_uint(j, "sockets", net_count());
	json_uint(j, "timers", timer_count());
	write_queues(j);
	json_uint(j, "log_lines_dropped", log_dropped());
	json_string(j, "log_level", log_level_name(log_get_level()));
	cluster_sends_json(j);
	stuck_workers(j);
	warnings(j);
	json_object_end(j);
	return DONE;
}

/* ---- nodes and names ---- */

static void add_node(const struct harbor_node_info *n, void *ud)
{
	struct json *j = ud;

	json_object(j, NULL);
	json_uint(j, "harbor", n->id);
	json_string(j, "name", n->name);
	json_string(j, "address", n->address);
	json_string(j, "state", n->state);
	if (n->why[0])
		json_string(j, "why", n->why);
	json_bool(j, "master", n->master);
	json_bool(j, "draining", n->draining);
	json_uint(j, "since", n->since_wall_ns / NS_PER_SEC);
	if (n->rtt_ns)
		json_seconds(j, "rtt_seconds", n->rtt_ns);
	else /* nothing was measured yet, or it is this node */
		json_null(j, "rtt_seconds");
	json_uint(j, "messages_sent", n->sent);
	json_uint(j, "messages_received", n->received);
	json_uint(j, "sent_bytes", n->sent_bytes);
	json_uint(j, "received_bytes", n->received_bytes);
	json_uint(j, "queued_bytes", n->queued_bytes);
	json_uint(j, "unacknowledged_bytes", n->unacknowledged_bytes);
	json_uint(j, "frames_resent", n->resent);
	json_uint(j, "messages_lost", n->lost);
	json_uint(j, "messages_dropped", n->dropped);
	json_uint(j, "protocol", n->protocol);
	json_string(j, "cipher", n->cipher);
	json_string(j, "proof", n->proof);
	json_printf(j, "incarnation", "%016llx", (unsigned long long)n->incarnation);
	json_object_end(j);
}

static enum result run_nodes(struct request *r)
{
	json_object(&r->j, NULL);
	json_array(&r->j, "nodes");
	if (info_get()->cluster)
		harbor_foreach_node(add_node, &r->j);
	json_array_end(&r->j);
	json_object_end(&r->j);
	return DONE;
}

static void add_name(struct json *j, const char *dot, const char *name, uint32_t handle,
		     uint64_t fence, uint64_t since)
{
	json_object(j, NULL);
	json_printf(j, "name", "%s%s", dot, name);
	json_handle(j, "handle", handle);
	if (fence)
		json_uint(j, "fence", fence);
	json_string(j, "scope", *dot ? "local" : "global");
	json_uint(j, "since", since / NS_PER_SEC);
	json_object_end(j);
}

static void add_local_name(const char *name, uint32_t handle, uint64_t since, void *ud)
{
	add_name(ud, ".", name, handle, 0, since);
}

static void add_single_name(const char *name, uint32_t handle, uint64_t fence, uint64_t since,
			    void *ud)
{
	if (name[0] != ':') /* a membership: see groups */
		add_name(ud, "", name, handle, fence, since);
}

static void add_global_name(const struct harbor_name_info *n, void *ud)
{
	if (n->name[0] != ':')
		add_name(ud, "", n->name, n->handle, n->fence, n->since_wall_ns);
}

static void add_waiting(const char *name, uint32_t handle, void *ud)
{
	json_object(ud, NULL);
	json_string(ud, "name", name);
	json_handle(ud, "handle", handle);
	json_object_end(ud);
}

static enum result run_names(struct request *r)
{
	bool waiting = r->n == 1 && strcmp(r->args[0], "--waiting") == 0;

	if (r->n == 1 && !waiting)
		return request_fail(
			r, "names takes --waiting, --transfer NAME HANDLE or --release NAME");
	json_object(&r->j, NULL);
	json_array(&r->j, waiting ? "waiting" : "names");
	if (!waiting)
		names_foreach(add_local_name, &r->j);
	if (!waiting && info_get()->cluster)
		harbor_foreach_name(add_global_name, &r->j);
	else if (!waiting)
		single_foreach_name(add_single_name, &r->j);
	else if (info_get()->cluster)
		harbor_foreach_waiting(add_waiting, &r->j);
	else
		single_foreach_waiting(add_waiting, &r->j);
	json_array_end(&r->j);
	json_object_end(&r->j);
	return DONE;
}

static void add_member(struct json *j, const char *name, uint64_t since)
{
	char group[REMOTE_NAME_SIZE];
	uint32_t handle;

	if (!group_of_key(name, group, &handle))
		return;
	json_object(j, NULL);
	json_string(j, "group", group);
	json_handle(j, "handle", handle);
	json_uint(j, "since", since / NS_PER_SEC);
	json_object_end(j);
}

static void add_single_member(const char *name, uint32_t handle, uint64_t fence, uint64_t since,
			      void *ud)
{
	(void)handle;
	(void)fence;
	add_member(ud, name, since);
}

static void add_global_member(const struct harbor_name_info *n, void *ud)
{
	add_member(ud, n->name, n->since_wall_ns);
}

static enum result run_groups(struct request *r)
{
	json_object(&r->j, NULL);
	json_array(&r->j, "members");
	if (info_get()->cluster)
		harbor_foreach_name(add_global_member, &r->j);
	else
		single_foreach_name(add_single_member, &r->j);
	json_array_end(&r->j);
	json_object_end(&r->j);
	return DONE;
}

/* ---- services ---- */

struct service_listing {
	struct json *j;
	struct naming names;
	uint64_t now;
};

/* Whether it is in one turn for so long that the overseer reports it. The flag that STAT endless
 * reads says whether it has been since that was last asked. */
static bool runs_endlessly(const struct service *s, uint64_t now)
{
	uint64_t began = atomic_load_explicit(&s->turn_began_ns, memory_order_relaxed);

	return began && now >= began + MONITOR_CHECK_NS;
}

static void add_service(struct service *s, void *ud)
{
	struct service_listing *l = ud;
	struct json *j = l->j;

	json_object(j, NULL);
	/* constant while we hold the reference */
	naming_json(&l->names, j, service_handle(s), s->args);
	/* relaxed loads: statistics */
	json_uint(j, "mailbox_messages", mailbox_length(&s->mailbox));
	json_uint(j, "mailbox_max_messages", mailbox_bound(&s->mailbox));
	json_uint(j, "messages_refused", mailbox_refused(&s->mailbox));
	json_uint(j, "messages", atomic_load_explicit(&s->messages, memory_order_relaxed));
	json_seconds(j, "cpu_seconds", atomic_load_explicit(&s->cpu_ns, memory_order_relaxed));
	json_uint(j, "memory_bytes", atomic_load_explicit(&s->memory, memory_order_relaxed));
	json_uint(j, "errors", atomic_load_explicit(&s->errors, memory_order_relaxed));
	json_bool(j, "endless", runs_endlessly(s, l->now));
	json_object_end(j);
}

static enum result run_services(struct request *r)
{
	struct service_listing l = { .j = &r->j, .now = clock_mono_ns() };

	naming_init(&l.names);
	json_object(&r->j, NULL);
	json_array(&r->j, "services");
	service_foreach(add_service, &l);
	json_array_end(&r->j);
	json_object_end(&r->j);
	naming_fini(&l.names);
	return DONE;
}

/* ---- the rest ---- */

static enum result run_stop(struct request *r)
{
	log_info("asked to stop by harborctl");
	stop_node();
	json_object(&r->j, NULL);
	json_string(&r->j, "state", "stopping");
	json_object_end(&r->j);
	return DONE;
}

static enum result run_reload(struct request *r)
{
	const char *keys = r->n == 2 && strcmp(r->args[0], "--keys") == 0 ? r->args[1] : NULL;

	if (r->n && (!keys || *keys != '/'))
		return request_fail(r, "reload, or reload --keys FILE, whose path begins with /");
	return reload_node(r->who, keys) ? LATER : request_fail(r, "too many reloads wait already");
}

static const struct command {
	const char *name, *usage;
	int min, max;	/* arguments */
	command_fn run; /* NULL: our Lua service knows how */
} commands[] = {
#define USAGE(name, usage) #name, "wrong number of arguments; usage: harborctl " #name " " usage
#define COMMAND(name, min, max, usage, help) { USAGE(name, usage), min, max, run_##name },
#define LUA_COMMAND(name, min, max, usage, help) { USAGE(name, usage), min, max, NULL },
#include "daemon/admin/commands.def"
#undef USAGE
};

/* "log-level" is how people write the name log_level. */
static bool same_name(const char *name, const char *word)
{
	while (*name && (*name == *word || (*name == '_' && *word == '-')))
		name++, word++;
	return !*name && !*word;
}

struct wanted_node {
	const char *name; /* or the id */
	unsigned id, by_name, count;
};

/* An id is one node; a name is a label, which several may have. */
static void match_node(const struct harbor_node_info *n, void *ud)
{
	struct wanted_node *w = ud;
	char id[12];

	snprintf(id, sizeof(id), "%u", n->id);
	if (strcmp(id, w->name) == 0)
		w->id = n->id;
	if (strcmp(n->name, w->name) == 0) {
		w->by_name = n->id;
		w->count++;
	}
}

static bool is_own_id(const char *node)
{
	char id[12];

	snprintf(id, sizeof(id), "%u", harbor_id());
	return info_get()->cluster && strcmp(id, node) == 0;
}

static enum result forward(struct request *r, const char *node, const char *line)
{
	struct wanted_node w = { .name = node };

	if (info_get()->cluster)
		harbor_foreach_node(match_node, &w);
	if (!w.id && w.count > 1)
		return request_fail(r, "several nodes have this name: say which by its harbor id "
				       "(harborctl nodes)");
	if (!w.id)
		w.id = w.by_name;
	if (!w.id)
		return request_fail(r, "no such node in the cluster (harborctl nodes)");
	call_node(r->who, w.id, line);
	return LATER;
}

/* The command that a line begins with; NULL: there is none of that name. */
static const struct command *find_command(const char *line)
{
	size_t n = strcspn(line, " ");
	char word[COMMAND_NAME_MAX], *words[WORDS_MAX];

	if (n >= sizeof(word))
		return NULL;
	memcpy(word, line, n);
	word[n] = 0;
	(void)words_split(word, words);
	for (unsigned i = 0; i < array_len(commands); i++)
		if (same_name(commands[i].name, word))
			return &commands[i];
	return NULL;
}

/* Takes the words of the line apart only if it is for us: it goes to others as it came. */
static enum result run_line(struct request *r, char *line)
{
	const struct command *c = find_command(line);
	int n = words_count(line) - 1;
	char *words[WORDS_MAX];

	if (!c)
		return request_fail(r, "unknown command");
	if (n < c->min || n > c->max)
		return request_fail(r, c->usage);
	if (c->run == run_names && n > 1) /* by hand */
		return run_at_master(r, line);
	if (!c->run) {
		call_lua(r->who, line);
		return LATER;
	}
	r->n = words_split(line, words) - 1;
	r->args = words + 1;
	return c->run(r);
}

/* A line for a node: "@NODE", and what that is to do. */
static enum result run_for_node(struct request *r, char *line)
{
	char *rest = strchr(line, ' '), *words[WORDS_MAX];
	const char *node = line + 1;
	const struct command *c;

	if (!rest)
		return request_fail(r, "no command");
	*rest++ = 0;
	(void)words_split(line, words);
	if (strcmp(node, "*") == 0) {
		c = find_command(rest);
		gather_ask(r->who, rest, commands_serve, c && c->run == run_stop);
		return LATER;
	}
	if (strcmp(node, info_get()->node) == 0 || is_own_id(node))
		return run_line(r, rest);
	return forward(r, node, rest);
}

static enum result run(struct request *r, char *line)
{
	int n = words_count(line);

	if (n < 0 || n > (int)WORDS_MAX || (*line == '@' && r->who->is_node))
		return request_fail(r, "malformed request");
	return *line == '@' ? run_for_node(r, line) : run_line(r, line);
}

void commands_serve(const struct asker *who, char *line)
{
	struct request r = { .who = who };

	must(who->answer && stop_node);
	json_init(&r.j);
	switch (run(&r, line)) {
	case DONE:
		asker_answer(who, &r.j);
		break;
	case FAILED:
		asker_refuse(who, r.error);
		break;
	case LATER:
		break;
	}
	json_fini(&r.j);
}

/* SPDX-License-Identifier: MIT */
/* Commands about the master. A move and a backup take their time: who asked is told at the end. */
#include "daemon/admin/commands_master.h"

#include <string.h>

#include "core/actor/group.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "daemon/admin/call.h"
#include "daemon/admin/listing.h"
#include "daemon/state/info.h"
#include "harbor/harbor.h"

enum result run_forget(struct request *r)
{
	static _Thread_local char why[200];

	if (!info_get()->cluster)
		return request_fail(r, "a single node has no master");
	r->error = harbor_forget(r->args[0], why, sizeof(why));
	if (r->error)
		return FAILED;
	json_object(&r->j, NULL);
	json_string(&r->j, "forgotten", r->args[0]);
	json_object_end(&r->j);
	return DONE;
}

static void find_master(const struct harbor_node_info *n, void *ud)
{
	if (n->master)
		*(unsigned *)ud = n->id;
}

enum result run_at_master(struct request *r, const char *line)
{
	unsigned id = 0;

	if (info_get()->cluster && !r->who->is_node && !harbor_is_master())
		harbor_foreach_node(find_master, &id);
	if (id)
		call_node(r->who, id, line);
	else
		call_lua(r->who, line);
	return LATER;
}

static void add_candidate(struct json *j, const struct registry_leader *c)
{
	json_object(j, NULL);
	json_string(j, "name", c->name);
	json_string(j, "address", c->address);
	json_uint(j, "since", c->since_wall_ns / NS_PER_SEC);
	json_object_end(j);
}

static void shared_registry(struct json *j, const struct harbor_master_info *m)
{
	json_bool(j, "registry_answers", m->reached);
	if (m->why[0])
		json_string(j, "registry_error", m->why);
	json_uint(j, "members_waiting", m->waiting);
	json_array(j, "candidates");
	for (unsigned i = 0; i < m->view.count; i++)
		add_candidate(j, &m->view.candidates[i]);
	json_array_end(j);
}

static enum result show_master(struct request *r)
{
	struct harbor_master_info *m = mem_zalloc(sizeof(*m));
	struct json *j = &r->j;
	char address[128];

	harbor_master(m);
	harbor_master_address(address, sizeof(address));
	json_object(j, NULL);
	json_string(j, "role", !m->registry ? "member" : m->leads ? "master" : "candidate");
	if (m->leads)
		json_string(j, "leader", info_get()->node);
	else if (m->view.leader.name[0])
		json_string(j, "leader", m->view.leader.name);
	json_string(j, "address", address);
	if (m->leads)
		json_uint(j, "since", m->since_wall_ns / NS_PER_SEC);
	else if (m->view.leader.name[0])
		json_uint(j, "since", m->view.leader.since_wall_ns / NS_PER_SEC);
	if (m->registry) {
		json_string(j, "registry", m->registry);
		json_double(j, "save_seconds", m->save_ms / 1000);
		json_bool(j, "saving", m->saving);
		if (m->unsaved[0])
			json_string(j, "save_error", m->unsaved);
	}
	if (m->registry && strcmp(m->registry, "etcd") == 0)
		shared_registry(j, m);
	json_object_end(j);
	mem_free(m);
	return DONE;
}

/* Who waits for the end of something, and what he is told then. */
struct waiting_asker {
	struct asker who;
	const char *key;
	size_t limit;
	char text[1];
};

static struct waiting_asker *wait_for_end(const struct request *r, const char *key,
					  const char *text)
{
	struct waiting_asker *w = mem_zalloc(sizeof(*w) + strlen(text));

	w->who = *r->who;
	w->key = key;
	memcpy(w->text, text, strlen(text) + 1);
	return w;
}

/* On the loop. */
static void tell_end(const char *why_not, void *ud)
{
	struct waiting_asker *w = ud;
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	json_string(&j, w->key, w->text);
	json_object_end(&j);
	if (why_not)
		asker_refuse(&w->who, why_not);
	else
		asker_answer(&w->who, &j);
	json_fini(&j);
	mem_free(w);
}

static enum result begun(struct request *r, struct waiting_asker *w, const char *why_not)
{
	if (!why_not)
		return LATER;
	mem_free(w);
	return request_fail(r, why_not);
}

enum result run_master(struct request *r)
{
	static _Thread_local char why[200];
	const char *to = r->n == 2 ? r->args[1] : "";
	struct waiting_asker *w;

	if (!info_get()->cluster)
		return request_fail(r, "a single node has no master");
	if (!r->n)
		return show_master(r);
	if (strcmp(r->args[0], "move") != 0)
		return request_fail(r, "usage: harborctl master [move [NODE]]");
	w = wait_for_end(r, "moved", *to ? to : "to another candidate");
	return begun(r, w, harbor_move(to, tell_end, w, why, sizeof(why)) ? NULL : why);
}

/* ---- registry ---- */

static void add_kept_node(struct json *j, const struct registry_node *n)
{
	json_object(j, NULL);
	json_uint(j, "harbor", n->id);
	json_string(j, "name", n->name);
	json_string(j, "address", n->address);
	json_string(j, "state", n->up ? "up" : "gone");
	json_bool(j, "named", n->named);
	json_printf(j, "incarnation", "%016llx", (unsigned long long)n->epoch);
	json_uint(j, "handles_used", n->births);
	json_object_end(j);
}

static void add_kept_name(struct json *j, const struct registry_change *c)
{
	char group[REMOTE_NAME_SIZE];
	uint32_t member;
	bool is_member = group_of_key(c->name, group, &member);

	json_object(j, NULL);
	json_string(j, "scope", is_member ? "group" : "global");
	json_string(j, "name", is_member ? group : c->name);
	json_handle(j, "handle", is_member ? member : c->handle);
	json_uint(j, "fence", c->fence);
	json_object_end(j);
}

/* Writes the nodes that are kept, or the names. Returns how many rows were left off. */
static size_t add_kept(struct json *j, const struct registry_content *c, bool names, size_t limit)
{
	size_t n = 0;

	json_array(j, names ? "names" : "nodes");
	for (size_t i = 0; i < c->count; i++) {
		if (c->items[i].is_name != names || n++ >= limit)
			continue;
		if (names)
			add_kept_name(j, &c->items[i]);
		else
			add_kept_node(j, &c->items[i].node);
	}
	json_array_end(j);
	return n > limit ? n - limit : 0;
}

/* On the loop. */
static void tell_registry(const struct registry_content *content, const char *error, void *ud)
{
	struct waiting_asker *w = ud;
	size_t left;
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	json_string(&j, "registry", w->text);
	if (content) {
		json_uint(&j, "revision", content->number);
		left = add_kept(&j, content, false, w->limit);
		left += add_kept(&j, content, true, w->limit);
		json_uint(&j, "left_off", left);
	}
	json_object_end(&j);
	if (content)
		asker_answer(&w->who, &j);
	else
		asker_refuse(&w->who, error);
	json_fini(&j);
	mem_free(w);
}

static enum result show_registry(struct request *r)
{
	struct harbor_master_info *m;
	struct listing wanted;
	const char *why = listing_parse(r, NULL, &wanted);
	struct waiting_asker *w;

	if (why)
		return request_fail(r, why);
	m = mem_zalloc(sizeof(*m));
	harbor_master(m);
	w = wait_for_end(r, NULL, m->registry ? m->registry : "");
	w->limit = wanted.limit;
	mem_free(m);
	return begun(r, w, harbor_read_registry(tell_registry, w));
}

enum result run_registry(struct request *r)
{
	struct waiting_asker *w;

	if (!info_get()->cluster)
		return request_fail(r, "a single node has no registry");
	if (r->n != 2 || strcmp(r->args[0], "backup") != 0)
		return show_registry(r);
	w = wait_for_end(r, "written", r->args[1]);
	return begun(r, w, harbor_backup(r->args[1], tell_end, w));
}

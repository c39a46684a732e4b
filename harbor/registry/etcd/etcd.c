/* SPDX-License-Identifier: MIT */
/*
 * The registry in etcd, for several candidates. Its keys, below PREFIX/CLUSTER/:
 *
 *   candidates/NAME   a candidate that is there, at its lease
 *   leader            the candidate who leads, at his lease
 *   next              the candidate to whom the last leader gave the lead, at that leader's lease
 *   nodes/ID, names/NAME   what is kept
 *   number            the highest number that was given; every save changes it
 *   restored          somebody put it there: what is kept is older than what was given out
 *
 * Each save is one transaction or several, each on two conditions: `leader` is the key that we
 * created, so nobody saves who does not lead; and `number` was changed last by us, so an attempt of
 * ours that was given up, and arrives late, changes nothing any more.
 *
 * Threads: one at a time. A lease is counted from the moment when it is asked for.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/log/log.h"
#include "harbor/registry/etcd/answer.h"
#include "harbor/registry/etcd/client.h"
#include "harbor/registry/etcd/question.h"
#include "harbor/registry/etcd/record.h"
#include "harbor/registry/library.h"

#define KEY_MAX 512
/* etcd takes 128 changes at once, if nobody told it otherwise; the number is one of them. */
#define BATCH_MAX 120u
#define PAGE 200u
/* Somebody else's hand, or an attempt of ours that came late, changed `number`: so often. */
#define TRIES 5

static struct {
	struct registry_config config;
	struct client *client;
	char prefix[KEY_MAX / 2];	    /* with a slash at its end */
	uint64_t lease, lease_at, lease_ns; /* 0: none */
	bool reached;			    /* the last question was answered */
	uint64_t leader_created;	    /* of the lead that is ours; 0: we do not lead */
	uint64_t number_changed;
	bool restored;
} E;

/* ---- asking ---- */

static const char *key(char ret[KEY_MAX], const char *format, ...) printf_like(2, 3);

static const char *key(char ret[KEY_MAX], const char *format, ...)
{
	size_t n = (size_t)snprintf(ret, KEY_MAX, "%s", E.prefix);
	va_list ap;

	va_start(ap, format);
	vsnprintf(ret + n, KEY_MAX - n, format, ap);
	va_end(ap);
	return ret;
}

/* The key behind the prefix of the cluster, if it begins so; else NULL. */
static const char *below(const char *whole, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(whole, prefix, n) == 0 ? whole + n : NULL;
}

static int ask_text(const char *path, const char *text, const char **ret_body, size_t *ret_size)
{
	int r = client_ask(E.client, path, text, ret_body, ret_size);

	E.reached = r == 0;
	return r;
}

#define TXN_PATH "/v3/kv/txn"

/* Ends the question, and frees it. */
static int ask_txn(struct question *q, struct etcd_result *ret, etcd_key_fn *f, void *ud)
{
	cleanup(mem_freep) char *text = question_end(q);
	const char *body;
	size_t n;
	int r = ask_text(TXN_PATH, text, &body, &n);

	if (r == 0 && !answer_txn(body, n, ret, f, ud))
		r = client_misunderstood(E.client, TXN_PATH);
	return r;
}

/* ---- the lease ---- */

static int grant(void)
{
	cleanup(mem_freep) char *text =
		mem_printf("{\"TTL\":%llu}",
			   (unsigned long long)((E.config.lease_ns + NS_PER_SEC - 1) / NS_PER_SEC));
	const char *path = "/v3/lease/grant", *body;
	uint64_t at = clock_boot_ns(), seconds;
	size_t n;
	int r = ask_text(path, text, &body, &n);

	E.lease = 0;
	if (r < 0)
		return r;
	if (!answer_grant(body, n, &E.lease, &seconds) || seconds > UINT32_MAX) {
		E.lease = 0;
		return client_misunderstood(E.client, path);
	}
	E.lease_at = at;
	E.lease_ns = seconds * NS_PER_SEC;
	return 0;
}

/* Returns -ESTALE if it is over. */
static int keep_alive(void)
{
	cleanup(mem_freep) char *text = mem_printf("{\"ID\":\"%llu\"}",
						   (unsigned long long)E.lease);
	const char *path = "/v3/lease/keepalive", *body;
	uint64_t at = clock_boot_ns(), seconds;
	size_t n;
	int r = E.lease ? ask_text(path, text, &body, &n) : -ESTALE;

	if (r < 0)
		return r;
	if (!answer_keepalive(body, n, &seconds) || seconds > UINT32_MAX)
		return client_misunderstood(E.client, path);
	if (!seconds) {
		E.lease = 0;
		return -ESTALE;
	}
	E.lease_at = at;
	E.lease_ns = seconds * NS_PER_SEC;
	return 0;
}

/* ---- who is there ---- */

struct looking {
	struct registry_view *view;
	uint64_t leader_created, leader_lease;
	char next[64];
	bool here; /* we are among the candidates */
};

static void note_candidate(struct looking *l, const char *name, const struct etcd_key *k)
{
	struct registry_leader *c;

	l->here |= strcmp(name, E.config.name) == 0 && k->lease == E.lease;
	if (l->view->count == REGISTRY_CANDIDATES_MAX)
		return;
	c = &l->view->candidates[l->view->count];
	if (record_to_leader(k->value, k->value_size, c) && strcmp(c->name, name) == 0)
		l->view->count++;
}

static void note_key(const struct etcd_key *k, void *ud)
{
	struct looking *l = ud;
	const char *name = below(k->key, E.prefix), *candidate;

	if (!name || strlen(k->key) != k->key_size)
		return;
	candidate = below(name, "candidates/");
	if (candidate) {
		note_candidate(l, candidate, k);
	} else if (strcmp(name, "next") == 0) {
		snprintf(l->next, sizeof(l->next), "%s", k->value);
	} else if (strcmp(name, "leader") == 0) {
		l->leader_created = k->created;
		l->leader_lease = k->lease;
		/* a key that is there is a leader, whatever its value */
		if (!record_to_leader(k->value, k->value_size, &l->view->leader))
			snprintf(l->view->leader.name, sizeof(l->view->leader.name), "?");
	}
}

static int look_around(struct looking *ret)
{
	struct registry_view *view = ret->view;
	struct etcd_result result;
	struct question q;
	char k[KEY_MAX];

	*ret = (struct looking){ .view = view };
	*view = (struct registry_view){ 0 };
	question_begin(&q);
	question_get(&q.then, key(k, "leader"), false);
	question_get(&q.then, key(k, "next"), false);
	question_get(&q.then, key(k, "candidates/"), true);
	return ask_txn(&q, &result, note_key, ret);
}

static const struct registry_leader *find_candidate(const struct registry_view *v, const char *name)
{
	for (unsigned i = 0; i < v->count; i++)
		if (strcmp(v->candidates[i].name, name) == 0)
			return &v->candidates[i];
	return NULL;
}

static char *own_record(void)
{
	struct registry_leader me = { .since_wall_ns = clock_wall_ns() };

	snprintf(me.name, sizeof(me.name), "%s", E.config.name);
	snprintf(me.address, sizeof(me.address), "%s", E.config.address);
	return record_of_leader(&me);
}

static int put_candidate(void)
{
	cleanup(mem_freep) char *value = own_record();
	struct etcd_result result;
	struct question q;
	char k[KEY_MAX];

	question_begin(&q);
	question_put(&q, key(k, "candidates/%s", E.config.name), value, E.lease);
	return ask_txn(&q, &result, NULL, NULL);
}

/* ---- LOOK ---- */

/* The lead is ours if nobody has it. */
static int campaign(struct registry_answer *ret)
{
	cleanup(mem_freep) char *value = own_record();
	struct etcd_result result;
	struct question q;
	char k[KEY_MAX];
	int r = keep_alive();

	if (r < 0)
		return r;
	question_begin(&q);
	question_if(&q, key(k, "leader"), QUESTION_CREATED, 0);
	question_put(&q, key(k, "leader"), value, E.lease);
	question_delete(&q, key(k, "next"));
	r = ask_txn(&q, &result, NULL, NULL);
	if (r == 0 && result.succeeded) {
		E.leader_created = result.revision;
		ret->elected = true;
	}
	return r;
}

static int keep_session(void)
{
	int r = -ESTALE;

	if (E.lease && clock_boot_ns() < E.lease_at + E.lease_ns / 3)
		return 0;
	if (E.lease)
		r = keep_alive();
	return r == -ESTALE ? grant() : r;
}

static int look(struct registry_answer *ret)
{
	struct looking l = { .view = &ret->view };
	int r = keep_session();

	if (r == 0)
		r = look_around(&l);
	if (r == 0 && !l.here)
		r = put_candidate();
	if (r < 0)
		return r;
	if (l.leader_created) {
		ret->elected = l.leader_lease == E.lease;
		E.leader_created = ret->elected ? l.leader_created : 0;
		return 0;
	}
	E.leader_created = 0;
	if (l.next[0] && strcmp(l.next, E.config.name) != 0 && find_candidate(&ret->view, l.next))
		return 0; /* it is his turn */
	return campaign(ret);
}

/* ---- RENEW ---- */

static int renew(struct registry_answer *ret)
{
	struct looking l = { .view = &ret->view };
	int r = keep_alive();

	if (r == 0)
		r = look_around(&l);
	if (r == 0 && l.leader_created != E.leader_created)
		return -ESTALE;
	if (r == 0 && !l.here)
		r = put_candidate();
	return r;
}

/* ---- LOAD ---- */

struct loading {
	struct registry_content *content;
	char wrong[KEY_MAX]; /* a key whose value is none */
	char last[KEY_MAX];
	size_t last_size;
};

static bool load_node(struct registry_content *to, const char *id, const struct etcd_key *k)
{
	struct registry_node n;
	char *end;
	unsigned long number = strtoul(id, &end, 10);

	if (number < 1 || number > 255 || *end ||
	    !record_to_node(k->value, k->value_size, (unsigned)number, &n))
		return false;
	registry_add(to)->node = n;
	return true;
}

static bool load_name(struct registry_content *to, const char *name, const struct etcd_key *k)
{
	struct registry_change c;

	if (!record_to_name(k->value, k->value_size, name, &c))
		return false;
	*registry_add(to) = c;
	return true;
}

static bool load_key(struct registry_content *to, const char *name, const struct etcd_key *k)
{
	const char *id = below(name, "nodes/"), *global = below(name, "names/");

	if (id)
		return load_node(to, id, k);
	if (global)
		return load_name(to, global, k);
	if (strcmp(name, "restored") == 0)
		E.restored = true;
	if (strcmp(name, "number") != 0)
		return true;
	E.number_changed = k->changed;
	return record_to_number(k->value, k->value_size, &to->number);
}

static void on_loaded(const struct etcd_key *k, void *ud)
{
	struct loading *l = ud;
	const char *name = below(k->key, E.prefix);

	/* of the next page the first key is this one with a zero behind it */
	l->last_size = k->key_size < KEY_MAX ? k->key_size + 1 : 0;
	if (l->last_size)
		memcpy(l->last, k->key, l->last_size);
	if ((!name || strlen(k->key) != k->key_size || !load_key(l->content, name, k)) &&
	    !l->wrong[0])
		snprintf(l->wrong, sizeof(l->wrong), "%s", k->key);
}

static int load_page(struct loading *l, uint64_t revision, struct etcd_result *ret)
{
	const char *path = "/v3/kv/range", *body;
	cleanup(mem_freep) char *text = question_page(E.prefix, l->last, l->last_size, revision,
						      PAGE);
	size_t n;
	int r = ask_text(path, text, &body, &n);

	if (r < 0)
		return r;
	l->last_size = 0;
	if (!answer_range(body, n, ret, on_loaded, l) || (ret->more && !l->last_size))
		return client_misunderstood(E.client, path);
	return 0;
}

static int load(struct registry_answer *ret)
{
	struct loading l = { .content = &ret->content, .last_size = strlen(E.prefix) };
	struct etcd_result result = { 0 };
	uint64_t revision = 0;
	int r = 0;

	memcpy(l.last, E.prefix, l.last_size);
	E.number_changed = 0;
	E.restored = false;
	do {
		r = load_page(&l, revision, &result);
		if (r == 0)
			r = keep_session();
		revision = revision ? revision : result.revision;
	} while (r == 0 && result.more);
	if (r == 0 && l.wrong[0]) {
		snprintf(ret->why, sizeof(ret->why),
			 "etcd: the value of key %.140s is none of ours", l.wrong);
		return -EIO;
	}
	ret->content.restored = E.restored;
	return r;
}

/* ---- RESIGN ---- */

static int resign(const char *to, struct registry_answer *ret)
{
	struct looking l = { .view = &ret->view };
	bool any = strcmp(to, REGISTRY_ANYBODY) == 0;
	struct etcd_result result;
	struct question q;
	char k[KEY_MAX];
	int r = look_around(&l);

	if (r < 0)
		return r;
	if (!E.leader_created)
		return -ESTALE;
	if (!any && !find_candidate(&ret->view, to)) {
		snprintf(ret->why, sizeof(ret->why), "candidate %.63s is not there any more", to);
		return -ENOENT;
	}
	question_begin(&q);
	question_if(&q, key(k, "leader"), QUESTION_CREATED, E.leader_created);
	question_delete(&q, key(k, "leader"));
	if (!any)
		question_put(&q, key(k, "next"), to, E.lease);
	r = ask_txn(&q, &result, NULL, NULL);
	return r == 0 && !result.succeeded ? -ESTALE : r;
}

/* ---- the interface ---- */

static void etcd_ask(const char *to, struct registry_answer *ret)
{
	switch (ret->what) {
	case REGISTRY_LOOK:
		ret->result = look(ret);
		break;
	case REGISTRY_RENEW:
		ret->result = renew(ret);
		break;
	case REGISTRY_LOAD:
		ret->result = load(ret);
		break;
	case REGISTRY_RESIGN:
		ret->result = resign(to, ret);
		break;
	}
	if (ret->result == -ESTALE && ret->what == REGISTRY_LOOK)
		ret->result = -EIO; /* the lease ended in between: the next look gets another */
	if (ret->result < 0 && !ret->why[0])
		snprintf(ret->why, sizeof(ret->why), "%s",
			 ret->result == -ESTALE ? "another has been elected"
						: client_why(E.client));
	ret->lease_at = E.lease_at;
	ret->lease_ns = E.lease_ns;
}

static void add_change(struct question *q, const struct registry_change *c)
{
	cleanup(mem_freep) char *value = NULL;
	char k[KEY_MAX];

	if (!c->is_name) {
		value = record_of_node(&c->node);
		question_put(q, key(k, "nodes/%u", c->node.id), value, 0);
	} else if (c->handle) {
		value = record_of_name(c);
		question_put(q, key(k, "names/%s", c->name), value, 0);
	} else {
		question_delete(q, key(k, "names/%s", c->name));
	}
}

/* A transaction may change a key once. Returns whether a later change of these is of the same
 * one. */
static bool is_changed_later(const struct registry_change *c, size_t i, size_t n)
{
	for (size_t k = i + 1; k < n; k++) {
		if (c[k].is_name != c[i].is_name)
			continue;
		if (c[i].is_name ? strcmp(c[k].name, c[i].name) == 0 : c[k].node.id == c[i].node.id)
			return true;
	}
	return false;
}

struct refusal {
	uint64_t leader_created, number_changed;
};

static void on_refused(const struct etcd_key *k, void *ud)
{
	struct refusal *r = ud;
	const char *name = below(k->key, E.prefix);

	if (name && strcmp(name, "leader") == 0)
		r->leader_created = k->created;
	if (name && strcmp(name, "number") == 0)
		r->number_changed = k->changed;
}

static int save_once(const struct registry_change *changes, size_t n, uint64_t number, bool last,
		     bool *ret_done)
{
	cleanup(mem_freep) char *value = record_of_number(number);
	struct refusal refusal = { 0 };
	struct etcd_result result;
	struct question q;
	char k[KEY_MAX];
	int r;

	question_begin(&q);
	question_if(&q, key(k, "leader"), QUESTION_CREATED, E.leader_created);
	question_if(&q, key(k, "number"), QUESTION_CHANGED, E.number_changed);
	for (size_t i = 0; i < n; i++)
		if (!is_changed_later(changes, i, n))
			add_change(&q, &changes[i]);
	question_put(&q, key(k, "number"), value, 0);
	if (last && E.restored)
		question_delete(&q, key(k, "restored"));
	question_get(&q.otherwise, key(k, "leader"), false);
	question_get(&q.otherwise, key(k, "number"), false);
	r = ask_txn(&q, &result, on_refused, &refusal);
	if (r < 0)
		return r;
	*ret_done = result.succeeded;
	if (result.succeeded) {
		E.number_changed = result.revision;
		return 0;
	}
	if (refusal.leader_created != E.leader_created)
		return -ESTALE;
	E.number_changed = refusal.number_changed; /* an attempt of ours that was late */
	return 0;
}

static int save_part(const struct registry_change *changes, size_t n, uint64_t number, bool last)
{
	bool done = false;
	int r = 0;

	for (unsigned i = 0; i < TRIES && r == 0 && !done; i++)
		r = save_once(changes, n, number, last, &done);
	return r < 0 || done ? r : -EIO;
}

static int etcd_save(const struct registry_change *changes, size_t n, uint64_t number,
		     char **ret_error)
{
	int r = 0;

	must(E.client);
	if (!E.leader_created)
		return -ESTALE;
	for (size_t at = 0; at < n && r == 0; at += BATCH_MAX) {
		size_t part = n - at < BATCH_MAX ? n - at : BATCH_MAX;

		r = save_part(changes + at, part, number, at + part == n);
	}
	if (r == 0)
		E.restored = false;
	else if (r == -EIO)
		*ret_error = mem_strdup(client_why(E.client));
	return r;
}

static void etcd_close(void)
{
	cleanup(mem_freep) char *text = mem_printf("{\"ID\":\"%llu\"}",
						   (unsigned long long)E.lease);
	const char *body;
	size_t n;

	/* others need not wait for its end */
	if (E.lease && E.reached)
		(void)client_ask(E.client, "/v3/lease/revoke", text, &body, &n);
	client_destroy(E.client);
	memset(&E, 0, sizeof(E));
}

static int etcd_open(const struct registry_config *c, char **ret_error)
{
	cleanup(mem_freep) char *error = NULL;

	must(!E.client && c->endpoints && c->endpoints[0]);
	E.config = *c;
	snprintf(E.prefix, sizeof(E.prefix), "%s/%s/", c->prefix, c->cluster);
	E.client = client_create(c, c->lease_ns / 4, &error);
	if (E.client)
		return 0;
	*ret_error = mem_printf("registry in etcd: %s", error);
	return -EINVAL;
}

extern const struct registry_ops harbor_registry_1;
const struct registry_ops harbor_registry_1 = {
	.open = etcd_open, .close = etcd_close, .save = etcd_save, .ask = etcd_ask
};

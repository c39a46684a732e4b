/* SPDX-License-Identifier: MIT */
/*
 * A reload is three steps, of which only the first two can fail: the files are read into a
 * configuration of their own, the keys of the cluster are tried, and then what differs is exchanged
 * key by key. What the old configuration held goes with the new one.
 */
#include "daemon/node/reload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/errors.h"
#include "conf/load.h"
#include "conf/value.h"
#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/text.h"
#include "core/log/log.h"
#include "daemon/node/boot.h"
#include "daemon/node/keys.h"
#include "daemon/node/means.h"
#include "daemon/node/signals.h"
#include "daemon/state/inforce.h"
#include "daemon/state/info.h"
#include "daemon/state/notify.h"
#include "daemon/state/status.h"
#include "harbor/harbor.h"

/* Of errors so many are told in words; the answer for programs has all. */
#define ERRORS_SHOWN 20u

/* [main] */
static struct config_source source;
static struct config *config;
static void (*wake_main)(void);

/* keys: the file to take them from, or NULL */
struct order {
	struct asker who;
	char *keys;
};

static struct lock lock = LOCK_INIT(reloads);
static struct order waiting[RELOAD_WAITING_MAX];
static unsigned waiting_count;

void reload_init(const struct config_source *from, struct config *c, void (*wake)(void))
{
	source = *from;
	config = c;
	wake_main = wake;
}

bool reload_ask(const struct asker *who, const char *keys)
{
	bool room;

	lock_take(&lock);
	room = waiting_count < RELOAD_WAITING_MAX;
	if (room)
		waiting[waiting_count++] = (struct order){ .who = *who,
							   .keys = keys ? mem_strdup(keys) : NULL };
	lock_release(&lock);
	if (room)
		wake_main();
	return room;
}

static bool take(struct order *ret)
{
	bool any;

	lock_take(&lock);
	any = waiting_count > 0;
	if (any) {
		*ret = waiting[0];
		waiting_count--;
		memmove(waiting, waiting + 1, waiting_count * sizeof(*waiting));
	}
	lock_release(&lock);
	return any;
}

/* ---- what differs ---- */

struct change {
	const struct schema_key *key;
	char *before, *after; /* NULL: not set */
	struct place at;
	bool applied;
};

struct changes {
	struct change items[SCHEMA_KEYS];
	unsigned count;
	unsigned env; /* variables that differ */
};

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void compare(const struct config *next, struct changes *ret)
{
	for (unsigned i = 0; i < SCHEMA_KEYS; i++) {
		const struct schema_key *k = &schema_keys[i];
		struct change c = { .key = k, .at = next->places[i] };

		c.before = config_value(config, k);
		c.after = config_value(next, k);
		if (!same(c.before, c.after)) {
			ret->items[ret->count++] = c;
			continue;
		}
		mem_free(c.before);
		mem_free(c.after);
	}
}

/* Both environments are sorted by their keys. */
static unsigned compare_env(const struct config *next)
{
	size_t a = 0, b = 0;
	unsigned n = 0;

	while (a < config->env_count || b < next->env_count) {
		const struct config_pair *x = &config->env[a], *y = &next->env[b];
		int order = a == config->env_count ? 1
			    : b == next->env_count ? -1
						   : strcmp(x->key, y->key);

		n += order != 0 || strcmp(x->value, y->value) != 0;
		a += order <= 0;
		b += order >= 0;
	}
	return n;
}

static void changes_fini(struct changes *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		mem_free(c->items[i].before);
		mem_free(c->items[i].after);
	}
}

/* ---- putting into force ---- */

/* Whether links are open, have a key or have certificates is settled when the node starts. */
static bool is_fixed(const struct schema_key *k, const struct config *next)
{
	bool key = config->cluster.key_file && next->cluster.key_file;
	bool certificate = config->cluster.cert_file && next->cluster.cert_file;

	return !k->live || (strcmp(k->section, "cluster") == 0 && !key && !certificate);
}

static void exchange(struct config *next, struct changes *changes)
{
	struct config *c = inforce_lock();

	for (unsigned i = 0; i < changes->count; i++) {
		struct change *change = &changes->items[i];

		if (is_fixed(change->key, next))
			continue;
		change->applied = true;
	}
	/* together: what is fixed depends on what both say */
	for (unsigned i = 0; i < changes->count; i++)
		if (changes->items[i].applied)
			config_exchange(c, next, changes->items[i].key);
	inforce_unlock();
}

static void apply(const struct changes *changes)
{
	boot_limits(config);
	means_follow();
	for (unsigned i = 0; i < changes->count; i++) {
		const struct change *c = &changes->items[i];

		/* one that harborctl set stays until the file says another */
		if (c->applied && strcmp(c->key->section, "log") == 0 &&
		    strcmp(c->key->name, "level") == 0)
			log_set_level((enum log_level)log_level_parse(config->log.level));
	}
}

static void note(const struct changes *changes)
{
	bool keys[SCHEMA_KEYS] = { false };

	for (unsigned i = 0; i < changes->count; i++)
		keys[changes->items[i].key - schema_keys] = !changes->items[i].applied;
	inforce_outcome(NULL, keys, changes->env);
}

/* ---- telling ---- */

static void log_changes(const struct changes *changes)
{
	for (unsigned i = 0; i < changes->count; i++) {
		const struct change *c = &changes->items[i];

		log_info("reload: %s.%s: %s -> %s%s", c->key->section, c->key->name,
			 c->before ? c->before : "(not set)", c->after ? c->after : "(not set)",
			 c->applied ? "" : ", at the next start");
	}
	if (changes->env)
		log_info("reload: %u variables of section env differ, at the next start",
			 changes->env);
	log_event(config_applied, NULL, "reload: done");
}

static void add_changes(struct json *j, const char *name, const struct changes *changes,
			bool applied)
{
	json_array(j, name);
	for (unsigned i = 0; i < changes->count; i++) {
		const struct change *c = &changes->items[i];

		if (c->applied != applied)
			continue;
		json_object(j, NULL);
		json_printf(j, "key", "%s.%s", c->key->section, c->key->name);
		json_string(j, "old", c->before);
		json_string(j, "new", c->after);
		if (c->at.line)
			json_printf(j, "place", "%s:%u:%u", c->at.file, c->at.line, c->at.column);
		else
			json_string(j, "place", "default");
		json_object_end(j);
	}
	json_array_end(j);
}

static void answer(const struct asker *who, const struct changes *changes)
{
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	json_string(&j, "state", "reloaded");
	add_changes(&j, "applied", changes, true);
	add_changes(&j, "restart_needed", changes, false);
	json_uint(&j, "env_changed", changes->env);
	json_printf(&j, "config_hash", "%016" PRIx64, info_config_hash());
	json_object_end(&j);
	asker_answer(who, &j);
	json_fini(&j);
}

static void add_error(struct json *j, const struct config_error *e)
{
	json_object(j, NULL);
	json_string(j, "file", e->file);
	json_uint(j, "line", e->line);
	json_uint(j, "column", e->column);
	json_string(j, "error", e->text);
	json_object_end(j);
}

/* Writes what is wrong in words: "FILE:LINE:COLUMN: what", a line each. */
static void put_errors(struct text *t, const struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count && i < ERRORS_SHOWN; i++) {
		const struct config_error *e = &errors->items[i];

		text_printf(t, "%s%s", i ? "\n" : "", e->file);
		if (e->line)
			text_printf(t, ":%u:%u", e->line, e->column);
		text_printf(t, ": %s", e->text);
	}
	if (errors->count > ERRORS_SHOWN)
		text_printf(t, "\nand %zu more", errors->count - ERRORS_SHOWN);
}

static void refuse(const struct asker *who, const struct config_errors *errors)
{
	cleanup(text_fini) struct text t = { 0 };
	struct json j;

	put_errors(&t, errors);
	log_event(config_rejected, NULL, "reload: nothing was changed: %s", text_string(&t));
	inforce_outcome(text_string(&t), NULL, 0);
	if (!who)
		return;
	json_init(&j);
	json_object(&j, NULL);
	json_printf(&j, "error", "nothing was changed: %s", text_string(&t));
	json_array(&j, "errors");
	for (size_t i = 0; i < errors->count; i++)
		add_error(&j, &errors->items[i]);
	json_array_end(&j);
	json_object_end(&j);
	who->answer(who, false, text_string(&j.text), j.text.size);
	json_fini(&j);
}

/* ---- the reload ---- */

static void reload(const struct asker *who)
{
	struct config_errors errors;
	struct changes changes = { .count = 0 };
	cleanup(mem_freep) char *why = NULL;
	struct config *next = NULL;

	log_reopen();
	if (fault(slow_reload))
		usleep(400000);
	if (config_load_all(&source, &next, &errors) == 0 && !keys_reload(config, next, &why))
		config_error(&errors, next->file, (struct place){ 0 }, "%s", why);
	if (errors.count) {
		refuse(who, &errors);
	} else {
		compare(next, &changes);
		changes.env = compare_env(next);
		exchange(next, &changes);
		apply(&changes);
		note(&changes);
		info_set_config_hash(next);
		log_changes(&changes);
		if (who)
			answer(who, &changes);
		changes_fini(&changes);
	}
	config_destroy(next);
	config_errors_fini(&errors);
}

/* What the manager hears before and after: with Type=notify-reload it waits for the second. */
static void reload_and_tell(const struct asker *who, bool ready)
{
	if (ready)
		notify_printf("RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reloading",
			      clock_mono_ns() / NS_PER_US);
	reload(who);
	if (ready) {
		notify_send("READY=1");
		status_again();
		status_tick(clock_mono_ns());
	}
}

static void take_keys(const struct asker *who, const char *file)
{
	cleanup(mem_freep) char *why = NULL;
	struct harbor_security s;
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	if (keys_take(config, file, &why)) {
		harbor_security(&s);
		json_string(&j, "state", "reloaded");
		json_string(&j, "proof", s.kind);
		json_object_end(&j);
		asker_answer(who, &j);
	} else {
		asker_refuse(who, why ? why : "no reason given");
	}
	json_fini(&j);
}

void reload_tick(bool ready)
{
	struct order o;

	if (signals_take_reopen())
		reload_and_tell(NULL, ready);
	while (take(&o)) {
		if (o.keys)
			take_keys(&o.who, o.keys);
		else
			reload_and_tell(&o.who, ready);
		mem_free(o.keys);
	}
}

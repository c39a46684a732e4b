/* SPDX-License-Identifier: MIT */
/*
 * harborctl config: each key with its value as it would stand in a file, and where that was said.
 * Files hold the names of secrets, not secrets, but the environment of a program (section env) may
 * hold some: a variable that is called like one is not shown.
 */
#include "daemon/admin/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/load.h"
#include "conf/value.h"
#include "core/base/base.h"
#include "core/base/mem.h"
#include "daemon/state/inforce.h"

#define WHY_MAX 600u

/* What realpath returns is the C library's. */
static void free_path(char **path)
{
	free(*path);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_secret(const char *name)
{
	static const char *const words[] = { "pass", "secret", "token", "credential", "private" };

	for (size_t i = 0; i < array_len(words); i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

/* Writes a value; of "scheme://user:password@host" not the password. */
static void add_value(struct json *j, const char *key, const char *value, bool secret)
{
	const char *scheme = value ? strstr(value, "://") : NULL;
	const char *at = scheme ? strchr(scheme, '@') : NULL;
	const char *colon = at ? memchr(scheme + 3, ':', (size_t)(at - scheme - 3)) : NULL;

	if (value && secret)
		json_string(j, key, "(hidden)");
	else if (colon)
		json_printf(j, key, "%.*s:(hidden)%s", (int)(colon - value), value, at);
	else
		json_string(j, key, value);
}

/* Where a value was said: FILE:LINE:COLUMN, an option of the command line, or nowhere. */
static void add_place(struct json *j, const char *key, const struct config *c, struct place at)
{
	if (at.line)
		json_printf(j, key, "%s:%u:%u", at.file ? at.file : c->file, at.line, at.column);
	else
		json_string(j, key, at.file ? at.file : "default");
}

/* A file in skynet's style says only what came of it. */
static struct place place_of(const struct config *c, const struct config_pair *p)
{
	return p->at.line ? p->at : (struct place){ .file = c->file };
}

static void add_key(struct json *j, const struct config *c, unsigned i)
{
	cleanup(mem_freep) char *value = config_value(c, &schema_keys[i]);
	const char *written = c->written[i], *start = inforce_start(i);
	const char *state = inforce_is_waiting(i) ? "restart_needed"
			    : !same(start, value) ? "reloaded"
						  : "";

	json_object(j, NULL);
	json_printf(j, "key", "%s.%s", schema_keys[i].section, schema_keys[i].name);
	add_value(j, "value", value, false);
	add_place(j, "place", c, c->places[i]);
	json_string(j, "written", written ? written : "");
	json_string(j, "changed", state);
	json_string(j, "before", *state == 'r' && !same(start, value) ? start : "");
	json_object_end(j);
}

static void add_env(struct json *j, const struct config *c, const struct config_pair *p)
{
	json_object(j, NULL);
	json_printf(j, "key", "env.%s", p->key);
	add_value(j, "value", p->value, is_secret(p->key));
	add_place(j, "place", c, place_of(c, p));
	json_string(j, "written", "");
	json_string(j, "changed", "");
	json_string(j, "before", "");
	json_object_end(j);
}

static enum result show(struct request *r)
{
	const struct config *c;

	json_object(&r->j, NULL);
	json_array(&r->j, "config");
	c = inforce_lock();
	for (unsigned i = 0; i < SCHEMA_KEYS; i++)
		add_key(&r->j, c, i);
	for (size_t i = 0; i < c->env_count; i++)
		add_env(&r->j, c, &c->env[i]);
	inforce_unlock();
	json_array_end(&r->j);
	json_object_end(&r->j);
	return DONE;
}

/* ---- against a file ---- */

static void add_difference(struct json *j, const struct config *c, const struct config *file,
			   unsigned i)
{
	cleanup(mem_freep) char *ours = config_value(c, &schema_keys[i]);
	cleanup(mem_freep) char *theirs = config_value(file, &schema_keys[i]);

	/* what the command line says no file changes */
	if (same(ours, theirs) || (!c->places[i].line && c->places[i].file))
		return;
	json_object(j, NULL);
	json_printf(j, "key", "%s.%s", schema_keys[i].section, schema_keys[i].name);
	json_string(j, "value", ours);
	add_place(j, "place", c, c->places[i]);
	json_string(j, "file_value", theirs);
	add_place(j, "file_place", file, file->places[i]);
	json_string(j, "takes", schema_keys[i].live ? "reload" : "restart");
	json_object_end(j);
}

static void add_env_difference(struct json *j, const char *key, const char *ours,
			       const char *theirs)
{
	if (same(ours, theirs))
		return;
	json_object(j, NULL);
	json_printf(j, "key", "env.%s", key);
	add_value(j, "value", ours, is_secret(key));
	json_string(j, "place", "env");
	add_value(j, "file_value", theirs, is_secret(key));
	json_string(j, "file_place", "env");
	json_string(j, "takes", "restart");
	json_object_end(j);
}

static void add_env_differences(struct json *j, const struct config *c, const struct config *file)
{
	for (size_t i = 0; i < c->env_count; i++)
		add_env_difference(j, c->env[i].key, c->env[i].value,
				   config_env_get(file, c->env[i].key));
	for (size_t i = 0; i < file->env_count; i++)
		if (!config_env_get(c, file->env[i].key))
			add_env_difference(j, file->env[i].key, NULL, file->env[i].value);
}

/* The first error as "FILE:LINE:COLUMN: what". */
static const char *first_error(const struct config_errors *errors)
{
	static _Thread_local char why[WHY_MAX];
	const struct config_error *e = &errors->items[0];

	snprintf(why, sizeof(why), "%s:%u:%u: %s", e->file, e->line, e->column, e->text);
	return why;
}

/* The file's name as the node was given it, if it is the node's own: paths in a file are relative
 * to its folder, and are not to differ by how that is called. */
static char *name_for_node(const char *file)
{
	const char *own = inforce_lock()->file;
	cleanup(free_path) char *a = realpath(own, NULL), *b = realpath(file, NULL);
	char *name = mem_strdup(a && b && strcmp(a, b) == 0 ? own : file);

	inforce_unlock();
	return name;
}

/* The text is the whole configuration of a node, as harborctl has read it. */
static enum result compare(struct request *r, const char *path, const char *text)
{
	cleanup(mem_freep) char *file = name_for_node(path);
	struct config_errors errors;
	struct config *theirs = NULL;
	const struct config *c;
	enum result result = DONE;

	if (config_parse(file, text, strlen(text), &theirs, &errors) < 0) {
		result = request_fail(r, first_error(&errors));
		config_errors_fini(&errors);
		return result;
	}
	json_object(&r->j, NULL);
	json_array(&r->j, "differences");
	c = inforce_lock();
	for (unsigned i = 0; i < SCHEMA_KEYS; i++)
		add_difference(&r->j, c, theirs, i);
	add_env_differences(&r->j, c, theirs);
	inforce_unlock();
	json_array_end(&r->j);
	json_object_end(&r->j);
	config_destroy(theirs);
	config_errors_fini(&errors);
	return result;
}

enum result run_config(struct request *r)
{
	if (!r->n)
		return show(r);
	if (r->n == 3 && strcmp(r->args[0], "--diff") == 0)
		return compare(r, r->args[1], r->args[2]);
	return request_fail(r, "usage: harborctl config [--diff [FILE]]");
}

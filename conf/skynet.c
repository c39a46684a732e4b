/* SPDX-License-Identifier: MIT */
/* Configurations in the style of skynet (lua-core.md 1.2 to 1.4): a Lua chunk that assigns
 * globals.
 *
 * $NAME is replaced in the raw text, then lua/ evaluates it (config_set_lua). Every key goes to
 * the environment; those that mean something here go to struct config as well. What only harbord
 * has is said with the keys of the schema behind a prefix that no game uses:
 * harbord_admin_listen is admin.listen.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_priv.h"
#include "core/base/mem.h"

#define OWN_PREFIX "harbord_"

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* A file with its variables replaced, and no more: a few bytes could name a long one many times. */
#define TEXT_MAX (16u << 20)

struct text {
	char *bytes;
	size_t n, room;
};

static bool append(struct text *t, const char *bytes, size_t n)
{
	if (t->n + n > TEXT_MAX)
		return false;
	if (t->n + n >= t->room) {
		t->room = 2 * (t->n + n) + 1;
		t->bytes = mem_realloc(t->bytes, t->room);
	}
	memcpy(t->bytes + t->n, bytes, n);
	t->n += n;
	t->bytes[t->n] = 0;
	return true;
}

/* Appends the value of the variable. NULL, or what is wrong with it (mem_free). */
static char *append_variable(struct text *t, const char *name, size_t n)
{
	cleanup(mem_freep) char *var = mem_strndup(name, n);
	const char *value = getenv(var);

	if (!value)
		return mem_printf("os.getenv() failed: %s", var);
	return append(t, value, strlen(value)) ? NULL : mem_printf("too long with the value of %s", var);
}

/* NULL: *ret_error says why (mem_free), and *ret_at where. */
static char *substitute(const char *text, size_t size, size_t *ret_size, char **ret_error,
			struct place *ret_at)
{
	struct text out = { .bytes = mem_strdup("") };
	char *error = NULL;

	for (size_t i = 0, step; i < size; i += step) {
		step = 1;
		if (text[i] == '$')
			while (i + step < size && is_name(text[i + step]))
				step++;
		if (step > 1)
			error = append_variable(&out, text + i + 1, step - 1);
		else if (!append(&out, text + i, 1))
			error = mem_strdup("too long");
		if (!error)
			continue;
		*ret_error = error;
		*ret_at = conf_place_at(text, i);
		mem_free(out.bytes);
		return NULL;
	}
	*ret_size = out.n;
	return out.bytes;
}

static int include(const char *path, char **ret_text, size_t *ret_size, char **ret_error, void *ud)
{
	size_t size;
	const char *why;
	struct place at;
	char *text = conf_read_file(path, &size, &why);

	(void)ud;
	if (!text) {
		*ret_error = mem_printf("cannot read %s: %s", path, why);
		return -EINVAL;
	}
	*ret_text = substitute(text, size, ret_size, ret_error, &at);
	mem_free(text);
	return *ret_text ? 0 : -EINVAL;
}

static void emit(const char *key, const char *value, void *ud)
{
	conf_env_add(((struct load *)ud)->c, key, value);
}

static const char *get(const struct config *c, const char *key)
{
	for (size_t i = c->env_count; i > 0; i--)
		if (strcmp(c->env[i - 1].key, key) == 0)
			return c->env[i - 1].value;
	return NULL;
}

/* Where the file assigns the key last, as far as a look at the text tells: Lua says only what
 * came of it. Line 0 for a key of an included file, and for one that nobody assigns. */
static struct place place_of(const struct load *l, const char *key)
{
	const char *last = NULL;
	size_t n = strlen(key);

	for (const char *p = l->text; (p = strstr(p, key)); p += n) {
		const char *after = p + n + strspn(p + n, " \t");

		if ((p == l->text || !is_name(p[-1])) && after[0] == '=' && after[1] != '=')
			last = p;
	}
	return last ? conf_place_at(l->text, (size_t)(last - l->text)) : (struct place){ 0 };
}

static void copy(struct load *l, const char *key, const char *section, const char *name)
{
	const char *value = get(l->c, key);

	struct place at = place_of(l, key);

	if (value && *value)
		conf_set(l, section, name, value, at.line, at.column);
}

static void copy_list(struct load *l, const char *key, struct config_list *list, const char *fallback)
{
	const char *value = get(l->c, key);
	struct place at = place_of(l, key);
	char *save = NULL;

	if (!value)
		conf_env_add(l->c, key, value = fallback);
	cleanup(mem_freep) char *text = mem_strdup(value);

	for (char *t = strtok_r(text, ";", &save); t; t = strtok_r(NULL, ";", &save)) {
		if (!strchr(t, '?') && strcmp(key, "cpath") == 0)
			conf_error(l, at.line, at.column, "Invalid C service path: %s", t);
		else
			conf_list_add(list, t);
	}
}

/* harbord_SECTION_KEY. No section has a '_' in its name, many keys have. */
static void set_own(struct load *l, const char *whole, const char *value)
{
	struct place at = place_of(l, whole);
	const char *key = whole + strlen(OWN_PREFIX);
	size_t n = strcspn(key, "_");
	cleanup(mem_freep) char *section = mem_strndup(key, n);

	if (key[n] && conf_section(l, section) && strcmp(section, "env") != 0)
		conf_set(l, section, key + n + 1, value, at.line, at.column);
	else
		conf_error(l, at.line, at.column,
			   "unknown key \"" OWN_PREFIX "%s\": " OWN_PREFIX "SECTION_KEY is SECTION.KEY of "
			   "a YAML configuration", key);
}

static void set_owns(struct load *l)
{
	size_t n = strlen(OWN_PREFIX);

	/* each unknown one costs a look at the whole text */
	for (size_t i = 0; i < l->c->env_count && l->errors->count < CONF_ERRORS_MAX; i++)
		if (strncmp(l->c->env[i].key, OWN_PREFIX, n) == 0)
			set_own(l, l->c->env[i].key, l->c->env[i].value);
}

void conf_load_skynet(struct load *l, const char *text, size_t size)
{
	struct config *c = l->c;
	char *error = NULL;
	struct place at = { 0 };
	size_t n;
	cleanup(mem_freep) char *full = substitute(text, size, &n, &error, &at);

	l->text = text;
	c->skynet = true;
	if (!full || config_lua->eval(l->file, full, n, include, emit, l, &error, &at.line) != 0) {
		const char *key = error && !at.line ? strstr(error, "table key = ") : NULL;

		if (key)
			at = place_of(l, key + strlen("table key = "));
		conf_error(l, at.line, at.line && !at.column ? 1 : at.column, "%s", error ? error : "not a configuration");
		mem_free(error);
		return;
	}
	if (!get(c, "harbor"))
		conf_env_add(c, "harbor", "1");
	if (!get(c, "thread"))
		conf_env_add(c, "thread", "8");
	copy(l, "thread", "node", "threads");
	copy(l, "harbor", "node", "harbor");
	copy(l, "start", "lua", "start");
	copy(l, "bootstrap", "lua", "bootstrap");
	if (get(c, "daemon"))
		c->pid_file = mem_strdup(get(c, "daemon"));
	if (get(c, "preload"))
		c->lua.preload = mem_strdup(get(c, "preload"));
	if (get(c, "logger") && (!get(c, "logservice") || strcmp(get(c, "logservice"), "logger") == 0)) {
		c->log.file = mem_strdup(get(c, "logger"));
		conf_set(l, "log", "sink", "file", 0, 0);
		conf_set(l, "log", "format", "dated", 0, 0);
	} else {
		conf_set(l, "log", "sink", "stdout", 0, 0);
		conf_set(l, "log", "format", "plain", 0, 0);
	}
	copy_list(l, "cpath", &c->lua.service_cpath, "./cservice/?.so");
	copy_list(l, "lua_path", &c->lua.path, "./lualib/?.lua;./lualib/?/init.lua");
	if (get(c, "lua_cpath")) /* else what the Lua host has */
		copy_list(l, "lua_cpath", &c->lua.cpath, NULL);
	copy_list(l, "luaservice", &c->lua.service_path, "./service/?.lua");
	if (strcmp(get(c, "harbor"), "0") != 0) {
		c->cluster.present = true;
		copy(l, "address", "cluster", "listen");
		copy(l, "master", "cluster", "master");
		if (get(c, "standalone")) {
			c->master.present = true;
			copy(l, "standalone", "master", "listen");
		}
		if (!get(c, "address") || !get(c, "master"))
			conf_error(l, place_of(l, "harbor").line, place_of(l, "harbor").column,
				   "harbor is %s: address and master are needed (harbor = 0 for a single node)",
				   get(c, "harbor"));
	}
	set_owns(l);
	conf_finish(l);
}

/* SPDX-License-Identifier: MIT */
/* A skynet-style file in three steps: its variables are replaced, Lua runs it and emits its
 * globals, and the globals that mean something are set in the draft. */
#include "conf/skynet.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/mem.h"

#define OWN_PREFIX "harbord_"

static const struct config_lua_ops *lua;

void config_set_lua(const struct config_lua_ops *ops)
{
	lua = ops;
}

/* ---- what is a skynet-style file ---- */

static bool looks_like_lua(const char *file)
{
	const char *dot = strrchr(file, '.');

	return dot && strcmp(dot, ".lua") == 0;
}

/* Returns what stands behind the comment that begins here with "--": a line, or a block in long
 * brackets. */
static const char *skip_comment(const char *text)
{
	char end[64];
	size_t level;

	text += 2;
	level = *text == '[' ? strspn(text + 1, "=") : 0;
	if (*text != '[' || text[1 + level] != '[' || level > sizeof(end) - 3)
		return text + strcspn(text, "\n");
	end[0] = end[level + 1] = ']';
	memset(end + 1, '=', level);
	end[level + 2] = 0;
	text = strstr(text, end);
	return text ? text + level + 2 : "";
}

static const char *first_statement(const char *text)
{
	for (;;) {
		text += strspn(text, " \t\r\n;");
		if (strncmp(text, "--", 2) != 0)
			return text;
		text = skip_comment(text);
	}
}

/* Is the file not YAML by its name, and is the first line that says anything an assignment, key =
 * value, or does it begin with a word of Lua? */
static bool reads_like_lua(const char *file, const char *text)
{
	static const char *const words[] = { "include", "local", "function", "if",
					     "do",	"for",	 "while" };
	const char *dot = strrchr(file, '.'), *first = first_statement(text);
	size_t line = strcspn(first, "\n"), word = strcspn(first, " \t\r\n\"'([");
	const char *eq = memchr(first, '=', line), *colon = memchr(first, ':', line);

	if (*first == '#' || (dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0)))
		return false;
	if (eq && (!colon || eq < colon))
		return true;
	for (size_t i = 0; i < array_len(words); i++)
		if (word == strlen(words[i]) && memcmp(first, words[i], word) == 0)
			return true;
	return false;
}

bool skynet_is(const char *file, const char *text)
{
	return lua && (looks_like_lua(file) || reads_like_lua(file, text));
}

/* ---- variables ---- */

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The text with its variables replaced may have so many bytes: a few in the file could name a long
 * variable many times. */
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

/* Appends the value of the variable. Returns NULL, or what is wrong with it (mem_free). */
static char *append_variable(struct text *t, const char *name, size_t n)
{
	cleanup(mem_freep) char *var = mem_strndup(name, n);
	const char *value = getenv(var);

	if (!value)
		return mem_printf("os.getenv() failed: %s", var);
	if (!append(t, value, strlen(value)))
		return mem_printf("too long with the value of %s", var);
	return NULL;
}

/* Returns the text with its variables replaced (mem_free), or NULL: *ret_error says why (mem_free),
 * and *ret_at where. */
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
		*ret_at = place_at(text, i);
		mem_free(out.bytes);
		return NULL;
	}
	*ret_size = out.n;
	return out.bytes;
}

/* ---- Lua ---- */

static int include(const char *path, char **ret_text, size_t *ret_size, char **ret_error, void *ud)
{
	size_t size;
	const char *why;
	struct place at;
	char *text = file_read(path, &size, &why);

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
	config_env_add(ud, key, value);
}

/* One file that is being read. */
struct chunk {
	struct draft *d;
	const char *text; /* as it stands in the file */
};

/* Returns where the file assigns the key last, as far as a look at the text tells: Lua says only
 * what came of it. Line 0 for a key of an included file, and for one that nobody assigns. */
static struct place place_of(const struct chunk *f, const char *key)
{
	const char *last = NULL;
	size_t n = strlen(key);

	for (const char *p = f->text; (p = strstr(p, key)); p += n) {
		const char *after = p + n + strspn(p + n, " \t");

		if ((p == f->text || !is_name(p[-1])) && after[0] == '=' && after[1] != '=')
			last = p;
	}
	return last ? place_at(f->text, (size_t)(last - f->text)) : (struct place){ 0 };
}

static void eval_failed(struct chunk *f, struct place at, const char *error)
{
	const char *key = error && !at.line ? strstr(error, "table key = ") : NULL;

	if (key)
		at = place_of(f, key + strlen("table key = "));
	if (at.line && !at.column)
		at.column = 1;
	draft_error(f->d, at, "%s", error ? error : "not a configuration");
}

/* Puts the globals of the chunk into the environment. Returns false after an error. */
static bool eval(struct chunk *f, size_t size)
{
	cleanup(mem_freep) char *error = NULL;
	struct config *c = f->d->c;
	struct place at = { 0 };
	size_t n;
	cleanup(mem_freep) char *full = substitute(f->text, size, &n, &error, &at);

	if (full && lua->eval(f->d->file, full, n, include, emit, c, &error, &at.line) == 0)
		return true;
	eval_failed(f, at, error);
	return false;
}

/* ---- keys ---- */

static void copy(struct chunk *f, const char *key, const char *section, const char *name)
{
	const char *value = config_env_get(f->d->c, key);

	if (value && *value)
		draft_set(f->d, section, name, value, place_of(f, key));
}

static void copy_list(struct chunk *f, const char *key, struct config_list *list,
		      const char *fallback)
{
	const char *value = config_env_get(f->d->c, key);
	char *save = NULL;

	if (!value)
		config_env_add(f->d->c, key, value = fallback);
	cleanup(mem_freep) char *text = mem_strdup(value);

	for (char *t = strtok_r(text, ";", &save); t; t = strtok_r(NULL, ";", &save)) {
		if (!strchr(t, '?') && strcmp(key, "cpath") == 0)
			draft_error(f->d, place_of(f, key), "Invalid C service path: %s", t);
		else
			config_list_add(list, t);
	}
}

/* The values of a list stand in one text, with ';' between them. */
static void set_values(struct draft *d, const char *section, const char *name, const char *value,
		       struct place at)
{
	const struct schema_key *k = schema_find(section, name);
	cleanup(mem_freep) char *text = mem_strdup(value);
	char *save = NULL;

	if (!k || !schema_is_list(k)) {
		draft_set(d, section, name, value, at);
		return;
	}
	for (char *t = strtok_r(text, ";", &save); t; t = strtok_r(NULL, ";", &save))
		draft_set(d, section, name, t, at);
}

/* harbord_SECTION_KEY. No section has a '_' in its name, many keys have. */
static void set_own(struct chunk *f, const char *whole, const char *value)
{
	const char *key = whole + strlen(OWN_PREFIX);
	size_t n = strcspn(key, "_");
	cleanup(mem_freep) char *section = mem_strndup(key, n);

	if (key[n] && schema_section(section) >= 0 && strcmp(section, "env") != 0)
		set_values(f->d, section, key + n + 1, value, place_of(f, whole));
	else
		draft_error(f->d, place_of(f, whole),
			    "unknown key \"" OWN_PREFIX "%s\": " OWN_PREFIX
			    "SECTION_KEY is SECTION.KEY of a YAML configuration",
			    key);
}

static void set_owns(struct chunk *f)
{
	const struct config *c = f->d->c;
	size_t n = strlen(OWN_PREFIX);

	/* each unknown one costs a look at the whole text */
	for (size_t i = 0; i < c->env_count && f->d->errors->count < CONFIG_ERRORS_MAX; i++)
		if (strncmp(c->env[i].key, OWN_PREFIX, n) == 0)
			set_own(f, c->env[i].key, c->env[i].value);
}

static char *text_of(const struct config *c, const char *key)
{
	const char *value = config_env_get(c, key);

	return value ? mem_strdup(value) : NULL;
}

/* A game that has a logger service of its own is given no file. */
static void set_log(struct chunk *f)
{
	struct config *c = f->d->c;
	const char *file = config_env_get(c, "logger"), *service = config_env_get(c, "logservice");
	bool to_file = file && (!service || strcmp(service, "logger") == 0);

	if (to_file)
		c->log.file = mem_strdup(file);
	draft_set(f->d, "log", "sink", to_file ? "file" : "stdout", (struct place){ 0 });
	draft_set(f->d, "log", "format", to_file ? "dated" : "plain", (struct place){ 0 });
}

static void set_paths(struct chunk *f)
{
	struct config *c = f->d->c;

	copy_list(f, "cpath", &c->lua.service_cpath, "./cservice/?.so");
	copy_list(f, "lua_path", &c->lua.path, "./lualib/?.lua;./lualib/?/init.lua");
	if (config_env_get(c, "lua_cpath")) /* else what the Lua host has */
		copy_list(f, "lua_cpath", &c->lua.cpath, NULL);
	copy_list(f, "luaservice", &c->lua.service_path, "./service/?.lua");
}

static void set_cluster(struct chunk *f)
{
	struct config *c = f->d->c;
	const char *harbor = config_env_get(c, "harbor");

	if (strcmp(harbor, "0") == 0)
		return;
	c->cluster.present = true;
	copy(f, "address", "cluster", "listen");
	copy(f, "master", "cluster", "master");
	if (config_env_get(c, "standalone")) {
		c->master.present = true;
		copy(f, "standalone", "master", "listen");
	}
	if (!config_env_get(c, "address") || !config_env_get(c, "master"))
		draft_error(f->d, place_of(f, "harbor"),
			    "harbor is %s: address and master are needed "
			    "(harbor = 0 for a single node)",
			    harbor);
}

bool skynet_read(struct draft *d, const char *text, size_t size)
{
	struct chunk f = { d, text };
	struct config *c = d->c;

	c->skynet = true;
	if (!eval(&f, size))
		return false;
	if (!config_env_get(c, "harbor"))
		config_env_add(c, "harbor", "1");
	if (!config_env_get(c, "thread"))
		config_env_add(c, "thread", "8");
	copy(&f, "thread", "node", "threads");
	copy(&f, "harbor", "node", "harbor");
	copy(&f, "start", "lua", "start");
	copy(&f, "bootstrap", "lua", "bootstrap");
	c->pid_file = text_of(c, "daemon");
	c->lua.preload = text_of(c, "preload");
	set_log(&f);
	set_paths(&f);
	set_cluster(&f);
	set_owns(&f);
	return true;
}

/* SPDX-License-Identifier: MIT */
/* A configuration's life, its errors, and which of the two loaders reads it. */
#include "conf/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf_priv.h"
#include "core/base/mem.h"

#define FILE_MAX (4u << 20)

const struct config_lua_ops *config_lua;

void config_set_lua(const struct config_lua_ops *ops)
{
	config_lua = ops;
}

void conf_error(struct load *l, unsigned line, unsigned column, const char *fmt, ...)
{
	struct config_errors *e = l->errors;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		mem_exhausted(0);
	va_end(ap);
	if (e->count >= CONF_ERRORS_MAX) {
		mem_free(text);
		return;
	}
	if (e->count == CONF_ERRORS_MAX - 1) {
		mem_free(text);
		text = mem_strdup("there are more errors, which are not shown");
	}
	e->items = mem_realloc(e->items, (e->count + 1) * sizeof(*e->items));
	e->items[e->count++] = (struct config_error){ mem_strdup(l->file), line, column, text };
}

struct place conf_place_at(const char *text, size_t offset)
{
	struct place at = { 1, 1 };

	for (size_t i = 0; i < offset; i++)
		at = text[i] == '\n' ? (struct place){ at.line + 1, 1 } : (struct place){ at.line, at.column + 1 };
	return at;
}

void config_errors_fini(struct config_errors *e)
{
	for (size_t i = 0; i < e->count; i++) {
		mem_free(e->items[i].file);
		mem_free(e->items[i].text);
	}
	mem_free(e->items);
	*e = (struct config_errors){ 0 };
}

void conf_list_add(struct config_list *list, const char *item)
{
	list->items = mem_realloc(list->items, (list->count + 2) * sizeof(*list->items));
	list->items[list->count++] = mem_strdup(item);
	list->items[list->count] = NULL;
}

static void list_fini(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		mem_free(list->items[i]);
	mem_free(list->items);
	*list = (struct config_list){ 0 };
}

void conf_env_add(struct config *c, const char *key, const char *value)
{
	/* the capacity is the next power of two */
	if ((c->env_count & (c->env_count - 1)) == 0)
		c->env = mem_realloc(c->env, (c->env_count ? c->env_count * 2 : 1) * sizeof(*c->env));
	c->env[c->env_count] = (struct config_pair){ mem_strdup(key), mem_strdup(value), c->env_count };
	c->env_count++;
}

static int by_key(const void *a, const void *b)
{
	const struct config_pair *x = a, *y = b;
	int by_name = strcmp(x->key, y->key);

	return by_name ? by_name : (x->order > y->order) - (x->order < y->order);
}

void conf_env_settle(struct config *c)
{
	size_t n = 0;

	if (c->env_count)
		qsort(c->env, c->env_count, sizeof(*c->env), by_key);
	for (size_t i = 0; i < c->env_count; i++) {
		if (i + 1 < c->env_count && strcmp(c->env[i].key, c->env[i + 1].key) == 0) {
			mem_free(c->env[i].key);
			mem_free(c->env[i].value);
		} else {
			c->env[n++] = c->env[i];
		}
	}
	c->env_count = n;
}

struct config *config_destroy(struct config *c)
{
	if (!c)
		return NULL;
	char *const strings[] = { c->file,	 c->pid_file,	     c->node.name,	     c->cluster.name,	 c->cluster.listen,
				  c->cluster.advertise, c->cluster.key_file, c->master.listen,
				  c->master.registry,	c->master.state_dir, c->lua.start,
				  c->lua.bootstrap,	c->lua.preload,	     c->lua.args,
				  c->lua.on_start_error, c->lua.mailbox_policy, c->net.write_policy,
				  c->log.level,		c->log.sink,	     c->log.file,
				  c->log.format,	c->admin.listen };

	for (size_t i = 0; i < array_len(strings); i++)
		mem_free(strings[i]);
	list_fini(&c->warnings);
	list_fini(&c->cluster.master);
	list_fini(&c->lua.service_path);
	list_fini(&c->lua.path);
	list_fini(&c->lua.cpath);
	list_fini(&c->lua.service_cpath);
	for (size_t i = 0; i < c->env_count; i++) {
		mem_free(c->env[i].key);
		mem_free(c->env[i].value);
	}
	mem_free(c->env);
	mem_free(c);
	return NULL;
}

/* A pipe or a device may never end, or never begin: O_NONBLOCK keeps open() from waiting for its writer. */
static FILE *open_regular(const char *file, const char **ret_why)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		*ret_why = strerror(errno);
	else if (S_ISDIR(st.st_mode))
		*ret_why = "it is a folder";
	else if (!S_ISREG(st.st_mode))
		*ret_why = "it is not a regular file";
	else
		return fdopen(fd, "rb");
	if (fd >= 0)
		close(fd);
	return NULL;
}

char *conf_read_file(const char *file, size_t *ret_size, const char **ret_why)
{
	FILE *f = open_regular(file, ret_why);
	char *text;
	size_t n;

	if (!f)
		return NULL;
	text = mem_alloc(FILE_MAX + 1);
	n = fread(text, 1, FILE_MAX + 1, f);
	if (ferror(f) || n > FILE_MAX) {
		*ret_why = ferror(f) ? "reading it fails" : "it is larger than 4 MiB";
		fclose(f);
		mem_free(text);
		return NULL;
	}
	fclose(f);
	text[n] = 0;
	*ret_size = n;
	return mem_realloc(text, n + 1);
}

static bool looks_like_lua(const char *file)
{
	const char *dot = strrchr(file, '.');

	return dot && strcmp(dot, ".lua") == 0;
}

/* Behind the comment that begins here with "--": a line, or a block in long brackets. */
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

/* Not YAML by its name, and the first line that says anything is an assignment, key = value, or
 * begins with a word of Lua. */
static bool reads_like_lua(const char *file, const char *text)
{
	static const char *const words[] = { "include", "local", "function", "if", "do", "for", "while" };
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

int config_parse(const char *file, const char *text, size_t size, struct config **ret,
		 struct config_errors *ret_errors)
{
	struct load l = { .file = file, .errors = ret_errors };

	*ret_errors = (struct config_errors){ 0 };
	l.c = mem_zalloc(sizeof(*l.c));
	l.c->file = mem_strdup(file);
	if (config_lua && (looks_like_lua(file) || reads_like_lua(file, text)))
		conf_load_skynet(&l, text, size);
	else
		conf_load_yaml(&l, text, size);
	for (size_t i = 0; i < l.address_count; i++)
		mem_free(l.addresses[i].text);
	mem_free(l.addresses);
	if (ret_errors->count) {
		config_destroy(l.c);
		return -EINVAL;
	}
	*ret = l.c;
	return 0;
}

int config_load(const char *file, struct config **ret, struct config_errors *ret_errors)
{
	size_t size;
	const char *why;
	char *text = conf_read_file(file, &size, &why);
	int r;

	if (!text) {
		struct load l = { .file = file, .errors = ret_errors };

		*ret_errors = (struct config_errors){ 0 };
		conf_error(&l, 0, 0, "cannot read it: %s", why);
		return -EINVAL;
	}
	r = config_parse(file, text, size, ret, ret_errors);
	mem_free(text);
	return r;
}

/* SPDX-License-Identifier: MIT */
/* The table of keys (schema.def) at work: text to value, defaults, and what belongs together. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf_priv.h"
#include "core/mem.h"

enum type { STRING, BOOL, UINT, MS, BYTES, LIST, CHOICE, HARBOR, THREADS, PATH, TEMPLATES };

static const struct key {
	const char *section, *name;
	enum type type;
	size_t offset;
	uint64_t low, high;
	const char *fallback, *help;
} keys[] = {
#define KEY(section, name, type, member, low, high, fallback, help)                                \
	{ #section, #name, type, offsetof(struct config, member), low, high, fallback, help },
#include "conf/schema.def"
#undef KEY
};

static bool is_set[array_len(keys)]; /* of the load in progress; one thread, at start */

static const char *const sections[] = { "node", "cluster", "master", "lua", "log", "admin", "env" };

bool conf_is_section(const char *section)
{
	for (size_t i = 0; i < array_len(sections); i++)
		if (strcmp(sections[i], section) == 0)
			return true;
	return false;
}

/* Edit distance, bounded words. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t n = strlen(b);

	if (n >= array_len(row))
		return UINT_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

const char *conf_nearest(const char *section, const char *word)
{
	const char *best = NULL;
	unsigned least = 4;

	if (!section) {
		for (size_t i = 0; i < array_len(sections); i++)
			if (distance(word, sections[i]) < least) {
				least = distance(word, sections[i]);
				best = sections[i];
			}
		return best;
	}
	for (size_t i = 0; i < array_len(keys); i++)
		if (strcmp(keys[i].section, section) == 0 && distance(word, keys[i].name) < least) {
			least = distance(word, keys[i].name);
			best = keys[i].name;
		}
	return best;
}

static bool parse_number(const char *text, uint64_t *ret, const char **ret_rest)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	*ret_rest = end;
	return errno == 0;
}

static bool parse_scaled(const char *text, bool duration, uint64_t *ret)
{
	static const struct {
		const char *suffix;
		uint64_t scale;
	} times[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 } },
	  sizes[] = { { "", 1 },	  { "B", 1 },	       { "KiB", 1024 },
		      { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { "k", 1024 } };
	const char *rest;
	uint64_t n;

	if (!parse_number(text, &n, &rest))
		return false;
	for (size_t i = 0; i < (duration ? array_len(times) : array_len(sizes)); i++) {
		uint64_t scale = duration ? times[i].scale : sizes[i].scale;

		if (strcmp(rest, duration ? times[i].suffix : sizes[i].suffix) == 0) {
			*ret = n * scale;
			return n <= UINT64_MAX / scale;
		}
	}
	return false;
}

/* Relative to the folder of the configuration. */
static char *resolve_path(const struct load *l, const char *text)
{
	const char *slash = strrchr(l->file, '/');

	if (text[0] == '/' || !slash)
		return mem_strdup(text);
	return mem_printf("%.*s/%s", (int)(slash - l->file), l->file, text);
}

static bool is_choice(const char *choices, const char *text)
{
	size_t n = strlen(text);

	for (const char *p = choices; *p;) {
		size_t len = strcspn(p, "|");

		if (len == n && memcmp(p, text, n) == 0)
			return true;
		p += len + (p[len] == '|');
	}
	return false;
}

static void set_string(void *at, char *text_take)
{
	mem_free(*(char **)at);
	*(char **)at = text_take;
}

static void set_key(struct load *l, const struct key *k, const char *text, unsigned line, unsigned column)
{
	void *at = (char *)l->c + k->offset;
	const char *rest;
	uint64_t n;

	switch (k->type) {
	case STRING:
		if (strlen(text) < k->low || (k->high && strlen(text) > k->high)) {
			conf_error(l, line, column, "%s.%s: %llu to %llu bytes, not %zu", k->section,
				   k->name, (unsigned long long)k->low, (unsigned long long)k->high,
				   strlen(text));
			return;
		}
		set_string(at, mem_strdup(text));
		return;
	case PATH:
		set_string(at, resolve_path(l, text));
		return;
	case BOOL:
		if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
			*(bool *)at = text[0] == 't';
			return;
		}
		conf_error(l, line, column, "%s.%s: true or false, not \"%s\"", k->section, k->name, text);
		return;
	case CHOICE:
		if (is_choice(k->fallback, text))
			set_string(at, mem_strdup(text));
		else
			conf_error(l, line, column, "%s.%s: one of %s, not \"%s\"", k->section, k->name,
				   k->fallback, text);
		return;
	case LIST:
		conf_list_add(at, text);
		return;
	case TEMPLATES: {
		cleanup(mem_freep) char *path = resolve_path(l, text);

		if (!strchr(text, '?'))
			conf_error(l, line, column, "%s.%s: the template \"%s\" has no \"?\"", k->section,
				   k->name, text);
		else
			conf_list_add(at, path);
		return;
	}
	case MS:
	case BYTES:
		if (!parse_scaled(text, k->type == MS, &n)) {
			conf_error(l, line, column, "%s.%s: %s, not \"%s\"", k->section, k->name,
				   k->type == MS ? "a time like 500ms, 5s, 2min" :
						   "a size like 65536, 64KiB, 256MiB",
				   text);
			return;
		}
		break;
	case HARBOR:
		if (strcmp(text, "auto") == 0) {
			l->c->node.harbor_auto = true;
			return;
		}
		if (!parse_number(text, &n, &rest) || *rest) {
			conf_error(l, line, column, "node.harbor: auto or 0 to 255, not \"%s\"", text);
			return;
		}
		break;
	case THREADS:
		if (strcmp(text, "auto") == 0) {
			*(unsigned *)at = 0;
			return;
		}
		if (!parse_number(text, &n, &rest) || *rest || n == 0) {
			conf_error(l, line, column, "node.threads: auto or 1 to 256, not \"%s\"", text);
			return;
		}
		break;
	default:
		if (!parse_number(text, &n, &rest) || *rest) {
			conf_error(l, line, column, "%s.%s: a number, not \"%s\"", k->section, k->name,
				   text);
			return;
		}
	}
	if (n < k->low || n > k->high) {
		conf_error(l, line, column, "%s.%s: %llu is not in %llu..%llu", k->section, k->name,
			   (unsigned long long)n, (unsigned long long)k->low,
			   (unsigned long long)k->high);
		return;
	}
	if (k->type == BYTES)
		*(uint64_t *)at = n;
	else
		*(uint32_t *)at = (uint32_t)n;
}

static const struct key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < array_len(keys); i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

bool conf_key_is_list(const char *section, const char *name)
{
	const struct key *k = find_key(section, name);

	return k && (k->type == LIST || k->type == TEMPLATES);
}

bool conf_check_key(struct load *l, const char *section, const char *name, unsigned line, unsigned column)
{
	const char *near;

	if (find_key(section, name))
		return true;
	near = conf_nearest(section, name);
	if (near)
		conf_error(l, line, column, "unknown key \"%s\" in %s, did you mean \"%s\"?", name, section,
			   near);
	else
		conf_error(l, line, column, "unknown key \"%s\" in %s", name, section);
	return false;
}

void conf_set(struct load *l, const char *section, const char *name, const char *text, unsigned line,
	      unsigned column)
{
	const struct key *k = find_key(section, name);

	if (!conf_check_key(l, section, name, line, column))
		return;
	is_set[k - keys] = true;
	set_key(l, k, text, line, column);
}

/* ---- what belongs together ---- */

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0 ||
	       strncmp(address, "localhost:", 10) == 0;
}

static void check_address(struct load *l, const char *key, const char *address)
{
	const char *colon = strrchr(address, ':');
	uint64_t port;
	const char *rest;

	if (!colon || !parse_number(colon + 1, &port, &rest) || *rest || port > 65535)
		conf_error(l, 0, 0, "%s: ip:port, not \"%s\"", key, address);
	else if (!is_loopback(address) && !l->c->cluster.insecure)
		conf_error(l, 0, 0,
			   "%s: %s is not a loopback address and links are not encrypted; "
			   "say cluster.insecure: true if the network is trusted",
			   key, address);
}

static void check_cluster(struct load *l)
{
	struct config *c = l->c;

	if (!c->cluster.present && !c->master.present)
		return;
	if (c->cluster.present && !c->cluster.listen)
		conf_error(l, 0, 0, "cluster.listen is missing");
	if (c->cluster.present && c->cluster.master.count == 0)
		conf_error(l, 0, 0, "cluster.master is missing");
	if (c->master.present && !c->cluster.present)
		conf_error(l, 0, 0, "a node with a section master needs a section cluster, too");
	if (c->master.present && !c->master.listen)
		conf_error(l, 0, 0, "master.listen is missing");
	if (c->cluster.listen)
		check_address(l, "cluster.listen", c->cluster.listen);
	if (c->master.listen)
		check_address(l, "master.listen", c->master.listen);
	for (size_t i = 0; i < c->cluster.master.count; i++)
		check_address(l, "cluster.master", c->cluster.master.items[i]);
	if (c->cluster.dead_ms <= c->cluster.heartbeat_ms)
		conf_error(l, 0, 0, "cluster.dead_after must be longer than cluster.heartbeat");
}

void conf_finish(struct load *l)
{
	struct config *c = l->c;

	for (size_t i = 0; i < array_len(keys); i++) {
		if (!is_set[i] && keys[i].fallback) {
			cleanup(mem_freep) char *first =
				mem_strndup(keys[i].fallback, strcspn(keys[i].fallback, "|"));

			set_key(l, &keys[i], first, 0, 0);
		}
		is_set[i] = false;
	}
	if (!c->node.name) {
		char host[64] = "node";

		(void)gethostname(host, sizeof(host) - 1);
		c->node.name = mem_strdup(host);
	}
	if ((c->node.harbor || c->node.harbor_auto) && !c->cluster.present)
		conf_error(l, 0, 0, "node.harbor asks for a cluster, but there is no section cluster");
	if (c->cluster.present && !c->node.harbor)
		c->node.harbor_auto = true;
	if (c->log.file && strcmp(c->log.sink, "auto") == 0)
		set_string(&c->log.sink, mem_strdup("file"));
	if (strcmp(c->log.sink, "file") == 0 && !c->log.file)
		conf_error(l, 0, 0, "log.sink is file, but log.file is missing");
	if (c->admin.listen && strncmp(c->admin.listen, "unix:", 5) != 0)
		conf_error(l, 0, 0, "admin.listen: unix:/path, not \"%s\"", c->admin.listen);
	check_cluster(l);
}

/* SPDX-License-Identifier: MIT */
/* The table of keys (schema.def) at work: text to value, defaults, and what belongs together. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf_priv.h"
#include "core/base/mem.h"

enum type { STRING, BOOL, UINT, MS, BYTES, ADDRESS, ADDRESSES, SOCKET, CHOICE, HARBOR, THREADS, PATH, TEMPLATES };

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

static const char *const sections[] = { "node", "cluster", "master", "lua", "net", "log", "admin", "env" };

_Static_assert(array_len(keys) == CONF_KEYS, "both come from schema.def");
_Static_assert(array_len(sections) == CONF_SECTIONS, "the head says how many there are");

struct place *conf_section(struct load *l, const char *section)
{
	for (size_t i = 0; i < array_len(sections); i++)
		if (strcmp(sections[i], section) == 0)
			return &l->sections[i];
	return NULL;
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

/* Relative to the folder of the configuration; in a skynet-style one paths are relative to the
 * working directory. */
static char *resolve_path(const struct load *l, const char *text)
{
	const char *slash = strrchr(l->file, '/');

	if (text[0] == '/' || !slash || l->c->skynet)
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

static bool is_port(const char *text)
{
	const char *rest;
	uint64_t port;

	return parse_number(text, &port, &rest) && !*rest && port <= 65535;
}

/* An error at the value of k, which begins with the key's name; returns false for the caller to return. */
static bool bad(struct load *l, const struct key *k, const char *fmt, ...) printf_like(3, 4);
static bool bad(struct load *l, const struct key *k, const char *fmt, ...)
{
	cleanup(mem_freep) char *text = NULL;
	struct place at = l->keys[k - keys];
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		mem_exhausted(0);
	va_end(ap);
	conf_error(l, at.line, at.column, "%s.%s: %s", k->section, k->name, text);
	return false;
}

static bool set_bool(struct load *l, const struct key *k, void *at, const char *text)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return bad(l, k, "true or false, not \"%s\"", text);
	*(bool *)at = text[0] == 't';
	return true;
}

static bool set_choice(struct load *l, const struct key *k, void *at, const char *text)
{
	if (!is_choice(k->fallback, text))
		return bad(l, k, "one of %s, not \"%s\"", k->fallback, text);
	set_string(at, mem_strdup(text));
	return true;
}

static bool set_address(struct load *l, const struct key *k, void *at, const char *text)
{
	const char *colon = strrchr(text, ':');

	if (!colon || colon == text || !is_port(colon + 1) || strlen(text) > k->high)
		return bad(l, k, "ip:port, not \"%s\"", text);
	if (k->type == ADDRESS)
		set_string(at, mem_strdup(text));
	else
		conf_list_add(at, text);
	l->addresses = mem_realloc(l->addresses, (l->address_count + 1) * sizeof(*l->addresses));
	l->addresses[l->address_count++] =
		(struct conf_address){ k->section, k->name, mem_strdup(text), l->keys[k - keys] };
	return true;
}

/* "unix:" and a path, which is made absolute: sockets have no others. */
static bool set_socket(struct load *l, const struct key *k, void *at, const char *text)
{
	cleanup(mem_freep) char *path = NULL, *folder = NULL;

	if (strncmp(text, "unix:", 5) != 0 || !text[5])
		return bad(l, k, "unix:/path, not \"%s\"", text);
	if (text[5] == '@') {
		set_string(at, mem_strdup(text));
		return true;
	}
	path = resolve_path(l, text + 5);
	folder = path[0] == '/' ? mem_strdup("") : getcwd(NULL, 0);
	if (!folder)
		return bad(l, k, "the working folder is not to be had: %s", strerror(errno));
	set_string(at, mem_printf("unix:%s%s%s", folder, *folder ? "/" : "", path));
	return true;
}

static bool set_template(struct load *l, const struct key *k, void *at, const char *text)
{
	cleanup(mem_freep) char *path = resolve_path(l, text);

	if (!strchr(text, '?'))
		return bad(l, k, "the template \"%s\" has no \"?\"", text);
	conf_list_add(at, path);
	return true;
}

/* Text to the number that it says, by the key's type; what is no number has been set when *ret_done is true. */
static bool read_number(struct load *l, const struct key *k, const char *text, uint64_t *ret, bool *ret_done)
{
	bool is_auto = strcmp(text, "auto") == 0;
	const char *rest;

	*ret_done = false;
	switch (k->type) {
	case MS:
		return parse_scaled(text, true, ret) || bad(l, k, "a time like 500ms, 5s, 2min, not \"%s\"", text);
	case BYTES:
		return parse_scaled(text, false, ret) ||
		       bad(l, k, "a size like 65536, 64KiB, 256MiB, not \"%s\"", text);
	case HARBOR:
		*ret_done = l->c->node.harbor_auto = is_auto;
		return is_auto || (parse_number(text, ret, &rest) && !*rest) ||
		       bad(l, k, "auto or 0 to 255, not \"%s\"", text);
	case THREADS:
		*ret = 0;
		return is_auto || (parse_number(text, ret, &rest) && !*rest && *ret) ||
		       bad(l, k, "auto or 1 to 256, not \"%s\"", text);
	default:
		return (parse_number(text, ret, &rest) && !*rest) || bad(l, k, "a number, not \"%s\"", text);
	}
}

static bool set_number(struct load *l, const struct key *k, void *at, const char *text)
{
	uint64_t n;
	bool done;

	if (!read_number(l, k, text, &n, &done))
		return false;
	if (done)
		return true;
	if (n < k->low || n > k->high)
		return bad(l, k, "%llu is not in %llu..%llu", (unsigned long long)n, (unsigned long long)k->low,
			   (unsigned long long)k->high);
	if (k->type == BYTES)
		*(uint64_t *)at = n;
	else
		*(uint32_t *)at = (uint32_t)n;
	return true;
}

/* Returns false after an error; the key keeps the value that it had. */
static bool set_key(struct load *l, const struct key *k, const char *text)
{
	void *at = (char *)l->c + k->offset;

	switch (k->type) {
	case STRING:
		if (strlen(text) < k->low || (k->high && strlen(text) > k->high))
			return bad(l, k, "%llu to %llu bytes, not %zu", (unsigned long long)k->low,
				   (unsigned long long)k->high, strlen(text));
		set_string(at, mem_strdup(text));
		return true;
	case PATH:
		set_string(at, resolve_path(l, text));
		return true;
	case BOOL:
		return set_bool(l, k, at, text);
	case CHOICE:
		return set_choice(l, k, at, text);
	case ADDRESS:
	case ADDRESSES:
		return set_address(l, k, at, text);
	case SOCKET:
		return set_socket(l, k, at, text);
	case TEMPLATES:
		return set_template(l, k, at, text);
	default:
		return set_number(l, k, at, text);
	}
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

	return k && (k->type == ADDRESSES || k->type == TEMPLATES);
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
	l->keys[k - keys] = (struct place){ line, column };
	l->good[k - keys] = set_key(l, k, text);
}

const struct place *conf_seen(const struct load *l, const char *section, const char *name)
{
	const struct key *k = find_key(section, name);

	return k && l->keys[k - keys].line ? &l->keys[k - keys] : NULL;
}

/* ---- what belongs together ---- */

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0 ||
	       strncmp(address, "localhost:", 10) == 0;
}

/* Where a key stands for who writes about it: "4:3", or that nobody wrote it. */
static const char *whereabouts(const struct load *l, const char *section, const char *name, char ret[32])
{
	const struct place *at = conf_seen(l, section, name);

	if (at)
		snprintf(ret, 32, "at %u:%u", at->line, at->column);
	else
		snprintf(ret, 32, "%s", l->good[find_key(section, name) - keys] ? "set" : "the default");
	return ret;
}

/* Where an error about a key that is not there belongs: to its section, or to the whole file. */
static struct place section_place(struct load *l, const char *section)
{
	return *conf_section(l, section);
}

static void missing(struct load *l, const char *section, const char *name)
{
	struct place at = section_place(l, section);

	/* One that was bad has been told, and skynet's keys have other names. */
	if (!conf_seen(l, section, name) && !l->c->skynet)
		conf_error(l, at.line, at.column, "%s.%s is missing", section, name);
}

/* What skynet-style files call the key of an address. */
static const char *skynet_key(const struct conf_address *a)
{
	if (strcmp(a->section, "master") == 0)
		return "standalone";
	return strcmp(a->name, "listen") == 0 ? "address" : a->name;
}

/* A game comes with the addresses that it has, and they are its owner's choice: he is warned. */
static void warn_exposed(struct load *l)
{
	cleanup(mem_freep) char *exposed = mem_strdup(""), *text = NULL;

	for (size_t i = 0; i < l->address_count; i++) {
		const struct conf_address *a = &l->addresses[i];
		char *more;

		if (is_loopback(a->text))
			continue;
		more = mem_printf("%s%s%s %s", exposed, *exposed ? ", " : "", skynet_key(a), a->text);
		mem_free(exposed);
		exposed = more;
	}
	if (!*exposed)
		return;
	text = mem_printf("links between nodes are neither encrypted nor authenticated, and other "
			  "hosts may reach %s: who does can join the cluster and call every service. "
			  "Cure: loopback addresses, or a firewall before these ports; "
			  "harbord_cluster_insecure = true says that the network is trusted",
			  exposed);
	conf_list_add(&l->c->warnings, text);
}

static void check_addresses(struct load *l)
{
	char where[32];

	if (l->c->cluster.insecure)
		return;
	if (l->c->skynet) {
		warn_exposed(l);
		return;
	}
	for (size_t i = 0; i < l->address_count; i++) {
		const struct conf_address *a = &l->addresses[i];

		if (!is_loopback(a->text))
			conf_error(l, a->at.line, a->at.column,
				   "%s.%s: %s is not a loopback address and links are not encrypted; say "
				   "cluster.insecure: true (it is false, %s) if the network is trusted",
				   a->section, a->name, a->text, whereabouts(l, "cluster", "insecure", where));
	}
}

static void check_cluster(struct load *l)
{
	struct place master = section_place(l, "master");
	struct config *c = l->c;
	char where[32];

	if (c->cluster.present && !c->cluster.listen)
		missing(l, "cluster", "listen");
	if (c->cluster.present && c->cluster.master.count == 0)
		missing(l, "cluster", "master");
	if (c->master.present && !c->cluster.present)
		conf_error(l, master.line, master.column,
			   "a node with a section master needs a section cluster, too");
	if (c->master.present && !c->master.listen)
		missing(l, "master", "listen");
	check_addresses(l);
	if (c->cluster.dead_ms <= c->cluster.heartbeat_ms) {
		const struct place *at = conf_seen(l, "cluster", "dead_after");

		at = at ? at : conf_seen(l, "cluster", "heartbeat");
		conf_error(l, at ? at->line : 0, at ? at->column : 0,
			   "cluster.dead_after (%u ms) must be longer than cluster.heartbeat (%u ms, %s)",
			   c->cluster.dead_ms, c->cluster.heartbeat_ms,
			   whereabouts(l, "cluster", "heartbeat", where));
	}
}

static void check_log(struct load *l)
{
	struct place at = section_place(l, "log");
	struct config *c = l->c;
	const struct place *sink = conf_seen(l, "log", "sink");

	if (c->log.file && strcmp(c->log.sink, "auto") == 0)
		set_string(&c->log.sink, mem_strdup("file"));
	if (strcmp(c->log.sink, "file") == 0 && !c->log.file && !conf_seen(l, "log", "file"))
		conf_error(l, sink ? sink->line : at.line, sink ? sink->column : at.column,
			   "log.sink is file, but log.file is missing");
}

static void check_name(struct load *l)
{
	const struct place *at = conf_seen(l, "node", "name");
	struct config *c = l->c;

	if (!c->node.name)
		c->node.name = conf_default_name(c);
	else if (!config_name_ok(c->node.name))
		conf_error(l, at ? at->line : 0, at ? at->column : 0,
			   "node.name: 1 to %d letters, digits, '_', '-' and '.', not \"%s\"", CONFIG_NAME_MAX,
			   c->node.name);
}

static void set_defaults(struct load *l)
{
	for (size_t i = 0; i < array_len(keys); i++) {
		if (l->good[i] || !keys[i].fallback)
			continue;
		cleanup(mem_freep) char *first = mem_strndup(keys[i].fallback, strcspn(keys[i].fallback, "|"));

		(void)set_key(l, &keys[i], first);
	}
}

void conf_finish(struct load *l)
{
	const struct place *harbor = conf_seen(l, "node", "harbor");
	struct config *c = l->c;

	set_defaults(l);
	conf_env_settle(c);
	check_name(l);
	if ((c->node.harbor || c->node.harbor_auto) && !c->cluster.present)
		conf_error(l, harbor ? harbor->line : 0, harbor ? harbor->column : 0,
			   "node.harbor asks for a cluster, but there is no section cluster");
	if (c->cluster.present && !c->node.harbor)
		c->node.harbor_auto = true;
	check_log(l);
	check_cluster(l);
}

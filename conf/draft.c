/* SPDX-License-Identifier: MIT */
/* The draft at work: text becomes a value by the type of its key. */
#include "conf/draft.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/keyfile.h"
#include "core/base/mem.h"
#include "core/base/must.h"

void draft_error(struct draft *d, struct place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	config_verror(d->errors, d->file, at, fmt, ap);
	va_end(ap);
}

void draft_fini(struct draft *d)
{
	for (size_t i = 0; i < d->address_count; i++)
		mem_free(d->addresses[i].text);
	mem_free(d->addresses);
}

struct place *draft_section(struct draft *d, const char *section)
{
	int i = schema_section(section);

	return i < 0 ? NULL : &d->sections[i];
}

bool draft_is_here(const struct draft *d, struct place at)
{
	return at.line && at.file == d->file;
}

struct place draft_place(const struct draft *d, const char *section, const char *name)
{
	const struct schema_key *k = schema_find(section, name);

	return k ? d->c->places[k - schema_keys] : (struct place){ 0 };
}

bool draft_is_good(const struct draft *d, const char *section, const char *name)
{
	const struct schema_key *k = schema_find(section, name);

	must(k);
	return d->good[k - schema_keys];
}

bool draft_check_key(struct draft *d, const char *section, const char *name, struct place at)
{
	const char *near;

	if (schema_find(section, name))
		return true;
	near = schema_nearest(section, name);
	if (near)
		draft_error(d, at, "unknown key \"%s\" in %s, did you mean \"%s\"?", name, section,
			    near);
	else
		draft_error(d, at, "unknown key \"%s\" in %s", name, section);
	return false;
}

/* ---- numbers ---- */

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

/* Reads a duration, to milliseconds, or a size, to bytes. */
static bool parse_scaled(const char *text, bool duration, uint64_t *ret)
{
	static const struct {
		const char *suffix;
		uint64_t scale;
	} times[] = { { "", 1000 },
		      { "ms", 1 },
		      { "s", 1000 },
		      { "min", 60000 },
		      { "h", 3600000 } },
	  sizes[] = { { "", 1 },	  { "B", 1 },	      { "KiB", 1024 },
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

/* ---- values ---- */

/* Paths of a YAML file are relative to its folder, those of a skynet-style one to the working
 * directory. */
static char *resolve_path(const struct draft *d, const char *text)
{
	const char *slash = strrchr(d->file, '/');

	if (text[0] == '/' || !slash || d->c->skynet)
		return mem_strdup(text);
	return mem_printf("%.*s/%s", (int)(slash - d->file), d->file, text);
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

/* Adds an error at the value of k, which begins with the key's name. Returns false, for the caller
 * to return. */
printf_like(3, 4) static bool bad(struct draft *d, const struct schema_key *k, const char *fmt, ...)
{
	cleanup(mem_freep) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		mem_exhausted(0);
	va_end(ap);
	draft_error(d, d->c->places[k - schema_keys], "%s.%s: %s", k->section, k->name, text);
	return false;
}

static bool set_bool(struct draft *d, const struct schema_key *k, void *at, const char *text)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return bad(d, k, "true or false, not \"%s\"", text);
	*(bool *)at = text[0] == 't';
	return true;
}

static bool set_choice(struct draft *d, const struct schema_key *k, void *at, const char *text)
{
	if (!is_choice(k->fallback, text))
		return bad(d, k, "one of %s, not \"%s\"", k->fallback, text);
	set_string(at, mem_strdup(text));
	return true;
}

static bool is_address(const struct schema_key *k, const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon && colon != text && is_port(colon + 1) && strlen(text) <= k->high;
}

static void note_address(struct draft *d, const struct schema_key *k, const char *text)
{
	d->addresses = mem_realloc(d->addresses, (d->address_count + 1) * sizeof(*d->addresses));
	d->addresses[d->address_count++] = (struct draft_address){ k, mem_strdup(text),
								   d->c->places[k - schema_keys] };
}

static bool set_address(struct draft *d, const struct schema_key *k, void *at, const char *text)
{
	if (!is_address(k, text))
		return bad(d, k, "ip:port, not \"%s\"", text);
	if (k->type == SCHEMA_ADDRESS)
		set_string(at, mem_strdup(text));
	else
		config_list_add(at, text);
	note_address(d, k, text);
	return true;
}

/* One gateway of another cluster: the name becomes part of what programs call it by. */
static bool set_cluster(struct draft *d, const struct schema_key *k, void *at, const char *text)
{
	size_t name = strcspn(text, "=");

	if (name < 1 || name > 63 || strcspn(text, " @.;") < name || !text[name] ||
	    !is_address(k, text + name + 1))
		return bad(d, k, "NAME=ip:port, not \"%s\"", text);
	config_list_add(at, text);
	note_address(d, k, text + name + 1);
	return true;
}

/* "unix:" and a path, which is made absolute: sockets have no others. */
static bool set_socket(struct draft *d, const struct schema_key *k, void *at, const char *text)
{
	cleanup(mem_freep) char *path = NULL, *folder = NULL;

	if (strncmp(text, "unix:", 5) != 0 || !text[5])
		return bad(d, k, "unix:/path, not \"%s\"", text);
	if (text[5] == '@') {
		set_string(at, mem_strdup(text));
		return true;
	}
	path = resolve_path(d, text + 5);
	folder = path[0] == '/' ? mem_strdup("") : getcwd(NULL, 0);
	if (!folder)
		return bad(d, k, "the working folder is not to be had: %s", strerror(errno));
	set_string(at, mem_printf("unix:%s%s%s", folder, *folder ? "/" : "", path));
	return true;
}

static bool set_template(struct draft *d, const struct schema_key *k, void *at, const char *text)
{
	cleanup(mem_freep) char *path = resolve_path(d, text);

	if (!strchr(text, '?'))
		return bad(d, k, "the template \"%s\" has no \"?\"", text);
	config_list_add(at, path);
	return true;
}

/* Reads the number that the text says, by the key's type. *ret_done: it says something that is no
 * number, and that has been set. Returns false after an error. */
static bool read_number(struct draft *d, const struct schema_key *k, const char *text,
			uint64_t *ret, bool *ret_done)
{
	bool is_auto = strcmp(text, "auto") == 0;
	const char *rest;

	*ret_done = false;
	switch (k->type) {
	case SCHEMA_MS:
		return parse_scaled(text, true, ret) ||
		       bad(d, k, "a time like 500ms, 5s, 2min, not \"%s\"", text);
	case SCHEMA_BYTES:
		return parse_scaled(text, false, ret) ||
		       bad(d, k, "a size like 65536, 64KiB, 256MiB, not \"%s\"", text);
	case SCHEMA_HARBOR:
		*ret_done = d->c->node.harbor_auto = is_auto;
		return is_auto || (parse_number(text, ret, &rest) && !*rest) ||
		       bad(d, k, "auto or 0 to 255, not \"%s\"", text);
	case SCHEMA_THREADS:
		*ret = 0;
		return is_auto || (parse_number(text, ret, &rest) && !*rest && *ret) ||
		       bad(d, k, "auto or 1 to 256, not \"%s\"", text);
	default:
		return (parse_number(text, ret, &rest) && !*rest) ||
		       bad(d, k, "a number, not \"%s\"", text);
	}
}

static bool set_number(struct draft *d, const struct schema_key *k, void *at, const char *text)
{
	uint64_t n;
	bool done;

	if (!read_number(d, k, text, &n, &done))
		return false;
	if (done)
		return true;
	if (n < k->low || n > k->high)
		return bad(d, k, "%llu is not in %llu..%llu", (unsigned long long)n,
			   (unsigned long long)k->low, (unsigned long long)k->high);
	if (k->type == SCHEMA_BYTES)
		*(uint64_t *)at = n;
	else
		*(uint32_t *)at = (uint32_t)n;
	return true;
}

/* Returns false after an error; the key keeps the value that it had. */
static bool set_key(struct draft *d, const struct schema_key *k, const char *text)
{
	void *at = (char *)d->c + k->offset;

	switch (k->type) {
	case SCHEMA_STRING:
		if (strlen(text) < k->low || (k->high && strlen(text) > k->high))
			return bad(d, k, "%llu to %llu bytes, not %zu", (unsigned long long)k->low,
				   (unsigned long long)k->high, strlen(text));
		set_string(at, mem_strdup(text));
		return true;
	case SCHEMA_PATH:
		set_string(at, resolve_path(d, text));
		return true;
	case SCHEMA_SECRET:
		set_string(at,
			   keyfile_is_credential(text) ? mem_strdup(text) : resolve_path(d, text));
		return true;
	case SCHEMA_BOOL:
		return set_bool(d, k, at, text);
	case SCHEMA_CHOICE:
		return set_choice(d, k, at, text);
	case SCHEMA_ADDRESS:
	case SCHEMA_ADDRESSES:
		return set_address(d, k, at, text);
	case SCHEMA_CLUSTERS:
		return set_cluster(d, k, at, text);
	case SCHEMA_SOCKET:
		return set_socket(d, k, at, text);
	case SCHEMA_TEMPLATES:
		return set_template(d, k, at, text);
	default:
		return set_number(d, k, at, text);
	}
}

/* ---- setting ---- */

/* Drops what an earlier file said, where a value would be added to it. */
static void forget(struct draft *d, const struct schema_key *k)
{
	size_t n = 0;

	if (schema_is_list(k))
		config_list_clear((struct config_list *)((char *)d->c + k->offset));
	for (size_t i = 0; i < d->address_count; i++) {
		if (d->addresses[i].key == k)
			mem_free(d->addresses[i].text);
		else
			d->addresses[n++] = d->addresses[i];
	}
	d->address_count = n;
}

void draft_set(struct draft *d, const char *section, const char *name, const char *text,
	       struct place at)
{
	const struct schema_key *k = schema_find(section, name);
	const char *before;

	must(text);
	if (!draft_check_key(d, section, name, at))
		return;
	at = draft_here(d, at);
	before = d->c->places[k - schema_keys].file;
	if (before && before != d->file)
		forget(d, k);
	d->c->places[k - schema_keys] = at;
	d->good[k - schema_keys] = set_key(d, k, text);
}

void draft_set_written(struct draft *d, const char *section, const char *name, const char *text)
{
	const struct schema_key *k = schema_find(section, name);
	char **written;

	if (!k)
		return;
	written = &d->c->written[k - schema_keys];
	mem_free(*written);
	*written = text ? mem_strdup(text) : NULL;
}

struct place draft_here(const struct draft *d, struct place at)
{
	at.file = d->file;
	return at;
}

void draft_set_defaults(struct draft *d)
{
	for (size_t i = 0; i < SCHEMA_KEYS; i++) {
		const struct schema_key *k = &schema_keys[i];

		if (d->good[i] || !k->fallback)
			continue;
		cleanup(mem_freep) char *text = mem_strndup(k->fallback, schema_fallback_length(k));

		(void)set_key(d, k, text);
	}
}

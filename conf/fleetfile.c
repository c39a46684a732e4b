/* SPDX-License-Identifier: MIT */
/* The whole file is one document of libyaml, whose text the fleet points into. Each level knows its
 * keys, so that a word which nobody reads is an error and not silence. */
#include "conf/fleetfile.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/base/file.h"
#include "core/base/keyfile.h"
#include "conf/nodename.h"
#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/nearest.h"
#include "core/base/text.h"

#define FILE_MAX ((size_t)256 << 10)

struct fleet_document {
	yaml_document_t yaml;
};

struct reader {
	struct fleet *f;
	yaml_document_t *doc;
	const char *file;
	struct config_errors *errors;
};

/* What a level may say: NAME, and whether its value is a map. */
struct word {
	const char *name;
	bool map, needed;
};

static struct place place_of(const yaml_node_t *n)
{
	return (struct place){ .line = (unsigned)n->start_mark.line + 1,
			       .column = (unsigned)n->start_mark.column + 1 };
}

static const char *scalar(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE &&
			       strlen((const char *)n->data.scalar.value) == n->data.scalar.length
		       ? (const char *)n->data.scalar.value
		       : NULL;
}

static yaml_node_t *get(const struct reader *r, int id)
{
	return yaml_document_get_node(r->doc, id);
}

#define wrong(r, node, ...) config_error((r)->errors, (r)->file, place_of(node), __VA_ARGS__)

/* ---- maps ---- */

/* The value of a key; NULL: it is not there. */
static yaml_node_t *value_of(const struct reader *r, const yaml_node_t *map, const char *name,
			     int *ret_id)
{
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		const char *key = scalar(get(r, p->key));

		if (!key || strcmp(key, name) != 0)
			continue;
		if (ret_id)
			*ret_id = p->value;
		return get(r, p->value);
	}
	return NULL;
}

static bool is_map(const struct reader *r, const yaml_node_t *n, const char *what)
{
	if (n->type == YAML_MAPPING_NODE)
		return true;
	wrong(r, n, "%s: a map is expected", what);
	return false;
}

/* Every key is a plain word and stands once. */
static bool keys_are_words(const struct reader *r, const yaml_node_t *map, const char *what)
{
	size_t before = r->errors->total;

	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *key = get(r, p->key);

		if (!scalar(key))
			wrong(r, key, "%s: a key must be a word", what);
		else if (value_of(r, map, scalar(key), NULL) != get(r, p->value))
			wrong(r, key, "%s: \"%s\" stands here a second time", what, scalar(key));
	}
	return r->errors->total == before;
}

static const struct word *find_word(const struct word *words, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i].name, name) == 0)
			return &words[i];
	return NULL;
}

static void unknown(const struct reader *r, const yaml_node_t *key, const char *what,
		    const struct word *words, size_t n)
{
	struct nearest near = nearest_begin(scalar(key));
	const char *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (nearest_is_better(&near, words[i].name))
			best = words[i].name;
	if (best)
		wrong(r, key, "%s: unknown key \"%s\", did you mean \"%s\"?", what, scalar(key),
		      best);
	else
		wrong(r, key, "%s: unknown key \"%s\"", what, scalar(key));
}

/* A map with no other keys than these, whose values are of the right kind. */
static bool check_map(const struct reader *r, const yaml_node_t *map, const char *what,
		      const struct word *words, size_t n)
{
	size_t before = r->errors->total;

	if (!is_map(r, map, what) || !keys_are_words(r, map, what))
		return false;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *key = get(r, p->key), *value = get(r, p->value);
		const struct word *w = find_word(words, n, scalar(key));

		if (!w)
			unknown(r, key, what, words, n);
		else if (w->map)
			is_map(r, value, w->name);
		else if (!scalar(value))
			wrong(r, value, "%s: one plain value is expected", w->name);
	}
	for (size_t i = 0; i < n; i++)
		if (words[i].needed && !value_of(r, map, words[i].name, NULL))
			wrong(r, map, "%s: \"%s\" is missing", what, words[i].name);
	return r->errors->total == before;
}

/* ---- hosts and nodes ---- */

static const char *text_of(const struct reader *r, const yaml_node_t *map, const char *name)
{
	return scalar(value_of(r, map, name, NULL));
}

static bool name_ok(const struct reader *r, const yaml_node_t *key, const char *what)
{
	if (config_name_ok(scalar(key)))
		return true;
	wrong(r, key,
	      "%s \"%s\": 1 to 63 letters, digits, '_', '-' and '.', which is not the first", what,
	      scalar(key));
	return false;
}

/* It stands in files and in a line of the plan as it is. */
static bool one_word(const struct reader *r, const yaml_node_t *value)
{
	const char *s = scalar(value);

	if (*s && *s != '-' && !s[strcspn(s, " \t\r\n\"'\\$`;|&<>(){},#")])
		return true;
	wrong(r, value, "\"%s\" is no address", s);
	return false;
}

static void load_host(struct reader *r, const yaml_node_t *key, const yaml_node_t *map)
{
	static const struct word words[] = { { "address", false, true }, { "rsh", false, false } };
	struct fleet_host *h = &r->f->hosts[r->f->host_count];

	if (!check_map(r, map, scalar(key), words, array_len(words)) || !name_ok(r, key, "host") ||
	    !one_word(r, value_of(r, map, "address", NULL)))
		return;
	*h = (struct fleet_host){ .name = scalar(key),
				  .address = text_of(r, map, "address"),
				  .rsh = text_of(r, map, "rsh") };
	if (h->rsh && !one_word(r, value_of(r, map, "rsh", NULL)))
		return;
	if (!h->rsh)
		h->rsh = h->address;
	r->f->host_count++;
}

/* Is it an address, or a network as 10.0.0.0/8? */
static bool is_network(const char *s, size_t n)
{
	const char *slash = memchr(s, '/', n);
	size_t size = slash ? (size_t)(slash - s) : n;
	char address[INET6_ADDRSTRLEN], *end;
	struct in6_addr any;
	unsigned long bits, most;

	if (size >= sizeof(address))
		return false;
	memcpy(address, s, size);
	address[size] = 0;
	most = inet_pton(AF_INET, address, &any) == 1	 ? 32
	       : inet_pton(AF_INET6, address, &any) == 1 ? 128
							 : 0;
	if (!slash || !most)
		return most != 0;
	bits = strtoul(slash + 1, &end, 10);
	return slash[1] >= '0' && slash[1] <= '9' && end == s + n && bits <= most;
}

static void check_addresses(const struct reader *r, const yaml_node_t *value)
{
	const char *s = value ? scalar(value) : "";
	size_t n;

	if (strcmp(s, "none") == 0)
		s = "";
	for (s += strspn(s, " "); *s; s += n + strspn(s + n, " ")) {
		n = strcspn(s, " ");
		if (!is_network(s, n))
			wrong(r, value, "addresses: \"%.*s\" is no address and no network", (int)n,
			      s);
	}
	for (unsigned i = 0; value && i < r->f->host_count; i++)
		if (!is_network(r->f->hosts[i].address, strlen(r->f->hosts[i].address)))
			wrong(r, value, "addresses: host %s has a name in place of an address",
			      r->f->hosts[i].name);
}

/* A port; 0: it is not there, or wrong, which is said then. */
static unsigned port_of(const struct reader *r, const yaml_node_t *map, const char *name)
{
	const yaml_node_t *value = value_of(r, map, name, NULL);
	char *end;
	unsigned long n;

	if (!value)
		return 0;
	n = strtoul(scalar(value), &end, 10);
	if (*scalar(value) >= '1' && *scalar(value) <= '9' && !*end && n <= 65535)
		return (unsigned)n;
	wrong(r, value, "%s: a port from 1 to 65535 is expected, not \"%s\"", name, scalar(value));
	return 0;
}

static const struct fleet_host *host_of(const struct reader *r, const yaml_node_t *value)
{
	for (unsigned i = 0; i < r->f->host_count; i++)
		if (strcmp(r->f->hosts[i].name, scalar(value)) == 0)
			return &r->f->hosts[i];
	wrong(r, value, "host: there is no host \"%s\"", scalar(value));
	return NULL;
}

static bool is_gate(const struct reader *r, const yaml_node_t *role)
{
	if (role && strcmp(scalar(role), "gate") != 0)
		wrong(r, role, "role: gate is the only one, not \"%s\"", scalar(role));
	return role != NULL;
}

static void check_ports(const struct reader *r, const yaml_node_t *map, const struct fleet_node *n)
{
	if (n->listen && n->listen == n->master)
		wrong(r, map, "%s: listen and master are the same port", n->name);
	for (unsigned i = 0; i < r->f->node_count; i++) {
		const struct fleet_node *o = &r->f->nodes[i];
		unsigned same = 0;

		if (o->host != n->host)
			continue;
		if (n->listen && (n->listen == o->listen || n->listen == o->master))
			same = n->listen;
		if (n->master && (n->master == o->listen || n->master == o->master))
			same = n->master;
		if (same)
			wrong(r, map, "%s: port %u of host %s is that of node %s", n->name, same,
			      n->host->name, o->name);
	}
}

static void load_node(struct reader *r, const yaml_node_t *key, const yaml_node_t *map)
{
	static const struct word words[] = {
		{ "host", false, true },       { "listen", false, true },
		{ "master", false, false },    { "config", true, false },
		{ "unit", false, false },      { "role", false, false },
		{ "addresses", false, false },
	};
	struct fleet_node *n = &r->f->nodes[r->f->node_count];

	if (!check_map(r, map, scalar(key), words, array_len(words)) || !name_ok(r, key, "node"))
		return;
	*n = (struct fleet_node){ .name = scalar(key),
				  .host = host_of(r, value_of(r, map, "host", NULL)),
				  .listen = port_of(r, map, "listen"),
				  .master = port_of(r, map, "master"),
				  .gate = is_gate(r, value_of(r, map, "role", NULL)),
				  .unit = text_of(r, map, "unit"),
				  .addresses = text_of(r, map, "addresses") };
	value_of(r, map, "config", &n->config);
	if (!n->host)
		return;
	if (strcmp(n->name, "harbor") == 0)
		wrong(r, key, "a node called harbor would share its file with all nodes of a host");
	check_ports(r, map, n);
	check_addresses(r, value_of(r, map, "addresses", NULL));
	r->f->node_count++;
}

static void load_all(struct reader *r, const yaml_node_t *map, const char *what, unsigned max,
		     void (*load)(struct reader *, const yaml_node_t *, const yaml_node_t *))
{
	unsigned n = (unsigned)(map->data.mapping.pairs.top - map->data.mapping.pairs.start);

	if (!keys_are_words(r, map, what))
		return;
	if (n > max) {
		wrong(r, map, "%s: at most %u", what, max);
		return;
	}
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++)
		load(r, get(r, p->key), get(r, p->value));
}

/* ---- the file ---- */

static void load_key_file(struct reader *r, const yaml_node_t *value)
{
	const char *name = scalar(value), *slash = strrchr(r->file, '/');
	char why[KEYFILE_WHY];
	struct keyfile k;

	if (*name == '/' || !slash)
		r->f->key_file = mem_strdup(name);
	else
		r->f->key_file = mem_printf("%.*s/%s", (int)(slash - r->file), r->file, name);
	if (keyfile_is_credential(name))
		wrong(r, value,
		      "key_file: a file is expected; on the hosts it becomes a credential");
	else if (!keyfile_read(r->f->key_file, &k, why))
		wrong(r, value, "key_file: %s", why);
	else
		explicit_bzero(&k, sizeof(k));
}

static void check_fleet(struct reader *r, const yaml_node_t *map)
{
	unsigned masters = 0;

	for (unsigned i = 0; i < r->f->node_count; i++)
		masters += r->f->nodes[i].master != 0;
	if (!masters)
		wrong(r, map, "no node has a key \"master\": one keeps the names of the others");
	if (r->f->host_count > 1 && !r->f->key_file)
		wrong(r, map,
		      "key_file: is needed with more than one host: harborctl key new FILE");
}

static void load(struct reader *r, const yaml_node_t *map)
{
	static const struct word words[] = {
		{ "fleet", false, true }, { "key_file", false, false }, { "shared", true, false },
		{ "hosts", true, true },  { "nodes", true, true },
	};
	const yaml_node_t *key_file;

	if (!check_map(r, map, "the file", words, array_len(words)))
		return;
	r->f->name = text_of(r, map, "fleet");
	if (!config_name_ok(r->f->name))
		wrong(r, value_of(r, map, "fleet", NULL), "fleet: \"%s\" is no name of a cluster",
		      r->f->name);
	value_of(r, map, "shared", &r->f->shared);
	key_file = value_of(r, map, "key_file", NULL);
	if (key_file)
		load_key_file(r, key_file);
	load_all(r, value_of(r, map, "hosts", NULL), "hosts", FLEET_HOSTS_MAX, load_host);
	load_all(r, value_of(r, map, "nodes", NULL), "nodes", FLEET_NODES_MAX, load_node);
	check_fleet(r, map);
}

/* false: it is no document of YAML, which an error says. */
static bool parse(struct reader *r, const char *text, size_t size)
{
	yaml_parser_t parser;
	bool well;

	if (!yaml_parser_initialize(&parser))
		mem_exhausted(sizeof(parser));
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	well = yaml_parser_load(&parser, r->doc);
	if (!well)
		config_error(r->errors, r->file,
			     (struct place){ .line = (unsigned)parser.problem_mark.line + 1,
					     .column = (unsigned)parser.problem_mark.column + 1 },
			     "%s", parser.problem ? parser.problem : "not YAML");
	yaml_parser_delete(&parser);
	return well;
}

struct fleet *fleetfile_parse(const char *text, size_t size, const char *file,
			      struct config_errors *errors)
{
	struct fleet *f = mem_zalloc(sizeof(*f));
	struct reader r = { .f = f, .file = file, .errors = errors };
	yaml_node_t *root;

	f->document = mem_zalloc(sizeof(*f->document));
	r.doc = &f->document->yaml;
	if (size > FILE_MAX)
		config_error(errors, file, (struct place){ 0 }, "it is longer than 256 KiB");
	else if (parse(&r, text, size)) {
		root = yaml_document_get_root_node(r.doc);
		if (root)
			load(&r, root);
		else
			config_error(errors, file, (struct place){ 0 }, "it is empty");
	}
	if (!errors->count)
		return f;
	fleetfile_free(f);
	return NULL;
}

struct fleet *fleetfile_read(const char *file, struct config_errors *errors)
{
	const char *why = NULL;
	size_t size = 0;
	cleanup(mem_freep) char *text = file_read(file, &size, &why);

	if (text)
		return fleetfile_parse(text, size, file, errors);
	config_error(errors, file, (struct place){ 0 }, "%s", why);
	return NULL;
}

void fleetfile_free(struct fleet *f)
{
	if (!f)
		return;
	yaml_document_delete(&f->document->yaml);
	mem_free(f->document);
	mem_free(f->key_file);
	mem_free(f);
}

/* ---- writing a part of it ---- */

struct copy {
	yaml_document_t *from, to;
	int *known; /* by number in `from`; 0: not yet copied */
};

static int copy_node(struct copy *c, int id);

static bool copy_pairs(struct copy *c, const yaml_node_t *n, int id)
{
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
	     p++) {
		int key = copy_node(c, p->key), value = key ? copy_node(c, p->value) : 0;

		if (!value || !yaml_document_append_mapping_pair(&c->to, id, key, value))
			return false;
	}
	return true;
}

static bool copy_items(struct copy *c, const yaml_node_t *n, int id)
{
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
	     i++) {
		int item = copy_node(c, *i);

		if (!item || !yaml_document_append_sequence_item(&c->to, id, item))
			return false;
	}
	return true;
}

/* Once each, so that aliases stay aliases; libyaml has refused what is nested more than 1,000
 * levels deep. 0: no memory. */
static int copy_node(struct copy *c, int id)
{
	const yaml_node_t *n = yaml_document_get_node(c->from, id);
	int *to = &c->known[id];
	bool well = true;

	if (*to)
		return *to;
	switch (n->type) {
	case YAML_MAPPING_NODE:
		*to = yaml_document_add_mapping(&c->to, NULL, YAML_BLOCK_MAPPING_STYLE);
		well = *to && copy_pairs(c, n, *to);
		break;
	case YAML_SEQUENCE_NODE:
		*to = yaml_document_add_sequence(&c->to, NULL, YAML_FLOW_SEQUENCE_STYLE);
		well = *to && copy_items(c, n, *to);
		break;
	default:
		*to = yaml_document_add_scalar(&c->to, NULL, n->data.scalar.value,
					       (int)n->data.scalar.length, n->data.scalar.style);
	}
	return well ? *to : 0;
}

static int take(void *data, unsigned char *bytes, size_t size)
{
	text_add(data, bytes, size);
	return 1;
}

/* The emitter takes the document, whether or not it goes well. */
static bool emit(yaml_document_t *doc, struct text *out)
{
	yaml_emitter_t e;
	bool well;

	if (!yaml_emitter_initialize(&e))
		mem_exhausted(sizeof(e));
	yaml_emitter_set_output(&e, take, out);
	yaml_emitter_set_unicode(&e, 1);
	yaml_emitter_set_width(&e, -1);
	well = yaml_emitter_open(&e) && yaml_emitter_dump(&e, doc) && yaml_emitter_close(&e);
	yaml_emitter_delete(&e);
	return well;
}

bool fleetfile_write(struct fleet *f, int map, char **ret, size_t *ret_size)
{
	yaml_document_t *from = &f->document->yaml;
	size_t nodes = (size_t)(from->nodes.top - from->nodes.start);
	struct copy c = { .from = from };
	struct text out = { 0 };
	bool well;

	if (!yaml_document_initialize(&c.to, NULL, NULL, NULL, 1, 1))
		mem_exhausted(sizeof(c.to));
	c.known = mem_zalloc((nodes + 1) * sizeof(*c.known));
	well = copy_node(&c, map) != 0;
	mem_free(c.known);
	if (well)
		well = emit(&c.to, &out);
	else
		yaml_document_delete(&c.to);
	*ret_size = out.size;
	*ret = text_take(&out);
	return well;
}

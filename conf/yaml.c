/* SPDX-License-Identifier: MIT */
/* YAML by libyaml's document API: every node has its place, so every error has one. Aliases are
 * resolved by libyaml to the same node and are not expanded, so they cannot multiply. */
#include "conf/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "conf/expand.h"
#include "core/base/mem.h"

#define DEPTH_MAX 16u
#define ANCHORS_MAX 100u

static struct place place_of_mark(yaml_mark_t m)
{
	return (struct place){ .line = (unsigned)m.line + 1, .column = (unsigned)m.column + 1 };
}

static struct place place_of(const yaml_node_t *n)
{
	return place_of_mark(n->start_mark);
}

static const char *scalar(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE &&
			       strlen((const char *)n->data.scalar.value) == n->data.scalar.length
		       ? (const char *)n->data.scalar.value
		       : NULL;
}

static void set_scalar(struct draft *d, const char *section, const char *name,
		       const yaml_node_t *value)
{
	const char *text = scalar(value);
	char *expanded;

	if (!text) {
		draft_error(d, place_of(value), "%s.%s: one plain value is expected", section,
			    name);
		return;
	}
	expanded = expand_text(d, text, place_of(value));
	if (!expanded)
		return;
	if (strcmp(section, "env") == 0) {
		config_env_add(d->c, name, expanded);
		d->c->env[d->c->env_count - 1].at = draft_here(d, place_of(value));
	} else {
		draft_set(d, section, name, expanded, place_of(value));
		draft_set_written(d, section, name, strcmp(text, expanded) ? text : NULL);
	}
	mem_free(expanded);
}

static void set_value(struct draft *d, yaml_document_t *doc, const char *section, const char *name,
		      const yaml_node_t *key, const yaml_node_t *value)
{
	bool env = strcmp(section, "env") == 0, list;

	/* An unknown key is told at the key. */
	if (!env && !draft_check_key(d, section, name, place_of(key)))
		return;
	list = !env && schema_is_list(schema_find(section, name));
	if (value->type == YAML_SEQUENCE_NODE && list) {
		for (yaml_node_item_t *i = value->data.sequence.items.start;
		     i < value->data.sequence.items.top; i++)
			set_scalar(d, section, name, yaml_document_get_node(doc, *i));
		return;
	}
	if (!env && value->type != YAML_SCALAR_NODE) {
		draft_error(d, place_of(key), "%s.%s: %s", section, name,
			    list ? "a list or one value is expected"
				 : "one plain value is expected");
		return;
	}
	set_scalar(d, section, name, value);
}

/* ---- the sections ---- */

static void second_time(struct draft *d, const yaml_node_t *key, const char *section,
			const char *name, struct place first)
{
	draft_error(d, place_of(key), "%s%s%s stands here a second time; the first is at %u:%u",
		    section, *name ? "." : "", name, first.line, first.column);
}

static int by_name(const void *a, const void *b)
{
	const yaml_node_t *x = *(yaml_node_t *const *)a, *y = *(yaml_node_t *const *)b;
	size_t i = x->start_mark.index, j = y->start_mark.index;
	int names = strcmp(scalar(x), scalar(y));

	return names ? names : (i > j) - (i < j);
}

/* The keys of env are anybody's, so they are sorted: then equal ones stand side by side. */
static void check_repeated_env(struct draft *d, yaml_document_t *doc, const yaml_node_t *map)
{
	yaml_node_pair_t *first = map->data.mapping.pairs.start, *top = map->data.mapping.pairs.top;
	const yaml_node_t **keys = mem_alloc((size_t)(top - first) * sizeof(*keys) + 1);
	size_t n = 0;

	for (yaml_node_pair_t *p = first; p < top; p++) {
		const yaml_node_t *key = yaml_document_get_node(doc, p->key);

		if (scalar(key))
			keys[n++] = key;
	}
	qsort(keys, n, sizeof(*keys), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(scalar(keys[i]), scalar(keys[i - 1])) == 0)
			second_time(d, keys[i], "env", scalar(keys[i]), place_of(keys[i - 1]));
	mem_free(keys);
}

static void load_key(struct draft *d, yaml_document_t *doc, const char *section,
		     const yaml_node_t *key, const yaml_node_t *value)
{
	const char *name = scalar(key);
	struct place seen = name ? draft_place(d, section, name) : (struct place){ 0 };

	if (!name)
		draft_error(d, place_of(key), "a key of %s must be a word", section);
	else if (draft_is_here(d, seen))
		second_time(d, key, section, name, seen);
	else
		set_value(d, doc, section, name, key, value);
}

static void load_section(struct draft *d, yaml_document_t *doc, const char *section,
			 const yaml_node_t *map)
{
	yaml_node_pair_t *first = map->data.mapping.pairs.start, *top = map->data.mapping.pairs.top;

	if (strcmp(section, "env") == 0)
		check_repeated_env(d, doc, map);
	for (yaml_node_pair_t *p = first; p < top; p++)
		load_key(d, doc, section, yaml_document_get_node(doc, p->key),
			 yaml_document_get_node(doc, p->value));
}

static void unknown_section(struct draft *d, const yaml_node_t *key, const char *name)
{
	const char *near = name ? schema_nearest(NULL, name) : NULL;

	if (near)
		draft_error(d, place_of(key), "unknown section \"%s\", did you mean \"%s\"?", name,
			    near);
	else
		draft_error(d, place_of(key), "unknown section \"%s\"", name ? name : "?");
}

static void load_value(struct draft *d, yaml_document_t *doc, const yaml_node_t *key,
		       const yaml_node_t *value)
{
	const char *name = scalar(key);
	struct place *section = name ? draft_section(d, name) : NULL;

	if (!section) {
		unknown_section(d, key, name);
		return;
	}
	if (draft_is_here(d, *section)) {
		second_time(d, key, name, "", *section);
		return;
	}
	*section = place_of(key);
	section->file = d->file;
	if (strcmp(name, "cluster") == 0)
		d->c->cluster.present = true;
	if (strcmp(name, "master") == 0)
		d->c->master.present = true;
	if (value->type == YAML_SCALAR_NODE && value->data.scalar.length == 0)
		return; /* an empty section */
	if (value->type == YAML_MAPPING_NODE)
		load_section(d, doc, name, value);
	else
		draft_error(d, place_of(value), "section %s must hold keys", name);
}

static void load_root(struct draft *d, yaml_document_t *doc, const yaml_node_t *root)
{
	yaml_node_pair_t *first = root->data.mapping.pairs.start;

	for (yaml_node_pair_t *p = first; p < root->data.mapping.pairs.top; p++)
		load_value(d, doc, yaml_document_get_node(doc, p->key),
			   yaml_document_get_node(doc, p->value));
}

/* ---- the text ---- */

/* What libyaml found wrong, with the place that it has for it: the reader knows only a count of
 * bytes. */
static void syntax_error(struct draft *d, const yaml_parser_t *p, const char *text, size_t size)
{
	struct place at = place_of_mark(p->problem_mark);

	if (p->error == YAML_READER_ERROR)
		at = place_at(text, p->problem_offset < size ? p->problem_offset : size);
	if (p->context && p->context_mark.line + 1 != at.line)
		draft_error(d, at, "%s (%s that begins at %zu:%zu)", p->problem, p->context,
			    p->context_mark.line + 1, p->context_mark.column + 1);
	else
		draft_error(d, at, "%s", p->problem ? p->problem : "this is not YAML");
}

/* Refuses what libyaml would take but a configuration has no use for. Returns the reason, or
 * NULL. */
static const char *refused(yaml_event_type_t type, unsigned *depth, unsigned *documents,
			   unsigned *anchors)
{
	switch (type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++*documents > 1)
			return "a second document begins here; a configuration is one";
		return NULL;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return ++*depth > DEPTH_MAX ? "nested too deeply" : NULL;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		--*depth;
		return NULL;
	case YAML_ALIAS_EVENT:
		return ++*anchors > ANCHORS_MAX ? "too many aliases" : NULL;
	default:
		return NULL;
	}
}

static bool has_anchor(const yaml_event_t *e)
{
	return (e->type == YAML_SCALAR_EVENT && e->data.scalar.anchor) ||
	       (e->type == YAML_SEQUENCE_START_EVENT && e->data.sequence_start.anchor) ||
	       (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.anchor);
}

/* Goes through the events before the document is built: libyaml's time grows with the square of the
 * depth and of the number of anchors. Returns false after an error. */
static bool is_sound(struct draft *d, const char *text, size_t size)
{
	unsigned depth = 0, documents = 0, anchors = 0;
	yaml_event_type_t type = YAML_NO_EVENT;
	yaml_parser_t parser;
	bool sound = true;

	if (!yaml_parser_initialize(&parser))
		mem_exhausted(0);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	while (sound && type != YAML_STREAM_END_EVENT) {
		yaml_event_t e;
		const char *why;

		if (!yaml_parser_parse(&parser, &e)) {
			syntax_error(d, &parser, text, size);
			sound = false;
			break;
		}
		type = e.type;
		why = refused(type, &depth, &documents, &anchors);
		if (!why && has_anchor(&e) && ++anchors > ANCHORS_MAX)
			why = "too many anchors";
		if (why)
			draft_error(d, place_of_mark(e.start_mark), "%s", why);
		sound = !why;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
	return sound;
}

bool yaml_read(struct draft *d, const char *text, size_t size)
{
	yaml_parser_t parser;
	yaml_document_t doc;

	if (!is_sound(d, text, size))
		return false;
	if (!yaml_parser_initialize(&parser))
		mem_exhausted(0);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (!yaml_parser_load(&parser, &doc)) {
		syntax_error(d, &parser, text, size);
		yaml_parser_delete(&parser);
		return false;
	}
	yaml_node_t *root = yaml_document_get_root_node(&doc);

	if (root && root->type != YAML_MAPPING_NODE)
		draft_error(d, place_of(root),
			    "a configuration is a map of sections: node, cluster, master, "
			    "federation, lua, net, log, admin, web, env");
	else if (root)
		load_root(d, &doc, root);
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
	return true;
}

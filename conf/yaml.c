/* SPDX-License-Identifier: MIT */
/* YAML to configuration, by libyaml's document API: every node has its place, so every error has one.
 *
 * Limits: the file (config.c), DEPTH_MAX, ANCHORS_MAX. Aliases are resolved by libyaml to the same node and
 * are not expanded, so they cannot multiply.
 */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "conf/conf_priv.h"
#include "core/base/mem.h"

#define DEPTH_MAX 16u
#define ANCHORS_MAX 100u

static unsigned line_of(const yaml_node_t *n)
{
	return (unsigned)n->start_mark.line + 1;
}

static unsigned column_of(const yaml_node_t *n)
{
	return (unsigned)n->start_mark.column + 1;
}

static const char *scalar(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE &&
			       strlen((const char *)n->data.scalar.value) == n->data.scalar.length ?
		       (const char *)n->data.scalar.value :
		       NULL;
}

static void set_scalar(struct load *l, const char *section, const char *name, const yaml_node_t *value)
{
	const char *text = scalar(value);
	char *expanded;

	if (!text) {
		conf_error(l, line_of(value), column_of(value), "%s.%s: one plain value is expected",
			   section, name);
		return;
	}
	expanded = conf_expand(l, text, line_of(value), column_of(value));
	if (!expanded)
		return;
	if (strcmp(section, "env") == 0)
		conf_env_add(l->c, name, expanded);
	else
		conf_set(l, section, name, expanded, line_of(value), column_of(value));
	mem_free(expanded);
}

static void set_value(struct load *l, yaml_document_t *doc, const char *section, const char *name,
		      const yaml_node_t *key, const yaml_node_t *value)
{
	/* An unknown key is told at the key. */
	if (strcmp(section, "env") != 0 && !conf_check_key(l, section, name, line_of(key), column_of(key)))
		return;
	if (value->type == YAML_SEQUENCE_NODE && conf_key_is_list(section, name)) {
		for (yaml_node_item_t *i = value->data.sequence.items.start;
		     i < value->data.sequence.items.top; i++)
			set_scalar(l, section, name, yaml_document_get_node(doc, *i));
		return;
	}
	if (strcmp(section, "env") != 0 && value->type != YAML_SCALAR_NODE) {
		conf_error(l, line_of(key), column_of(key), "%s.%s: %s", section, name,
			   conf_key_is_list(section, name) ? "a list or one value is expected" :
							     "one plain value is expected");
		return;
	}
	set_scalar(l, section, name, value);
}

/* ---- the sections ---- */

static struct place place_of(const yaml_node_t *n)
{
	return (struct place){ line_of(n), column_of(n) };
}

static void second_time(struct load *l, const yaml_node_t *key, const char *section, const char *name, struct place first)
{
	conf_error(l, line_of(key), column_of(key), "%s%s%s stands here a second time; the first is at %u:%u", section,
		   *name ? "." : "", name, first.line, first.column);
}

static int by_name(const void *a, const void *b)
{
	const yaml_node_t *x = *(yaml_node_t *const *)a, *y = *(yaml_node_t *const *)b;
	int names = strcmp(scalar(x), scalar(y));

	return names ? names : (x->start_mark.index > y->start_mark.index) - (x->start_mark.index < y->start_mark.index);
}

/* Keys of env are anybody's: sorted, equal ones stand side by side. */
static void check_repeated_env(struct load *l, yaml_document_t *doc, const yaml_node_t *map)
{
	size_t n = 0;
	const yaml_node_t **keys = mem_alloc((size_t)(map->data.mapping.pairs.top - map->data.mapping.pairs.start) *
						     sizeof(*keys) + 1);

	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(doc, p->key);

		if (scalar(key))
			keys[n++] = key;
	}
	qsort(keys, n, sizeof(*keys), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(scalar(keys[i]), scalar(keys[i - 1])) == 0)
			second_time(l, keys[i], "env", scalar(keys[i]), place_of(keys[i - 1]));
	mem_free(keys);
}

static void load_section(struct load *l, yaml_document_t *doc, const char *section, const yaml_node_t *map)
{
	if (strcmp(section, "env") == 0)
		check_repeated_env(l, doc, map);
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(doc, p->key);
		const yaml_node_t *value = yaml_document_get_node(doc, p->value);
		const char *name = scalar(key);
		const struct place *seen = name ? conf_seen(l, section, name) : NULL;

		if (!name)
			conf_error(l, line_of(key), column_of(key), "a key of %s must be a word", section);
		else if (seen)
			second_time(l, key, section, name, *seen);
		else if (strcmp(section, "cluster") == 0 && strcmp(name, "key_file") == 0)
			conf_error(l, line_of(key), column_of(key),
				   "cluster.key_file: encrypted links are not there yet");
		else
			set_value(l, doc, section, name, key, value);
	}
}

static void unknown_section(struct load *l, const yaml_node_t *key, const char *name)
{
	const char *near = name ? conf_nearest(NULL, name) : NULL;

	if (near)
		conf_error(l, line_of(key), column_of(key), "unknown section \"%s\", did you mean \"%s\"?", name, near);
	else
		conf_error(l, line_of(key), column_of(key), "unknown section \"%s\"", name ? name : "?");
}

static void load_root(struct load *l, yaml_document_t *doc, const yaml_node_t *root)
{
	for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(doc, p->key);
		const yaml_node_t *value = yaml_document_get_node(doc, p->value);
		const char *name = scalar(key);
		struct place *section = name ? conf_section(l, name) : NULL;

		if (!section) {
			unknown_section(l, key, name);
			continue;
		}
		if (section->line) {
			second_time(l, key, name, "", *section);
			continue;
		}
		*section = place_of(key);
		if (strcmp(name, "cluster") == 0)
			l->c->cluster.present = true;
		if (strcmp(name, "master") == 0)
			l->c->master.present = true;
		if (value->type == YAML_SCALAR_NODE && value->data.scalar.length == 0)
			continue; /* an empty section */
		if (value->type != YAML_MAPPING_NODE)
			conf_error(l, line_of(value), column_of(value), "section %s must hold keys", name);
		else
			load_section(l, doc, name, value);
	}
}

/* ---- the text ---- */

/* What libyaml found wrong, with the place that it has for it: the reader knows only a count of bytes. */
static void syntax_error(struct load *l, const yaml_parser_t *p, const char *text, size_t size)
{
	struct place at = { (unsigned)p->problem_mark.line + 1, (unsigned)p->problem_mark.column + 1 };

	if (p->error == YAML_READER_ERROR)
		at = conf_place_at(text, p->problem_offset < size ? p->problem_offset : size);
	if (p->context && p->context_mark.line + 1 != at.line)
		conf_error(l, at.line, at.column, "%s (%s that begins at %zu:%zu)", p->problem, p->context,
			   p->context_mark.line + 1, p->context_mark.column + 1);
	else
		conf_error(l, at.line, at.column, "%s", p->problem ? p->problem : "this is not YAML");
}

/* What libyaml would take but a configuration has no use for. Returns the reason, or NULL. */
static const char *refused(yaml_event_type_t type, unsigned *depth, unsigned *documents, unsigned *anchors)
{
	switch (type) {
	case YAML_DOCUMENT_START_EVENT:
		return ++*documents > 1 ? "a second document begins here; a configuration is one" : NULL;
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

/* Goes through the events before the document is built: libyaml's time grows with the square of the depth and of the
 * number of anchors. false after an error. */
static bool is_sound(struct load *l, const char *text, size_t size)
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
			syntax_error(l, &parser, text, size);
			sound = false;
			break;
		}
		type = e.type;
		why = refused(type, &depth, &documents, &anchors);
		if (!why && has_anchor(&e) && ++anchors > ANCHORS_MAX)
			why = "too many anchors";
		if (why)
			conf_error(l, (unsigned)e.start_mark.line + 1, (unsigned)e.start_mark.column + 1, "%s", why);
		sound = !why;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
	return sound;
}

void conf_load_yaml(struct load *l, const char *text, size_t size)
{
	yaml_parser_t parser;
	yaml_document_t doc;

	if (!is_sound(l, text, size))
		return;
	if (!yaml_parser_initialize(&parser))
		mem_exhausted(0);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (!yaml_parser_load(&parser, &doc)) {
		syntax_error(l, &parser, text, size);
		yaml_parser_delete(&parser);
		return;
	}
	yaml_node_t *root = yaml_document_get_root_node(&doc);

	if (root && root->type != YAML_MAPPING_NODE)
		conf_error(l, line_of(root), column_of(root),
			   "a configuration is a map of sections: node, cluster, master, lua, log, admin, env");
	else if (root)
		load_root(l, &doc, root);
	conf_finish(l);
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
}

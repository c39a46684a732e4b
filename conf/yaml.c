/* SPDX-License-Identifier: MIT */
/* YAML to configuration, by libyaml's document API: every node has its place, so every error has one.
 *
 * Limits: the file (config.c), libyaml's own nesting, two levels of ours. Aliases are resolved by libyaml to
 * the same node and are not expanded, so they cannot multiply.
 */
#include <string.h>
#include <yaml.h>

#include "conf/conf_priv.h"
#include "core/mem.h"

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

static bool repeated(yaml_document_t *doc, const yaml_node_t *map, const yaml_node_pair_t *pair)
{
	const char *name = scalar(yaml_document_get_node(doc, pair->key));

	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
		const char *other = scalar(yaml_document_get_node(doc, p->key));

		if (name && other && strcmp(name, other) == 0)
			return true;
	}
	return false;
}

static void load_section(struct load *l, yaml_document_t *doc, const char *section, const yaml_node_t *map)
{
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(doc, p->key);
		const yaml_node_t *value = yaml_document_get_node(doc, p->value);
		const char *name = scalar(key);

		if (!name)
			conf_error(l, line_of(key), column_of(key), "a key of %s must be a word", section);
		else if (repeated(doc, map, p))
			conf_error(l, line_of(key), column_of(key), "%s.%s stands here a second time",
				   section, name);
		else if (strcmp(section, "cluster") == 0 && strcmp(name, "key_file") == 0)
			conf_error(l, line_of(key), column_of(key),
				   "cluster.key_file: encrypted links are not there yet");
		else
			set_value(l, doc, section, name, key, value);
	}
}

static void load_root(struct load *l, yaml_document_t *doc, const yaml_node_t *root)
{
	for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(doc, p->key);
		const yaml_node_t *value = yaml_document_get_node(doc, p->value);
		const char *name = scalar(key);

		if (!name || !conf_is_section(name)) {
			const char *near = name ? conf_nearest(NULL, name) : NULL;

			if (near)
				conf_error(l, line_of(key), column_of(key),
					   "unknown section \"%s\", did you mean \"%s\"?", name, near);
			else
				conf_error(l, line_of(key), column_of(key), "unknown section \"%s\"",
					   name ? name : "?");
			continue;
		}
		if (repeated(doc, root, p)) {
			conf_error(l, line_of(key), column_of(key), "section %s stands here a second time",
				   name);
			continue;
		}
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

void conf_load_yaml(struct load *l, const char *text, size_t size)
{
	yaml_parser_t parser;
	yaml_document_t doc;

	if (!yaml_parser_initialize(&parser)) {
		conf_error(l, 0, 0, "no memory for the parser");
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (!yaml_parser_load(&parser, &doc)) {
		conf_error(l, (unsigned)parser.problem_mark.line + 1,
			   (unsigned)parser.problem_mark.column + 1, "%s",
			   parser.problem ? parser.problem : "this is not YAML");
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

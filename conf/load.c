/* SPDX-License-Identifier: MIT */
/* Which files are read, which of the two loaders reads each, and what comes of their draft. */
#include "conf/load.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/check.h"
#include "conf/draft.h"
#include "conf/schema.h"
#include "core/base/file.h"
#include "conf/skynet.h"
#include "conf/yaml.h"
#include "core/base/mem.h"
#include "core/base/must.h"

/* ---- the life of a configuration ---- */

/* The schema says which values are on the heap, so that a new key is freed, too. */
static void value_fini(const struct schema_key *k, void *value)
{
	if (schema_is_list(k))
		config_list_clear(value);
	else if (schema_is_text(k))
		mem_free(*(char **)value);
}

struct config *config_destroy(struct config *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < SCHEMA_KEYS; i++)
		value_fini(&schema_keys[i], (char *)c + schema_keys[i].offset);
	mem_free(c->file);
	mem_free(c->pid_file);
	mem_free(c->places);
	for (size_t i = 0; i < c->written_count; i++)
		mem_free(c->written[i]);
	mem_free(c->written);
	config_list_clear(&c->files);
	config_list_clear(&c->warnings);
	config_env_clear(c);
	mem_free(c);
	return NULL;
}

static struct draft begin(const char *file, struct config_errors *ret_errors)
{
	struct draft d = { .c = config_create(file), .errors = ret_errors };

	d.c->places = mem_zalloc(SCHEMA_KEYS * sizeof(*d.c->places));
	d.c->written = mem_zalloc(SCHEMA_KEYS * sizeof(*d.c->written));
	d.c->written_count = SCHEMA_KEYS;
	*ret_errors = (struct config_errors){ 0 };
	return d;
}

/* Of the next file that is read into the draft. */
static void begin_file(struct draft *d, const char *file)
{
	config_list_add(&d->c->files, file);
	d->file = d->c->files.items[d->c->files.count - 1];
}

/* Reads the text of the file that was begun. Returns false if it could not even be parsed. */
static bool read_text(struct draft *d, const char *text, size_t size)
{
	return skynet_is(d->file, text) ? skynet_read(d, text, size) : yaml_read(d, text, size);
}

static bool read_file(struct draft *d, const char *file)
{
	size_t size;
	const char *why;
	cleanup(mem_freep) char *text = file_read(file, &size, &why);

	begin_file(d, file);
	if (text)
		return read_text(d, text, size);
	draft_error(d, (struct place){ 0 }, "cannot read it: %s", why);
	return false;
}

static int is_dropin(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".yaml") == 0;
}

/* Reads what lies in FILE.d. Returns false if a file could not even be parsed. */
static bool read_dropins(struct draft *d, const char *file)
{
	cleanup(mem_freep) char *folder = mem_printf("%s.d", file);
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_dropin, alphasort);
	bool well = true;

	if (n > CONFIG_DROPINS_MAX)
		draft_error(d, (struct place){ .file = file }, "there are more than %d files in %s",
			    CONFIG_DROPINS_MAX, folder);
	for (int i = 0; i < n; i++) {
		cleanup(mem_freep) char *path = mem_printf("%s/%s", folder, entries[i]->d_name);

		well = i < CONFIG_DROPINS_MAX && read_file(d, path) && well;
		free(entries[i]);
	}
	free(entries);
	return well;
}

/* Returns 0 or -EINVAL, and uses the draft up. */
static int finish(struct draft *d, bool well, struct config **ret)
{
	d->file = d->c->file;
	if (well)
		check_draft(d);
	draft_fini(d);
	if (d->errors->count) {
		config_destroy(d->c);
		return -EINVAL;
	}
	*ret = d->c;
	return 0;
}

int config_parse(const char *file, const char *text, size_t size, struct config **ret,
		 struct config_errors *ret_errors)
{
	struct draft d = begin(file, ret_errors);

	must(file && text && text[size] == 0);
	begin_file(&d, file);
	return finish(&d, read_text(&d, text, size), ret);
}

/* The name may come from the command line, and is then what that says. */
static void note_name(struct config *c, const struct config_source *from)
{
	struct place *at = &c->places[schema_find("node", "name") - schema_keys];

	if (from->node) {
		mem_free(c->node.name);
		c->node.name = mem_strdup(from->node);
		*at = (struct place){ .file = "--node" };
	} else if (from->name && !at->line) {
		*at = (struct place){ .file = "--instance" };
	}
}

int config_load_all(const struct config_source *from, struct config **ret,
		    struct config_errors *ret_errors)
{
	struct draft d = begin(from->file, ret_errors);
	bool well = true;

	d.name = from->name;
	if (from->shared && access(from->shared, F_OK) == 0)
		well = read_file(&d, from->shared);
	well = read_file(&d, from->file) && well;
	if (d.c->skynet && from->shared)
		draft_error(&d, (struct place){ 0 },
			    "the configuration of a node of this host is written in YAML");
	else if (!d.c->skynet)
		well = read_dropins(&d, from->file) && well;
	if (finish(&d, well, ret) < 0)
		return -EINVAL;
	note_name(*ret, from);
	return 0;
}

int config_load(const char *file, struct config **ret, struct config_errors *ret_errors)
{
	return config_load_all(&(struct config_source){ .file = file }, ret, ret_errors);
}

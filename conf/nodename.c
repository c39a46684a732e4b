/* SPDX-License-Identifier: MIT */
/* Names of nodes, from the host and the file. */
#include "conf/nodename.h"

#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/mem.h"

#define CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
/* So much of the host's name is used: it leaves room for an id or a file's name. */
#define HOST_MAX 40u

bool config_name_ok(const char *name)
{
	return *name && *name != '.' && strlen(name) <= CONFIG_NAME_MAX &&
	       name[strspn(name, CHARACTERS)] == 0;
}

/* Appends at most `max` bytes of `text`, and a '_' for each that a name may not hold. */
static void add(char *name, const char *text, size_t max)
{
	size_t n = strlen(name);

	for (size_t i = 0; text[i] && i < max; i++)
		name[n++] = strchr(CHARACTERS, text[i]) ? text[i] : '_';
	name[n] = 0;
}

/* Returns the name of the file without an ending that every such file has. mem_free. */
static char *stem(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *name = mem_strdup(slash ? slash + 1 : file), *dot = strrchr(name, '.');

	if (dot &&
	    (strcmp(dot, ".lua") == 0 || strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0))
		*dot = 0;
	return name;
}

char *config_default_name(const struct config *c)
{
	char host[256] = "", name[CONFIG_NAME_MAX + 1] = "";
	cleanup(mem_freep) char *rest = c->node.harbor ? mem_printf("%u", c->node.harbor)
						       : stem(c->file);

	(void)gethostname(host, sizeof(host) - 1);
	add(name, *host && *host != '.' ? host : "node", HOST_MAX);
	if (*rest)
		add(name, "-", 1);
	add(name, rest, CONFIG_NAME_MAX - strlen(name));
	return mem_strdup(name);
}

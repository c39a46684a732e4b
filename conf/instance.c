/* SPDX-License-Identifier: MIT */
/* Names of instances become files; what is wrong is told with what would be right. */
#include "conf/instance.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"

#define FOLDER "/etc/harbor"
#define SHARED "harbor"
#define ENDING ".yaml"

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* Undoes systemd's escapes. Returns false if the name does not fit. */
static bool unescape(const char *text, char *name, size_t size)
{
	size_t n = 0;

	while (*text) {
		int high = text[0] == '\\' && text[1] == 'x' ? hex_digit(text[2]) : -1;
		int low = high < 0 ? -1 : hex_digit(text[3]);

		if (n + 1 >= size)
			return false;
		name[n++] = low < 0 ? *text : (char)(high << 4 | low);
		text += low < 0 ? 1 : 4;
	}
	name[n] = 0;
	return true;
}

/* Returns the folder; several are separated by colons, and the first is meant. */
static const char *folder(char ret[PATH_MAX])
{
	const char *given = getenv("CONFIGURATION_DIRECTORY");

	if (!given || !*given)
		return FOLDER;
	snprintf(ret, PATH_MAX, "%.*s", (int)strcspn(given, ":"), given);
	return ret;
}

static int is_node(const struct dirent *e)
{
	size_t n = strlen(e->d_name), ending = strlen(ENDING);

	return n > ending && strcmp(e->d_name + n - ending, ENDING) == 0 && e->d_name[0] != '.' &&
	       strcmp(e->d_name, SHARED ENDING) != 0;
}

/* Writes which nodes there are, as many as fit. */
static void list_nodes(const char *in, char *text, size_t size)
{
	struct dirent **entries = NULL;
	int n = scandir(in, &entries, is_node, alphasort);
	size_t at = 0;

	*text = 0;
	for (int i = 0; i < n; i++) {
		int length = (int)(strlen(entries[i]->d_name) - strlen(ENDING));

		if (at + (size_t)length + sizeof(", ") < size)
			at += (size_t)snprintf(text + at, size - at, "%s%.*s", at ? ", " : "",
					       length, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

bool instance_find(const char *instance, struct instance *ret, char why[INSTANCE_WHY])
{
	char given[PATH_MAX], nodes[INSTANCE_WHY / 2];
	const char *in = folder(given);

	if (!unescape(instance, ret->name, sizeof(ret->name)) || !config_name_ok(ret->name)) {
		snprintf(why, INSTANCE_WHY,
			 "%.100s is no name of a node: those are 1 to %d letters, digits, '_', "
			 "'-' and '.'",
			 instance, CONFIG_NAME_MAX);
		return false;
	}
	if (strcmp(ret->name, SHARED) == 0) {
		snprintf(why, INSTANCE_WHY,
			 "no node can be called " SHARED ": " SHARED ENDING
			 " is what all nodes of this host share");
		return false;
	}
	if (snprintf(ret->file, PATH_MAX, "%s/%s" ENDING, in, ret->name) >= PATH_MAX ||
	    snprintf(ret->shared, PATH_MAX, "%s/" SHARED ENDING, in) >= PATH_MAX) {
		snprintf(why, INSTANCE_WHY, "the path of the configuration is too long");
		return false;
	}
	if (access(ret->file, F_OK) == 0)
		return true;
	list_nodes(in, nodes, sizeof(nodes));
	snprintf(why, INSTANCE_WHY, "this host has no node %s: %.150s: %m%s%s", ret->name,
		 ret->file, *nodes ? "; it has " : "", nodes);
	return false;
}

/* SPDX-License-Identifier: MIT */
/* The folder that is written for a command is removed by the script, which is all that is left of
 * this process then. */
#include "daemon/ctl/fleet.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "conf/fleetfile.h"
#include "daemon/ctl/exits.h"
#include "daemon/ctl/fleetout.h"
#include "daemon/ctl/key.h"

static int usage(void)
{
	fputs("harborctl: usage: harborctl fleet " FLEET_USAGE "\n"
	      "options: --rsh COMMAND, --deb FILE, --node NAME, --batch N, --drain SECONDS,\n"
	      "--wait SECONDS, --to GENERATION, --dry-run, --break-lock, --json\n",
	      stderr);
	return CTL_USAGE;
}

/* The object that programs get, as the script writes it (deploy/fleet/answer.sh). error: NULL, it
 * is done. */
static void answer_begin(struct json *j, const char *verb, const char *error)
{
	json_init(j);
	json_object(j, NULL);
	json_string(j, "command", verb);
	json_int(j, "exit_status", error ? CTL_FAILED : CTL_DONE);
	if (error)
		json_string(j, "error", error);
}

static void answer_end(struct json *j)
{
	json_object_end(j);
	puts(text_string(&j->text));
	json_fini(j);
}

/* Says why nothing was done, to people and to programs. */
static int refuse(const char *verb, bool json, char *why_take)
{
	cleanup(mem_freep) char *why = why_take;
	struct json j;

	fprintf(stderr, "harborctl: %s\n", why);
	if (json) {
		answer_begin(&j, verb, why);
		answer_end(&j);
	}
	return CTL_FAILED;
}

static void tell_errors(const struct config_errors *errors, const char *verb, const char *file)
{
	struct json j;

	answer_begin(&j, verb, "the file is not good");
	json_string(&j, "file", file);
	json_array(&j, "errors");
	for (size_t i = 0; i < errors->count; i++) {
		const struct config_error *e = &errors->items[i];

		json_object(&j, NULL);
		json_string(&j, "file", e->file);
		json_uint(&j, "line", e->line);
		json_uint(&j, "column", e->column);
		json_string(&j, "text", e->text);
		json_object_end(&j);
	}
	json_array_end(&j);
	answer_end(&j);
}

/* NULL after every error of the file was told. */
static struct fleet *read_file(const char *file, const char *verb, bool json)
{
	struct config_errors errors = { 0 };
	struct fleet *f = fleetfile_read(file, &errors);

	config_errors_write(stderr, &errors);
	if (!f && json)
		tell_errors(&errors, verb, file);
	config_errors_fini(&errors);
	return f;
}

static void tell_rendered(const struct fleet *f, const char *folder)
{
	struct json j;

	answer_begin(&j, "render", NULL);
	json_string(&j, "folder", folder);
	json_array(&j, "hosts");
	for (unsigned i = 0; i < f->host_count; i++) {
		json_object(&j, NULL);
		json_string(&j, "host", f->hosts[i].name);
		json_string(&j, "address", f->hosts[i].address);
		json_array(&j, "nodes");
		for (unsigned n = 0; n < f->node_count; n++)
			if (f->nodes[n].host == &f->hosts[i])
				json_string(&j, NULL, f->nodes[n].name);
		json_array_end(&j);
		json_object_end(&j);
	}
	json_array_end(&j);
	answer_end(&j);
}

static int render(const char *file, const char *folder, bool json)
{
	struct fleet *f = read_file(file, "render", json);
	int status = CTL_DONE;

	if (!f)
		return CTL_FAILED;
	if (!fleetout_write(f, folder))
		status = refuse("render", json, mem_printf("%s cannot be written", folder));
	else if (json)
		tell_rendered(f, folder);
	fleetfile_free(f);
	return status;
}

/* The script: beside the installed program, or in the source tree that it was built in. */
static bool find_steps(char ret_path[PATH_MAX])
{
	static const char *const places[] = { "../libexec/harbord/fleet/steps.sh",
					      "../deploy/fleet/steps.sh",
					      "../../deploy/fleet/steps.sh" };
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return false;
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	for (unsigned i = 0; i < array_len(places); i++) {
		int size = snprintf(ret_path, PATH_MAX, "%s/%s", exe, places[i]);

		if (size > 0 && size < PATH_MAX && access(ret_path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Becomes the script: steps VERB DIR FILE OPTION... `words` are FILE and the options. Returns only
 * if that fails. */
static int become(const char *steps, const char *verb, const char *folder, char *const *words,
		  bool json)
{
	char **argv;
	size_t n = 0, at = 0;

	while (words[n])
		n++;
	argv = mem_zalloc((n + 5) * sizeof(*argv));
	argv[at++] = (char *)steps;
	argv[at++] = (char *)verb;
	argv[at++] = (char *)folder;
	argv[at++] = words[0];
	if (json)
		argv[at++] = "--json"; /* errors of the other options are told so, too */
	memcpy(argv + at, words + 1, (n - 1) * sizeof(*argv));
	execv(steps, argv);
	fprintf(stderr, "harborctl: %s: %s\n", steps, strerror(errno));
	mem_free(argv);
	return CTL_FAILED;
}

/* The key that is to come lies beside that of now, until it has taken its place. */
static bool make_next(const struct fleet *f)
{
	cleanup(mem_freep) char *next = NULL;

	if (!f->key_file)
		return false;
	next = mem_printf("%s.next", f->key_file);
	return access(next, F_OK) == 0 || key_make(next) == CTL_DONE;
}

static int run_steps(char *const *words, bool json)
{
	char steps[PATH_MAX], above[] = "/tmp/harbor-fleet-XXXXXX";
	cleanup(mem_freep) char *folder = NULL;
	struct fleet *f;
	bool well;

	if (!find_steps(steps))
		return refuse(words[1], json,
			      mem_strdup(
				      "the scripts of fleet are not installed beside harborctl"));
	f = read_file(words[2], words[1], json);
	if (!f)
		return CTL_FAILED;
	if (strcmp(words[1], "rotate") == 0 && !make_next(f)) {
		fleetfile_free(f);
		return refuse(
			words[1], json,
			mem_strdup("the file names no key_file, or it cannot be written beside"));
	}
	if (!mkdtemp(above)) {
		fleetfile_free(f);
		return refuse(words[1], json, mem_printf("%s: %s", above, strerror(errno)));
	}
	folder = mem_printf("%s/fleet", above);
	well = fleetout_write(f, folder);
	fleetfile_free(f);
	return become(steps, well ? words[1] : "forget", folder, words + 2, json);
}

/* Is it there, behind all that must be? */
static bool is_last(char *const *words, const char *option)
{
	while (words[1])
		words++;
	return strcmp(words[0], option) == 0;
}

int fleet_command(char *const *words, bool json)
{
	static const char *const verbs[] = { "check",	 "status",  "roll",
					     "rollback", "history", "rotate" };
	const char *verb = words[1] ? words[1] : "";

	if (!words[1] || !words[2])
		return usage();
	json = json || is_last(words, "--json");
	if (strcmp(verb, "render") == 0)
		return words[3] && (!words[4] || (json && !words[5]))
			       ? render(words[2], words[3], json)
			       : usage();
	for (unsigned i = 0; i < array_len(verbs); i++)
		if (strcmp(verb, verbs[i]) == 0)
			return run_steps(words, json);
	return usage();
}

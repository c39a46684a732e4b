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

/* NULL after every error of the file was told. */
static struct fleet *read_file(const char *file)
{
	struct config_errors errors = { 0 };
	struct fleet *f = fleetfile_read(file, &errors);

	config_errors_write(stderr, &errors);
	config_errors_fini(&errors);
	return f;
}

static int render(const char *file, const char *folder)
{
	struct fleet *f = read_file(file);
	bool well = f && fleetout_write(f, folder);

	fleetfile_free(f);
	return well ? CTL_DONE : CTL_FAILED;
}

/* The script: beside the installed program, or in the source tree that it was built in. */
static bool find_steps(char ret_path[PATH_MAX])
{
	static const char *const places[] = { "../libexec/harbord/fleet-steps",
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

	if (!f->key_file) {
		fputs("harborctl: the file names no key_file\n", stderr);
		return false;
	}
	next = mem_printf("%s.next", f->key_file);
	return access(next, F_OK) == 0 || key_make(next) == CTL_DONE;
}

static int run_steps(char *const *words, bool json)
{
	char steps[PATH_MAX], above[] = "/tmp/harbor-fleet-XXXXXX";
	cleanup(mem_freep) char *folder = NULL;
	struct fleet *f;
	bool well;

	if (!find_steps(steps)) {
		fputs("harborctl: fleet-steps is not installed beside harborctl\n", stderr);
		return CTL_FAILED;
	}
	f = read_file(words[2]);
	if (!f)
		return CTL_FAILED;
	if (strcmp(words[1], "rotate") == 0 && !make_next(f)) {
		fleetfile_free(f);
		return CTL_FAILED;
	}
	if (!mkdtemp(above)) {
		fprintf(stderr, "harborctl: %s: %s\n", above, strerror(errno));
		fleetfile_free(f);
		return CTL_FAILED;
	}
	folder = mem_printf("%s/fleet", above);
	well = fleetout_write(f, folder);
	fleetfile_free(f);
	return become(steps, well ? words[1] : "forget", folder, words + 2, json);
}

int fleet_command(char *const *words, bool json)
{
	static const char *const verbs[] = { "check",	 "status",  "roll",
					     "rollback", "history", "rotate" };
	const char *verb = words[1] ? words[1] : "";

	if (!words[1] || !words[2])
		return usage();
	if (strcmp(verb, "render") == 0)
		return words[3] && !words[4] ? render(words[2], words[3]) : usage();
	for (unsigned i = 0; i < array_len(verbs); i++)
		if (strcmp(verb, verbs[i]) == 0)
			return run_steps(words, json);
	return usage();
}

/* SPDX-License-Identifier: MIT */
/* Keys are read here, and certificates by OpenSSL, which is given the files. */
#include "daemon/node/keys.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "core/base/mem.h"
#include "core/log/log.h"
#include "daemon/node/paths.h"
#include "daemon/state/info.h"
#include "harbor/harbor.h"

#define LIBRARY "/harbor-secure.so.1"

/* [main] keys_take was here: a credential is older than what is in force. */
static bool taken;

static bool find_library(struct keys *k)
{
	size_t n;

	if (paths_modules(k->library) < 0) {
		snprintf(k->why, sizeof(k->why), "the modules of harbord are not installed");
		return false;
	}
	n = strlen(k->library);
	if (n + sizeof(LIBRARY) > sizeof(k->library)) {
		snprintf(k->why, sizeof(k->why), "the path of harbord's modules is too long");
		return false;
	}
	memcpy(k->library + n, LIBRARY, sizeof(LIBRARY));
	k->secure.library = k->library;
	return true;
}

/* For who looks after the age of what the node proves itself with. A key's name has the day on
 * which it was made; the file that systemd hands over as a credential is as old as the start. */
static void note_age(const char *file, const char *name)
{
	char path[PATH_MAX], why[KEYFILE_WHY];
	uint64_t day = keyfile_day(name);
	struct stat st;

	if (day)
		info_set_secret_changed(day);
	else if (keyfile_path(file, path, why) && stat(path, &st) == 0)
		info_set_secret_changed((uint64_t)st.st_mtime);
}

static bool read_key(const char *file, struct keys *k)
{
	struct keyfile f;
	bool good = keyfile_read(file, &f, k->why);

	if (good)
		note_age(file, f.keys[0].name);
	for (unsigned i = 0; good && i < f.count; i++) {
		struct secure_key *to = &k->secure.keys[k->secure.key_count++];

		memcpy(to->id, f.keys[i].name, sizeof(to->id));
		memcpy(to->bytes, f.keys[i].bytes, sizeof(to->bytes));
	}
	explicit_bzero(&f, sizeof(f));
	return good;
}

bool keys_wanted(const struct config *c)
{
	return c->cluster.present && (c->cluster.key_file || c->cluster.cert_file);
}

bool keys_read(const struct config *c, struct keys *ret)
{
	*ret = (struct keys){ 0 };
	if (!find_library(ret))
		return false;
	if (c->cluster.key_file)
		return read_key(c->cluster.key_file, ret);
	note_age(c->cluster.cert_file, "");
	ret->secure.ca_file = c->cluster.ca_file;
	ret->secure.cert_file = c->cluster.cert_file;
	ret->secure.cert_key_file = ret->cert_key;
	ret->secure.crl_file = c->cluster.crl_file;
	return keyfile_is_secret(c->cluster.cert_key_file, ret->why) &&
	       keyfile_path(c->cluster.cert_key_file, ret->cert_key, ret->why);
}

void keys_fini(struct keys *k)
{
	explicit_bzero(k, sizeof(*k));
}

int keys_check(const struct config *c)
{
	cleanup(mem_freep) char *error = NULL;
	struct keys k;
	bool good = true;

	if (!keys_wanted(c))
		return 0;
	if (!keys_read(c, &k)) {
		good = false;
		error = mem_strdup(k.why);
	} else {
		good = secure_init(&k.secure, &error) == 0;
	}
	keys_fini(&k);
	secure_fini();
	if (!good)
		fprintf(stderr, "%s: %s\n", c->file, error);
	return good ? 0 : EX_CONFIG;
}

/* good: what was read; k->why says why not. */
static bool put_into_force(struct keys *k, bool good, char **ret_why)
{
	if (!good)
		*ret_why = mem_printf("cluster: the keys stay as they were: %s", k->why);
	else
		good = harbor_secure(&k->secure, ret_why) == 0;
	if (!good)
		log_event(secret_refused, NULL, "%s", *ret_why ? *ret_why : "no reason given");
	keys_fini(k);
	return good;
}

bool keys_reload(const struct config *now, const struct config *next, char **ret_why)
{
	struct keys k;
	bool good;

	if (!keys_wanted(now) || !keys_wanted(next) ||
	    !now->cluster.key_file != !next->cluster.key_file)
		return true;
	if (taken && keyfile_is_credential(next->cluster.key_file))
		return true;
	good = keys_read(next, &k);
	return put_into_force(&k, good, ret_why);
}

bool keys_take(const struct config *now, const char *file, char **ret_why)
{
	struct keys k = { 0 };
	bool good;

	if (!now->cluster.present || !now->cluster.key_file) {
		*ret_why = mem_strdup("the node has no cluster.key_file");
		return false;
	}
	good = find_library(&k) && read_key(file, &k);
	good = put_into_force(&k, good, ret_why);
	taken = taken || good;
	return good;
}

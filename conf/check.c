/* SPDX-License-Identifier: MIT */
/* Rules that need more than one key. An error stands at the key that its owner would change; about
 * a key that is not there it stands at the section. */
#include "conf/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/keyfile.h"
#include "conf/nodename.h"
#include "core/base/mem.h"

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0 ||
	       strncmp(address, "localhost:", 10) == 0;
}

#define WHEREABOUTS 300

/* Writes where a key stands for who writes about it: "at 4:3", with the file if there are several,
 * or that nobody wrote it. */
static const char *whereabouts(const struct draft *d, const char *section, const char *name,
			       char ret[WHEREABOUTS])
{
	struct place at = draft_place(d, section, name);

	if (at.line && d->c->files.count > 1)
		snprintf(ret, WHEREABOUTS, "at %.250s:%u:%u", at.file, at.line, at.column);
	else if (at.line)
		snprintf(ret, WHEREABOUTS, "at %u:%u", at.line, at.column);
	else
		snprintf(ret, WHEREABOUTS, "%s",
			 draft_is_good(d, section, name) ? "set" : "the default");
	return ret;
}

static void missing(struct draft *d, const char *section, const char *name)
{
	/* One that was bad has been told, and skynet's keys have other names. */
	if (!draft_place(d, section, name).line && !d->c->skynet)
		draft_error(d, *draft_section(d, section), "%s.%s is missing", section, name);
}

/* ---- addresses ---- */

/* Returns what skynet-style files call the key of an address. */
static const char *skynet_key(const struct schema_key *k)
{
	if (strcmp(k->section, "master") == 0)
		return "standalone";
	return strcmp(k->name, "listen") == 0 ? "address" : k->name;
}

/* Connections to other clusters have a key of their own. */
static bool is_federation(const struct draft_address *a)
{
	return strcmp(a->key->section, "federation") == 0;
}

static bool is_etcd(const struct draft_address *a)
{
	return strcmp(a->key->name, "etcd") == 0;
}

/* May a stranger come here, or listen to what is said? Each kind has its own remedy. */
static bool is_exposed(const struct draft *d, const struct draft_address *a)
{
	const struct config *c = d->c;

	/* what is read at the web address changes nothing */
	if (is_loopback(a->text) || strcmp(a->key->section, "web") == 0)
		return false;
	if (is_federation(a))
		return !c->federation.key_file;
	if (is_etcd(a))
		return !c->master.etcd_ca_file;
	return !c->cluster.key_file && !c->cluster.cert_file;
}

/* A game comes with the addresses that it has, and they are its owner's choice: he is warned. */
static void warn_exposed(struct draft *d)
{
	cleanup(mem_freep) char *exposed = mem_strdup(""), *text = NULL;

	for (size_t i = 0; i < d->address_count; i++) {
		const struct draft_address *a = &d->addresses[i];
		char *more;

		if (!is_exposed(d, a))
			continue;
		more = mem_printf("%s%s%s %s", exposed, *exposed ? ", " : "", skynet_key(a->key),
				  a->text);
		mem_free(exposed);
		exposed = more;
	}
	if (!*exposed)
		return;
	text = mem_printf("links between nodes are neither encrypted nor authenticated, and other "
			  "hosts may reach %s: who does can join the cluster and call every "
			  "service. Cure: a key (harborctl key new, harbord_cluster_key_file), "
			  "loopback addresses, or a firewall before these ports; "
			  "harbord_cluster_insecure = true says that the network is trusted",
			  exposed);
	config_list_add(&d->c->warnings, text);
}

static void check_etcd_address(struct draft *d, const struct draft_address *a)
{
	draft_error(d, a->at,
		    "master.etcd: %s is not a loopback address and the connection is not "
		    "encrypted; set master.etcd_ca_file, or say cluster.insecure: true if "
		    "the network is trusted",
		    a->text);
}

static void check_addresses(struct draft *d)
{
	char where[WHEREABOUTS];

	if (d->c->cluster.insecure)
		return;
	if (d->c->skynet) {
		warn_exposed(d);
		return;
	}
	for (size_t i = 0; i < d->address_count; i++) {
		const struct draft_address *a = &d->addresses[i];

		if (!is_exposed(d, a))
			continue;
		if (is_etcd(a)) {
			check_etcd_address(d, a);
			continue;
		}
		draft_error(d, a->at,
			    "%s.%s: %s is not a loopback address and links are not encrypted; "
			    "give the %s a key (%s.key_file), or say cluster.insecure: true "
			    "(it is false, %s) if the network is trusted",
			    a->key->section, a->key->name, a->text,
			    is_federation(a) ? "federation" : "cluster",
			    is_federation(a) ? "federation" : "cluster",
			    whereabouts(d, "cluster", "insecure", where));
	}
}

/* ---- keys and certificates ---- */

static void warn_testing(struct draft *d)
{
	if (d->c->node.testing)
		config_list_add(&d->c->warnings,
				"node.testing is true: harborctl clock may let the time of this "
				"node jump ahead; not for production");
}

/* A file of section cluster that must be there, and maybe secret. */
static void check_file(struct draft *d, const char *name, const char *file, bool secret)
{
	char why[KEYFILE_WHY], path[PATH_MAX];

	if (!file)
		missing(d, "cluster", name);
	else if (secret ? !keyfile_is_secret(file, why) : !keyfile_path(file, path, why))
		draft_error(d, draft_place(d, "cluster", name), "cluster.%s: %s", name, why);
	else if (!secret && access(path, R_OK) < 0)
		draft_error(d, draft_place(d, "cluster", name), "cluster.%s: %s: %s", name, path,
			    strerror(errno));
}

static void check_certificates(struct draft *d)
{
	const struct config *c = d->c;

	if (!c->cluster.ca_file && !c->cluster.cert_file && !c->cluster.cert_key_file &&
	    !c->cluster.crl_file)
		return;
	check_file(d, "ca_file", c->cluster.ca_file, false);
	check_file(d, "cert_file", c->cluster.cert_file, false);
	check_file(d, "cert_key_file", c->cluster.cert_key_file, true);
	if (c->cluster.crl_file)
		check_file(d, "crl_file", c->cluster.crl_file, false);
	if (c->cluster.key_file)
		draft_error(d, draft_place(d, "cluster", "key_file"),
			    "cluster.key_file: the cluster has a key or certificates, not both");
}

static void check_key(struct draft *d, const char *section, const char *file)
{
	char why[KEYFILE_WHY];
	struct keyfile f;

	if (file && !keyfile_read(file, &f, why))
		draft_error(d, draft_place(d, section, "key_file"), "%s.key_file: %s", section,
			    why);
	explicit_bzero(&f, sizeof(f));
}

/* ---- sections ---- */

static void check_heartbeat(struct draft *d)
{
	struct place at = draft_place(d, "cluster", "dead_after");
	const struct config *c = d->c;
	char where[WHEREABOUTS];

	if (c->cluster.dead_ms > c->cluster.heartbeat_ms)
		return;
	if (!at.line)
		at = draft_place(d, "cluster", "heartbeat");
	draft_error(d, at,
		    "cluster.dead_after (%u ms) must be longer than cluster.heartbeat (%u ms, %s)",
		    c->cluster.dead_ms, c->cluster.heartbeat_ms,
		    whereabouts(d, "cluster", "heartbeat", where));
}

/* One that is there without the other. */
static void check_pair(struct draft *d, const char *value, const char *name, const char *other,
		       const char *other_name)
{
	if (value && !other)
		draft_error(d, draft_place(d, "master", name),
			    "master.%s is set, but master.%s is "
			    "missing",
			    name, other_name);
}

static void check_secret(struct draft *d, const char *name, const char *file)
{
	char why[KEYFILE_WHY];

	if (file && !keyfile_is_secret(file, why))
		draft_error(d, draft_place(d, "master", name), "master.%s: %s", name, why);
}

static void check_registry(struct draft *d)
{
	const struct config *c = d->c;
	bool etcd = strcmp(c->master.registry, "etcd") == 0;

	if (!c->master.present)
		return;
	if (etcd && !c->master.etcd.count)
		missing(d, "master", "etcd");
	if (!etcd && c->master.etcd.count)
		draft_error(d, draft_place(d, "master", "etcd"),
			    "master.etcd is set, but master.registry is %s: say registry: etcd",
			    c->master.registry);
	check_pair(d, c->master.etcd_user, "etcd_user", c->master.etcd_password_file,
		   "etcd_password_file");
	check_pair(d, c->master.etcd_password_file, "etcd_password_file", c->master.etcd_user,
		   "etcd_user");
	check_pair(d, c->master.etcd_cert_file, "etcd_cert_file", c->master.etcd_key_file,
		   "etcd_key_file");
	check_pair(d, c->master.etcd_key_file, "etcd_key_file", c->master.etcd_cert_file,
		   "etcd_cert_file");
	check_pair(d, c->master.etcd_cert_file, "etcd_cert_file", c->master.etcd_ca_file,
		   "etcd_ca_file");
	check_secret(d, "etcd_password_file", c->master.etcd_password_file);
	check_secret(d, "etcd_key_file", c->master.etcd_key_file);
}

static void check_cluster(struct draft *d)
{
	const struct config *c = d->c;

	if (c->cluster.present && !c->cluster.listen)
		missing(d, "cluster", "listen");
	if (c->cluster.present && c->cluster.master.count == 0)
		missing(d, "cluster", "master");
	if (c->master.present && !c->cluster.present)
		draft_error(d, *draft_section(d, "master"),
			    "a node with a section master needs a section cluster, too");
	if (c->master.present && !c->master.listen)
		missing(d, "master", "listen");
	check_key(d, "cluster", c->cluster.key_file);
	check_certificates(d);
	check_registry(d);
	check_addresses(d);
	check_heartbeat(d);
}

static void check_federation(struct draft *d)
{
	const struct config *c = d->c;
	struct place at = *draft_section(d, "federation");
	bool wanted = at.line || c->federation.listen || c->federation.clusters.count ||
		      c->federation.key_file;

	check_key(d, "federation", c->federation.key_file);
	if (wanted && !c->federation.listen)
		missing(d, "federation", "listen");
	if (wanted && !c->cluster.present)
		draft_error(d, at, "a gateway (section federation) needs a section cluster, too");
}

static void check_log(struct draft *d)
{
	struct place sink = draft_place(d, "log", "sink");
	struct config *c = d->c;

	if (c->log.file && strcmp(c->log.sink, "auto") == 0) {
		mem_free(c->log.sink);
		c->log.sink = mem_strdup("file");
	}
	if (strcmp(c->log.sink, "file") == 0 && !c->log.file && !draft_place(d, "log", "file").line)
		draft_error(d, sink.line ? sink : *draft_section(d, "log"),
			    "log.sink is file, but log.file is missing");
}

static void check_name(struct draft *d)
{
	struct config *c = d->c;

	if (!c->node.name && d->name)
		c->node.name = mem_strdup(d->name);
	else if (!c->node.name)
		c->node.name = config_default_name(c);
	else if (!config_name_ok(c->node.name))
		draft_error(d, draft_place(d, "node", "name"),
			    "node.name: 1 to %d letters, digits, '_', '-' and '.', not \"%s\"",
			    CONFIG_NAME_MAX, c->node.name);
}

void check_draft(struct draft *d)
{
	struct config *c = d->c;

	draft_set_defaults(d);
	config_env_settle(c);
	check_name(d);
	if ((c->node.harbor || c->node.harbor_auto) && !c->cluster.present)
		draft_error(d, draft_place(d, "node", "harbor"),
			    "node.harbor asks for a cluster, but there is no section cluster");
	if (c->cluster.present && !c->node.harbor)
		c->node.harbor_auto = true;
	warn_testing(d);
	check_log(d);
	check_cluster(d);
	check_federation(d);
}

/* SPDX-License-Identifier: MIT */
/* The same file makes the same folder, byte by byte: whether a host has to change is seen by
 * comparing. */
#include "daemon/ctl/fleetout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/text.h"

#define MADE "# Made by `harborctl fleet`; what is changed here is lost with the next roll.\n"
#define KEY "cluster-key"

static bool fail(const char *path)
{
	fprintf(stderr, "harborctl: %s: %s\n", path, strerror(errno));
	return false;
}

/* Makes the folders that lead to a file, from `from` on. */
static bool make_folders(const char *path, size_t from)
{
	cleanup(mem_freep) char *p = mem_strdup(path);

	for (char *slash = strchr(p + from, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(p, 0755) < 0 && errno != EEXIST)
			return fail(p);
		*slash = '/';
	}
	return true;
}

/* Writes FOLDER/NAME, which is NUL-terminated text or not. */
static bool write_file(const char *folder, const char *name, mode_t mode, const void *data,
		       size_t size)
{
	cleanup(mem_freep) char *path = mem_printf("%s/%s", folder, name);
	FILE *f;
	bool well;

	if (!make_folders(path, strlen(folder) + 1))
		return false;
	f = fopen(path, "wxe");
	if (!f)
		return fail(path);
	well = fchmod(fileno(f), mode) == 0 && fwrite(data, 1, size, f) == size;
	return (fclose(f) == 0 && well) || fail(path);
}

static bool write_text(const char *folder, const char *name, struct text *t)
{
	bool well = write_file(folder, name, 0644, text_string(t), t->size);

	text_fini(t);
	return well;
}

/* A map of the document, as a file. */
static bool write_map(struct fleet *f, int map, const char *folder, const char *name)
{
	cleanup(mem_freep) char *yaml = NULL;
	struct text t = { 0 };
	size_t size;

	if (!fleetfile_write(f, map, &yaml, &size)) {
		fprintf(stderr, "harborctl: %s: it cannot be written as YAML\n", name);
		return false;
	}
	text_puts(&t, MADE);
	text_add(&t, yaml, size);
	return write_text(folder, name, &t);
}

static void put_address(struct text *t, const struct fleet_host *h, unsigned port)
{
	text_printf(t, strchr(h->address, ':') ? "\"[%s]:%u\"" : "\"%s:%u\"", h->address, port);
}

static void put_masters(struct text *t, const struct fleet *f)
{
	const char *comma = "";

	for (unsigned i = 0; i < f->node_count; i++) {
		if (!f->nodes[i].master)
			continue;
		text_puts(t, comma);
		put_address(t, f->nodes[i].host, f->nodes[i].master);
		comma = ", ";
	}
}

static bool write_node_file(struct fleet *f, const struct fleet_node *n, const char *folder)
{
	cleanup(mem_freep) char *name = mem_printf("etc/harbor/%s.yaml", n->name);
	struct text t = { 0 };

	text_printf(&t, MADE "cluster:\n  name: \"%s\"\n  listen: ", f->name);
	put_address(&t, n->host, n->listen);
	text_puts(&t, "\n  master: [");
	put_masters(&t, f);
	text_puts(&t, "]\n");
	if (f->key_file)
		text_puts(&t, "  key_file: credential:" KEY "\n");
	if (n->master) {
		text_puts(&t, "master:\n  listen: ");
		put_address(&t, n->host, n->master);
		text_puts(&t, "\n");
	}
	return write_text(folder, name, &t);
}

/* The masters of a host start before its other nodes, which would wait for them anyway. */
static bool write_unit(struct fleet *f, const struct fleet_node *n, const char *folder)
{
	cleanup(mem_freep) char *name =
		mem_printf("etc/systemd/system/harbord@%s.service.d/50-fleet.conf", n->name);
	struct text t = { 0 };

	text_puts(&t, MADE "[Unit]\n");
	for (unsigned i = 0; i < f->node_count && !n->master; i++)
		if (f->nodes[i].master && f->nodes[i].host == n->host)
			text_printf(&t, "After=harbord@%s.service\n", f->nodes[i].name);
	if (f->key_file)
		text_puts(&t,
			  "[Service]\nLoadCredential=" KEY ":/etc/harbor/credentials/" KEY "\n");
	if (n->unit)
		text_printf(&t, "%s\n", n->unit);
	return write_text(folder, name, &t);
}

/* Whom the kernel lets the unit speak with. */
static bool write_addresses(const struct fleet *f, const struct fleet_node *n, const char *folder)
{
	cleanup(mem_freep) char *name =
		mem_printf("etc/systemd/system/harbord@%s.service.d/20-addresses.conf", n->name);
	struct text t = { 0 };

	if (!n->addresses)
		return true;
	text_puts(&t, MADE "[Service]\nIPAddressDeny=any\nIPAddressAllow=localhost");
	for (unsigned i = 0; i < f->host_count; i++)
		text_printf(&t, " %s", f->hosts[i].address);
	if (strcmp(n->addresses, "none") != 0)
		text_printf(&t, " %s", n->addresses);
	text_puts(&t, "\n");
	return write_text(folder, name, &t);
}

static bool write_node(struct fleet *f, const struct fleet_node *n, const char *folder)
{
	cleanup(mem_freep) char *config = mem_printf("etc/harbor/%s.yaml.d/50-fleet.yaml", n->name);

	return write_node_file(f, n, folder) && write_unit(f, n, folder) &&
	       write_addresses(f, n, folder) &&
	       (!n->config || write_map(f, n->config, folder, config));
}

static bool write_key(const struct fleet *f, const char *folder)
{
	const char *why = NULL;
	size_t size = 0;
	char *key = file_read(f->key_file, &size, &why);
	bool well;

	if (!key) {
		fprintf(stderr, "harborctl: %s: %s\n", f->key_file, why);
		return false;
	}
	well = write_file(folder, "etc/harbor/credentials/" KEY, 0600, key, size);
	explicit_bzero(key, size);
	mem_free(key);
	return well;
}

/* The addresses of hosts of one family, as a set of nft. Returns how many. */
static unsigned put_addresses(struct text *t, const struct fleet *f, bool six)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->host_count; i++)
		if (!strchr(f->hosts[i].address, ':') == !six)
			text_printf(t, n++ ? ", %s" : "%s", f->hosts[i].address);
	return n;
}

static void put_ports(struct text *t, const struct fleet *f, const struct fleet_host *h)
{
	const char *comma = "";

	for (unsigned i = 0; i < f->node_count; i++) {
		const struct fleet_node *n = &f->nodes[i];

		if (n->host != h)
			continue;
		text_printf(t, "%s%u", comma, n->listen);
		if (n->master)
			text_printf(t, ", %u", n->master);
		comma = ", ";
	}
}

/* The ports of nodes are for the hosts of the fleet alone; what clients connect to is not ours to
 * say. */
static bool write_firewall(const struct fleet *f, const struct fleet_host *h, const char *folder)
{
	static const char *const family[] = { "ip", "ip6" };
	struct text t = { 0 }, ports = { 0 };

	put_ports(&ports, f, h);
	text_puts(&t, "#!/usr/sbin/nft -f\n" MADE "table inet harbor\ndelete table inet harbor\n"
		      "table inet harbor {\n\tchain input {\n"
		      "\t\ttype filter hook input priority filter; policy accept;\n"
		      "\t\tiif lo accept\n");
	for (unsigned six = 0; six < 2 && ports.size; six++) {
		struct text addresses = { 0 };

		if (put_addresses(&addresses, f, six))
			text_printf(&t, "\t\ttcp dport { %s } %s saddr { %s } accept\n",
				    text_string(&ports), family[six], text_string(&addresses));
		text_fini(&addresses);
	}
	if (ports.size)
		text_printf(&t, "\t\ttcp dport { %s } drop\n", text_string(&ports));
	text_puts(&t, "\t}\n}\n");
	text_fini(&ports);
	return write_text(folder, "etc/harbor/firewall.nft", &t);
}

static bool write_host(struct fleet *f, const struct fleet_host *h, const char *folder)
{
	cleanup(mem_freep) char *own = mem_printf("%s/%s", folder, h->name);

	if (mkdir(own, 0755) < 0)
		return fail(own);
	if (f->shared && !write_map(f, f->shared, own, "etc/harbor/harbor.yaml"))
		return false;
	if ((f->key_file && !write_key(f, own)) || !write_firewall(f, h, own))
		return false;
	for (unsigned i = 0; i < f->node_count; i++)
		if (f->nodes[i].host == h && !write_node(f, &f->nodes[i], own))
			return false;
	return true;
}

static const char *role_of(const struct fleet_node *n)
{
	return n->master ? "master" : n->gate ? "gate" : "member";
}

/* Lines of words: "key FILE", "host NAME RSH", "node NAME HOST master|gate|member". */
static bool write_plan(const struct fleet *f, const char *folder)
{
	struct text t = { 0 };

	if (f->key_file)
		text_printf(&t, "key %s\n", f->key_file);
	for (unsigned i = 0; i < f->host_count; i++)
		text_printf(&t, "host %s %s\n", f->hosts[i].name, f->hosts[i].rsh);
	for (unsigned i = 0; i < f->node_count; i++)
		text_printf(&t, "node %s %s %s\n", f->nodes[i].name, f->nodes[i].host->name,
			    role_of(&f->nodes[i]));
	return write_text(folder, "plan", &t);
}

bool fleetout_write(struct fleet *f, const char *folder)
{
	if (mkdir(folder, 0700) < 0)
		return fail(folder);
	for (unsigned i = 0; i < f->host_count; i++)
		if (!write_host(f, &f->hosts[i], folder))
			return false;
	return write_plan(f, folder);
}

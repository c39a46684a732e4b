/* SPDX-License-Identifier: MIT */
/* Ports: see ports.h. Who opens them finds out again, later: somebody may be quicker. */
#include "daemon/node/ports.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

#include "conf/schema.h"
#include "core/log/log.h"
#include "net/listen.h"

static struct place place_of(const struct config *c, const char *section, const char *name)
{
	const struct schema_key *k = schema_find(section, name);
	struct place at = k ? c->places[k - schema_keys] : (struct place){ 0 };

	if (!at.file)
		at.file = c->file;
	return at;
}

void ports_error(const struct config *c, const char *section, const char *name, const char *what)
{
	struct place at = place_of(c, section, name);

	if (at.line)
		log_error("%s:%u:%u: %s.%s: %s", at.file, at.line, at.column, section, name, what);
	else
		log_error("%s: %s.%s: %s", at.file, section, name, what);
}

struct port {
	const char *section, *address;
	bool needed; /* the node is nothing without it */
};

/* An address of a cluster that the host does not have may come late, with the network: its manager
 * tries again (EX_UNAVAILABLE). Who mistypes that of the page is to know it at once. */
static int status_of(const struct port *p, int error)
{
	if (error == -EACCES || error == -EPERM)
		return EX_NOPERM;
	return p->needed ? EX_UNAVAILABLE : EX_CONFIG;
}

static const char *hint(int error)
{
	if (error == -EADDRINUSE)
		return ": another process has it; of several nodes on a host each needs its own";
	return error == -EADDRNOTAVAIL ? ": the address must be one of this host" : "";
}

static int check(const struct config *c, const struct port *p)
{
	struct net_error why;
	int r = p->address ? net_listen_try(p->address, -1, &why) : 0;
	char what[sizeof(why.text) + 400];

	/* of descriptors and the like there may be enough later */
	if (r == 0 || (r == -EADDRINUSE && !p->needed) || r == -EMFILE || r == -ENFILE)
		return 0;
	snprintf(what, sizeof(what), "%s: %s%s", p->address, why.text, hint(r));
	ports_error(c, p->section, "listen", what);
	return status_of(p, r);
}

int ports_check(const struct config *c)
{
	const struct port ports[] = {
		{ "cluster", c->cluster.present ? c->cluster.listen : NULL, true },
		{ "master", c->cluster.present && c->master.present ? c->master.listen : NULL,
		  true },
		{ "federation", c->cluster.present ? c->federation.listen : NULL, true },
		{ "web", c->web.listen, false },
	};
	int status = 0;

	for (size_t i = 0; status == 0 && i < array_len(ports); i++)
		status = check(c, &ports[i]);
	return status;
}

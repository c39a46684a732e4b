/* SPDX-License-Identifier: MIT */
/* harborctl sockets: those with the highest figure of one kind. */
#include "daemon/admin/sockets.h"

#include "core/base/clock.h"
#include "core/ds/best.h"
#include "daemon/admin/listing.h"
#include "daemon/admin/naming.h"
#include "net/info.h"

static const char keys[] = "--sort takes one of: queued_bytes received_bytes sent_bytes since id";

struct row {
	struct best_entry entry;
	struct net_info info;
};

struct choice {
	struct listing wanted;
	struct best rows;
	uint64_t total;
};

/* What a listener counts there are connections. */
static uint64_t received(const struct net_info *i)
{
	return i->type == NET_INFO_LISTEN ? 0 : i->read;
}

static double figure(const struct net_info *i, unsigned sort)
{
	const double figures[] = { (double)i->queued, (double)received(i), (double)i->write,
				   (double)i->opened_ns, (double)i->id };

	return figures[sort];
}

static void look(const struct net_info *i, void *ud)
{
	struct choice *c = ud;
	struct row row = { .info = *i };

	if (c->wanted.owner && i->owner != c->wanted.owner)
		return;
	c->total++;
	row.entry.key = figure(i, c->wanted.sort);
	best_add(&c->rows, &row.entry);
}

static const char *kind(const struct net_info *i)
{
	return i->type == NET_INFO_LISTEN ? "listen"
	       : i->type == NET_INFO_UDP  ? "udp"
	       : i->type == NET_INFO_BIND ? "bound"
	       : i->is_unix		  ? "unix"
					  : "tcp";
}

static const char *state(const struct net_info *i)
{
	return i->type == NET_INFO_CLOSING ? "closing"
	       : i->waiting		   ? "held"
	       : !i->reading		   ? "paused"
					   : "open";
}

/* Of ours, which belong to no service, the purpose stands in its place. */
static void add_owner(struct json *j, const struct naming *names, const struct net_info *i)
{
	if (i->owner) {
		naming_json(names, j, i->owner, NULL);
		return;
	}
	json_null(j, "handle");
	json_string(j, "name", "");
	json_string(j, "service", i->purpose ? i->purpose : "harbord");
}

static void add_row(struct json *j, const struct naming *names, const struct net_info *i,
		    uint64_t now)
{
	bool listens = i->type == NET_INFO_LISTEN;
	char own[128] = "";

	if (listens)
		json_string(j, "address", i->address);
	else
		json_string(j, "address",
			    net_local_address(i->id, own, sizeof(own)) ? own : i->own);
	json_string(j, "peer", listens ? "" : i->address);
	if (listens)
		json_uint(j, "connections", i->read);
	else
		json_null(j, "connections");
	json_uint(j, "received_bytes", received(i));
	json_uint(j, "sent_bytes", i->write);
	json_uint(j, "queued_bytes", i->queued);
	json_uint(j, "writes_refused", i->refused);
	json_uint(j, "since", (clock_wall_ns() - (now - i->opened_ns)) / NS_PER_SEC);
	add_owner(j, names, i);
}

static void write_rows(struct json *j, struct choice *c)
{
	uint64_t now = clock_mono_ns();
	struct naming names;

	naming_init(&names);
	json_object(j, NULL);
	json_array(j, "sockets");
	for (size_t i = 0; i < c->rows.count; i++) {
		const struct row *row = best_at(&c->rows, i);

		json_object(j, NULL);
		json_uint(j, "id", (uint64_t)row->info.id);
		json_string(j, "kind", kind(&row->info));
		json_string(j, "state", state(&row->info));
		add_row(j, &names, &row->info, now);
		json_object_end(j);
	}
	json_array_end(j);
	json_uint(j, "left_off", c->total - c->rows.count);
	json_object_end(j);
	naming_fini(&names);
}

enum result run_sockets(struct request *r)
{
	struct choice c = { .total = 0 };
	const char *why = listing_parse(r, keys, &c.wanted);

	if (why)
		return request_fail(r, why);
	c.rows = best_of(c.wanted.limit, sizeof(struct row));
	net_foreach(look, &c);
	best_sort(&c.rows);
	write_rows(&r->j, &c);
	best_fini(&c.rows);
	return DONE;
}

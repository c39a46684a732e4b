/* SPDX-License-Identifier: MIT */
/* The global names: who has which, and what members ask about them. */
#include "harbor/protocol/master_names.h"

#include <stdio.h>

#include "core/base/base.h"
#include "core/actor/group.h"
#include "core/actor/remote.h"
#include "harbor/protocol/master_id.h"

struct wire_control master_name_frame(const struct map_item *i, uint64_t change)
{
	struct wire_control c = {
		.kind = WIRE_NAME, .handle = i->number, .fence = i->stamp, .change = change
	};

	snprintf(c.text, sizeof(c.text), "%s", i->key);
	return c;
}

static void announce_name(struct master *m, const struct map_item *i)
{
	struct wire_control c = master_name_frame(i, ++m->change);

	master_save_name(m, i->key, i->number, i->stamp);
	master_broadcast(m, &c);
}

static void release_name(struct master *m, struct map_item *i)
{
	i->number = 0;
	announce_name(m, i);
	map_remove(&m->names, i);
}

struct homeless {
	struct master *m;
	unsigned names;
};

/* Tells of a name whose node is not up: it belongs to nobody. */
static bool is_homeless(struct map_item *i, void *ud)
{
	struct homeless *h = ud;

	if (h->m->nodes[i->number >> 24].r.up)
		return false;
	i->number = 0;
	announce_name(h->m, i);
	h->names++;
	return true;
}

unsigned master_release_homeless(struct master *m)
{
	struct homeless h = { .m = m };

	map_sweep(&m->names, is_homeless, &h);
	return h.names;
}

void master_load_name(struct master *m, const struct registry_change *c)
{
	struct map_item *i = map_add(&m->names, c->name);

	if (!i)
		return;
	i->number = c->handle;
	i->stamp = c->fence;
}

/* ---- requests ---- */

static void answer(struct master *m, struct master_node *n, const struct wire_control *question,
		   enum wire_code code)
{
	static const char *const texts[] = {
		[WIRE_NAME_TAKEN] = REMOTE_NAME_TAKEN,
		[WIRE_NO_NAME] = REMOTE_NO_NAME,
		[WIRE_INVALID] = "invalid name, or a handle of another node",
		[WIRE_FULL] = "too many names",
		[WIRE_NOT_OWNER] = REMOTE_NOT_OWNER,
		[WIRE_NO_HEIR] = REMOTE_NO_HEIR
	};
	const struct map_item *i = map_find(&m->names, question->text);
	struct wire_control c = { .kind = WIRE_ANSWER, .request = question->request, .code = code };

	if (i) {
		c.handle = i->number;
		c.fence = i->stamp;
	}
	snprintf(c.text, sizeof(c.text), "%s",
		 code < array_len(texts) && texts[code] ? texts[code] : "");
	master_write(m, n, &c);
}

/* Does this registration, which the member has from before the registry was lost, come after the
 * owner's? */
static bool is_later(const struct master *m, const struct wire_control *c, const struct map_item *i,
		     uint64_t now)
{
	return now < m->recovering_until && c->fence < MASTER_NUMBER_MAX && c->fence > i->stamp;
}

static enum wire_code register_name(struct master *m, const struct master_node *n,
				    const struct wire_control *c, uint64_t now)
{
	struct map_item *i = map_find(&m->names, c->text);

	if (!group_allows(c->text, c->handle) || c->handle >> 24 != n->r.id ||
	    !(c->handle & 0xffffff))
		return WIRE_INVALID;
	if (i && i->number == c->handle)
		return WIRE_OK_CODE;
	if (i && !is_later(m, c, i, now))
		return WIRE_NAME_TAKEN;
	if (!i && m->names.count >= MASTER_NAMES_MAX)
		return WIRE_FULL;
	if (!i)
		i = map_add(&m->names, c->text);
	i->number = c->handle;
	if (now < m->recovering_until && c->fence && c->fence < MASTER_NUMBER_MAX) {
		i->stamp = c->fence;
		m->number = m->number > c->fence ? m->number : c->fence;
	} else {
		i->stamp = ++m->number;
	}
	announce_name(m, i);
	return WIRE_OK_CODE;
}

/* Does the member speak for the owner that it leaves open? Its own services it knows; by hand
 * anybody's name is taken, and that is a command to the master's node. */
static bool may_leave_open(const struct master *m, const struct master_node *n,
			   const struct map_item *i)
{
	return i->number >> 24 == n->r.id || master_is_own(m, n);
}

static enum wire_code give_up_name(struct master *m, const struct master_node *n,
				   const struct wire_control *c)
{
	struct map_item *i = map_find(&m->names, c->text);

	if (c->handle && c->handle >> 24 != n->r.id)
		return WIRE_INVALID;
	if (!i || (c->handle && i->number != c->handle))
		return WIRE_NO_NAME;
	if (!c->handle && !may_leave_open(m, n, i))
		return WIRE_NOT_OWNER;
	release_name(m, i);
	return WIRE_OK_CODE;
}

/* One change: nobody sees the name without an owner, and the old one's number is old at once. Asked
 * again after it is done, it is done. */
static enum wire_code transfer_name(struct master *m, const struct master_node *n,
				    const struct wire_control *c)
{
	struct map_item *i = map_find(&m->names, c->text);
	uint32_t heir = c->target >> 24;

	if ((c->handle && c->handle >> 24 != n->r.id) || !(c->target & 0xffffff) ||
	    !remote_name_valid(c->text))
		return WIRE_INVALID;
	if (!i)
		return WIRE_NO_NAME;
	if (i->number == c->target)
		return WIRE_OK_CODE;
	if (c->handle ? i->number != c->handle : !may_leave_open(m, n, i))
		return WIRE_NOT_OWNER;
	/* one that is cut off could not look whether the service is there */
	if (!heir || !m->nodes[heir].r.up || !m->nodes[heir].conn)
		return WIRE_NO_HEIR;
	i->number = c->target;
	i->stamp = ++m->number;
	announce_name(m, i);
	return WIRE_OK_CODE;
}

static enum wire_code find_owner(const struct master *m, const struct wire_control *c)
{
	return map_find(&m->names, c->text) ? WIRE_OK_CODE : WIRE_NO_NAME;
}

void master_name_asked(struct master *m, struct master_node *n, const struct wire_control *c,
		       uint64_t now)
{
	switch (c->kind) {
	case WIRE_REGISTER:
		answer(m, n, c, register_name(m, n, c, now));
		break;
	case WIRE_RELEASE:
		answer(m, n, c, give_up_name(m, n, c));
		break;
	case WIRE_TRANSFER:
		answer(m, n, c, transfer_name(m, n, c));
		break;
	default:
		answer(m, n, c, find_owner(m, c));
		break;
	}
}

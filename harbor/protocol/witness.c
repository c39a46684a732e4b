/* SPDX-License-Identifier: MIT */
#include "harbor/protocol/witness.h"

unsigned witness_ask(const struct peer *refused, struct peer *(*get)(void *ud, unsigned id),
		     void *ud, unsigned from)
{
	struct wire_control c = { .kind = WIRE_ASK,
				  .id = refused->id,
				  .epoch = refused->epoch,
				  .request = refused->attempt };
	unsigned asked = 0;

	for (unsigned i = 0; i < 255 && asked < WITNESSES; i++) {
		struct peer *p = get(ud, 1 + (from + i) % 255);

		if (!p || p == refused || p->state != PEER_UP)
			continue;
		p->ops->write(p, p->conn, &c);
		asked++;
	}
	return asked;
}

static void answer(struct peer *from, const struct peer *about, const struct wire_control *c)
{
	bool linked = about && about->state == PEER_UP && about->epoch == c->epoch;
	struct wire_control say = { .kind = WIRE_SAY,
				    .id = c->id,
				    .epoch = c->epoch,
				    .request = c->request,
				    .up = linked ? WIRE_UP : WIRE_DOWN };

	from->ops->write(from, from->conn, &say);
}

void witness_input(struct peer *from, struct peer *about, const struct wire_control *c)
{
	if (c->kind == WIRE_ASK)
		answer(from, about, c);
	else if (about)
		peer_testified(about, c);
}

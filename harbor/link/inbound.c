/* SPDX-License-Identifier: MIT */
#include "harbor/link/inbound.h"

#include "core/base/must.h"

static void drop_large(struct inbound *in)
{
	for (unsigned i = 0; i < WIRE_LARGE_MAX; i++)
		in->large[i].msg = msg_destroy(in->large[i].msg);
	in->large_bytes = 0;
}

void inbound_adopt(struct inbound *in, uint64_t session)
{
	must(session);
	drop_large(in);
	in->session = session;
	in->forgotten = false;
	in->count = in->bytes = 0;
}

void inbound_forget(struct inbound *in)
{
	drop_large(in);
	in->forgotten = in->session != 0;
	in->count = in->bytes = 0;
}

void inbound_reset(struct inbound *in)
{
	drop_large(in);
	*in = (struct inbound){ 0 };
}

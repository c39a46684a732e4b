/* SPDX-License-Identifier: MIT */
/* Events of sockets come again: see again.h. The pauses grow, for what is short is the program's to
 * free. */
#include "lua/host/again.h"

#include "core/base/clock.h"
#include "core/sched/timeout.h"
#include "lua/host/block.h"
#include "lua/host/wait.h"
#include "net/net.h"

#define AGAIN_FIRST_CS 5u
#define AGAIN_MOST_CS 200u

static int event_type(const struct msg *m)
{
	const struct socket_message *sm = msg_payload(m);

	return m->type == PTYPE_SOCKET && !m->source && m->size >= sizeof(*sm) ? sm->type : 0;
}

static void append(struct host *h, struct msg *m)
{
	struct msg **last = &h->again;
	struct wait *w;

	while (*last)
		last = &(*last)->next;
	*last = m;
	if (h->again_session)
		return;
	h->again_session = host_new_session(h);
	w = wait_add(h, h->again_session, WAIT_AGAIN);
	w->timer = service_timeout(h->s, h->again_session, 0, h->again_cs * NS_PER_CS);
	h->again_cs = h->again_cs * 2 < AGAIN_MOST_CS ? h->again_cs * 2 : AGAIN_MOST_CS;
}

bool again_keep(struct host *h, struct msg *m)
{
	int type = event_type(m);

	if (!type || type == SOCKET_DATA || type == SOCKET_UDP || h->exiting || h->closing)
		return false;
	if (!h->again)
		h->again_cs = AGAIN_FIRST_CS;
	m->next = NULL;
	append(h, m);
	return true;
}

void again_keep_request(struct task *t)
{
	int type = event_type(t->request);

	if (type != SOCKET_CONNECT && type != SOCKET_CLOSE && type != SOCKET_ERROR)
		return;
	if (!t->request_borrowed && block_is_ours(t) && again_keep(t->host, t->request))
		t->request = NULL;
}

struct msg *again_take(struct host *h)
{
	struct msg *list = h->again;

	h->again = NULL;
	h->again_session = 0;
	return list;
}

void again_put_back(struct host *h, struct msg *list_take)
{
	if (list_take)
		append(h, list_take);
}

void again_drop(struct host *h)
{
	while (h->again) {
		struct msg *m = h->again;

		h->again = m->next;
		msg_drop(m);
	}
}

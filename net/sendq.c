/* SPDX-License-Identifier: MIT */
/* Write queue: two intrusive lists of payloads and one offset. See sendq.h for the picture. */
#include "net/sendq.h"

#include "core/actor/msg.h"
#include "core/base/must.h"

void sendq_push(struct sendq *q, int priority, void *payload_take, size_t size)
{
	struct msg *m = msg_of(payload_take);

	must(size > 0);
	m->size = size;
	list_append(&q->list[priority], m, next);
	q->bytes += size;
	q->memory += sendq_cost(size);
}

void sendq_push_rest(struct sendq *q, void *payload_take, size_t size, size_t sent)
{
	must(sendq_empty(q) && sent < size);
	sendq_push(q, SENDQ_HIGH, payload_take, size);
	q->offset = sent;
	q->bytes -= sent;
}

int sendq_gather(const struct sendq *q, struct iovec *ret_iov, int max)
{
	size_t skip = q->offset;
	int n = 0;

	for (int p = SENDQ_HIGH; p <= SENDQ_LOW; p++) {
		for (struct msg *m = q->list[p].first; m && n < max; m = m->next) {
			ret_iov[n].iov_base = (char *)msg_payload(m) + skip;
			ret_iov[n].iov_len = m->size - skip;
			skip = 0;
			n++;
		}
	}
	return n;
}

/* The head of low is partly out: nothing may come in between any more. */
static void promote(struct sendq *q)
{
	struct msg *m = list_take(&q->list[SENDQ_LOW], next);

	list_append(&q->list[SENDQ_HIGH], m, next);
}

void sendq_sent(struct sendq *q, size_t n)
{
	must(n <= q->bytes);
	q->bytes -= n;
	while (n > 0) {
		struct sendq_list *l = &q->list[q->list[SENDQ_HIGH].first ? SENDQ_HIGH : SENDQ_LOW];
		size_t left = l->first->size - q->offset;

		if (n < left) {
			q->offset += n;
			if (l == &q->list[SENDQ_LOW])
				promote(q);
			return;
		}
		n -= left;
		q->offset = 0;
		q->memory -= sendq_cost(l->first->size);
		msg_destroy(list_take(l, next));
	}
}

void sendq_clear(struct sendq *q)
{
	struct msg *m;

	for (int p = SENDQ_HIGH; p <= SENDQ_LOW; p++)
		while ((m = list_take(&q->list[p], next)))
			msg_destroy(m);
	q->offset = 0;
	q->bytes = 0;
	q->memory = 0;
}

unsigned sendq_warning(struct sendq *q)
{
	if (q->bytes < SENDQ_WARNING || q->bytes < q->warn_at)
		return 0;
	q->warn_at = q->warn_at ? q->warn_at * 2 : SENDQ_WARNING * 2;
	return (unsigned)((q->bytes + 1023) / 1024);
}

bool sendq_refused(struct sendq *q)
{
	if (q->warn_at)
		return false;
	q->warn_at = SENDQ_WARNING;
	return true;
}

bool sendq_calm(struct sendq *q)
{
	bool warned = q->warn_at != 0;

	q->warn_at = 0;
	return warned;
}

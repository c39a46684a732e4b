/* SPDX-License-Identifier: MIT */
/* The data plane of links: see link.h.
 *
 * A sender pushes its message on the outbox, a stack with one CAS a push. Whoever finds it empty schedules a
 * flush for the end of its turn, so that all sends of a turn, also those of other workers meanwhile, leave
 * with few writes. The flush takes the whole outbox under tx_lock: order of pushes is order on the wire.
 *
 * Ordering  L1 outbox CAS release <-> L2 exchange acquire: the flusher sees the message.
 */
#include "harbor/link.h"

#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/remote.h"
#include "core/service.h"
#include "net/net.h"

#define BATCH 64

struct link *links[256];
static uint64_t message_max, queue_max;

void link_set_limits(uint64_t a_message_max, uint64_t a_queue_max)
{
	message_max = a_message_max;
	queue_max = a_queue_max;
}

static void run_hook(struct turn_hook *h)
{
	struct link *l = container_of(h, struct link, hook);

	/* release: h->next is ours no more; what is pushed from here on schedules again */
	atomic_store_explicit(&l->hook_queued, false, memory_order_release);
	link_flush(l);
}

struct link *link_get(unsigned id)
{
	if (!links[id]) {
		struct link *l = mem_zalloc(sizeof(*l));

		l->id = id;
		l->hook.run = run_hook;
		pthread_mutex_init(&l->tx_lock, NULL);
		pthread_mutex_init(&l->pending_lock, NULL);
		/* release <-> the acquire in link_send */
		__atomic_store_n(&links[id], l, __ATOMIC_RELEASE);
	}
	return links[id];
}

/* ---- requests that wait for an answer ---- */

static bool is_request(const struct msg *m)
{
	return m->session != 0 && m->type != PTYPE_RESPONSE && m->type != PTYPE_ERROR;
}

static unsigned home_of(const struct link *l, uint32_t source, int32_t session)
{
	return (((uint32_t)session * 2654435769u) ^ (source * 40503u)) & (l->pending_size - 1);
}

static void pending_place(struct link *l, struct pending p)
{
	unsigned i = home_of(l, p.source, p.session);

	while (l->pending[i].session)
		i = (i + 1) & (l->pending_size - 1);
	l->pending[i] = p;
}

static void pending_add(struct link *l, const struct msg *m)
{
	pthread_mutex_lock(&l->pending_lock);
	if (l->pending_used * 2 >= l->pending_size) {
		struct pending *old = l->pending;
		unsigned n = l->pending_size;

		l->pending_size = n ? n * 2 : 64;
		l->pending = mem_zalloc(l->pending_size * sizeof(*l->pending));
		for (unsigned i = 0; i < n; i++)
			if (old[i].session)
				pending_place(l, old[i]);
		mem_free(old);
	}
	pending_place(l, (struct pending){ m->source, m->dest, m->session });
	l->pending_used++;
	pthread_mutex_unlock(&l->pending_lock);
}

void link_answered(struct link *l, const struct msg *m)
{
	if (m->type != PTYPE_RESPONSE && m->type != PTYPE_ERROR)
		return;
	pthread_mutex_lock(&l->pending_lock);
	unsigned mask = l->pending_size - 1;

	for (unsigned i = l->pending_used ? home_of(l, m->dest, m->session) : 0;
	     l->pending_used && l->pending[i].session; i = (i + 1) & mask) {
		if (l->pending[i].session != m->session || l->pending[i].source != m->dest)
			continue;
		/* backward shift, no tombstones */
		unsigned hole = i;

		for (unsigned j = (i + 1) & mask; l->pending[j].session; j = (j + 1) & mask) {
			unsigned home = home_of(l, l->pending[j].source, l->pending[j].session);

			if (((j - home) & mask) >= ((j - hole) & mask)) {
				l->pending[hole] = l->pending[j];
				hole = j;
			}
		}
		l->pending[hole].session = 0;
		l->pending_used--;
		break;
	}
	pthread_mutex_unlock(&l->pending_lock);
}

/* ---- sending ---- */

static int refuse(struct link *l, struct msg *m, const char *why)
{
	if (is_request(m))
		service_send_error_text(m->dest, m->source, m->session, why);
	else
		log_printf(LOG_LEVEL_WARNING, m->source, "Drop message to :%08x: %s", m->dest, why);
	if (l)
		atomic_fetch_add_explicit(&l->dropped, 1, memory_order_relaxed); /* a statistic */
	msg_destroy(m);
	return -1;
}

int link_send(struct msg *m)
{
	struct link *l = __atomic_load_n(&links[m->dest >> 24], __ATOMIC_ACQUIRE);
	uintptr_t old;

	if (!l || !atomic_load_explicit(&l->known, memory_order_acquire))
		return refuse(l, m, l ? REMOTE_NODE_DOWN : REMOTE_NO_NODE);
	if (m->size > message_max)
		return refuse(l, m, REMOTE_TOO_LARGE);
	/* relaxed: a bound, not a ledger */
	if (atomic_load_explicit(&l->waiting_bytes, memory_order_relaxed) + m->size +
		    (m->size > 4096 ? net_queued(atomic_load_explicit(&l->fd, memory_order_relaxed)) : 0) >
	    queue_max)
		return refuse(l, m, REMOTE_QUEUE_FULL);
	if (is_request(m))
		pending_add(l, m);
	atomic_fetch_add_explicit(&l->waiting_bytes, m->size + WIRE_MSG_HEADER, memory_order_relaxed);
	old = atomic_load_explicit(&l->outbox, memory_order_relaxed);
	do
		m->next = (struct msg *)old;
	while (!atomic_compare_exchange_weak_explicit(&l->outbox, &old, (uintptr_t)m,
						      memory_order_release, memory_order_relaxed)); /* L1 */
	if (old)
		return 0; /* somebody is about to flush */
	if (!sched_on_worker())
		link_flush(l);
	else if (!atomic_exchange_explicit(&l->hook_queued, true, memory_order_acq_rel))
		(void)sched_at_turn_end(&l->hook);
	return 0;
}

static struct msg *take_outbox(struct link *l)
{
	struct msg *m = (struct msg *)atomic_exchange_explicit(&l->outbox, 0, memory_order_acquire); /* L2 */
	struct msg *list = NULL;

	while (m) {
		struct msg *next = m->next;

		m->next = list;
		list = m;
		m = next;
	}
	return list;
}

static void write_batch(struct link *l, int fd, struct msg **batch, unsigned n)
{
	uint8_t heads[BATCH][WIRE_MSG_HEADER];
	struct iovec iov[BATCH * 2];
	unsigned parts = 0;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		wire_encode_msg(heads[i], batch[i]);
		iov[parts++] = (struct iovec){ heads[i], WIRE_MSG_HEADER };
		if (batch[i]->size)
			iov[parts++] = (struct iovec){ msg_payload(batch[i]), batch[i]->size };
		bytes += batch[i]->size + WIRE_MSG_HEADER;
	}
	/* A failed socket is told by on_close; the requests among these fail then. */
	(void)net_sendv(fd, iov, (int)parts);
	atomic_fetch_sub_explicit(&l->waiting_bytes, bytes, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->sent, n, memory_order_relaxed);
	for (unsigned i = 0; i < n; i++)
		msg_destroy(batch[i]);
}

void link_flush(struct link *l)
{
	struct msg *m, *batch[BATCH];
	unsigned n = 0;
	int fd;

	pthread_mutex_lock(&l->tx_lock);
	fd = atomic_load_explicit(&l->fd, memory_order_acquire);
	/* While the link is down what waits stays in the outbox; link_up flushes it. */
	m = fd > 0 ? take_outbox(l) : NULL;
	while (m) {
		batch[n++] = m;
		m = m->next;
		if (n == BATCH || !m) {
			write_batch(l, fd, batch, n);
			n = 0;
		}
	}
	pthread_mutex_unlock(&l->tx_lock);
}

void link_fail_all(struct link *l, const char *why)
{
	struct pending *pending;
	struct msg *m;
	unsigned n;

	pthread_mutex_lock(&l->tx_lock);
	m = take_outbox(l);
	atomic_store_explicit(&l->waiting_bytes, 0, memory_order_relaxed);
	pthread_mutex_unlock(&l->tx_lock);
	while (m) {
		struct msg *next = m->next;

		/* its caller, if any, is in the table below */
		atomic_fetch_add_explicit(&l->dropped, 1, memory_order_relaxed);
		msg_destroy(m);
		m = next;
	}
	pthread_mutex_lock(&l->pending_lock);
	pending = l->pending;
	n = l->pending_size;
	l->pending = NULL;
	l->pending_used = l->pending_size = 0;
	pthread_mutex_unlock(&l->pending_lock);
	for (unsigned i = 0; i < n; i++)
		if (pending[i].session)
			service_send_error_text(pending[i].dest, pending[i].source, pending[i].session, why);
	mem_free(pending);
}

/* SPDX-License-Identifier: MIT */
/* Sending: see send.h. The way of a local message takes no lock: the service is found in the handle
 * table without a reference (handle.h), and the push is one atomic operation (mailbox.h).
 */
#include "core/actor/send.h"

#include <stdlib.h>
#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/move.h"
#include "core/actor/names.h"
#include "core/actor/overload.h"
#include "core/actor/remote.h"
#include "core/actor/tap.h"
#include "core/base/must.h"

static atomic_uint node_handle; /* gets what is sent to index 0 */

void service_fail_request(const struct msg *m, const char *why)
{
	if (msg_wants_answer(m))
		service_send_error_text(m->dest, m->source, m->session, why);
}

void service_reject(struct msg *m, const char *why)
{
	must(why);
	service_fail_request(m, why);
	msg_drop(m);
}

must_use static inline int push(struct service *s, struct msg *m)
{
	if (unlikely(mailbox_bound(&s->mailbox)) && !overload_admit(s, m)) {
		service_reject(m, "the mailbox is full");
		return SEND_REFUSED;
	}
	switch (mailbox_push(&s->mailbox, m)) {
	case MAILBOX_PUSHED:
		return SEND_OK;
	case MAILBOX_WOKEN:
		service_hooks.ready(s);
		return SEND_OK;
	case MAILBOX_CLOSED:
		break;
	}
	if (unlikely(m->flags & MSG_COUNTED))
		mailbox_uncount(&s->mailbox, m);
	msg_destroy(m);
	return SEND_NO_SERVICE;
}

int service_push(struct service *s, struct msg *m)
{
	must_slow(s && m);
	return push(s, m);
}

void service_set_node(uint32_t handle)
{
	atomic_store_explicit(&node_handle, handle, memory_order_relaxed); /* a lone value */
}

/* No service has this handle. */
static struct service *node_service(struct msg *m)
{
	uint32_t node = atomic_load_explicit(&node_handle, memory_order_relaxed);
	struct service *s = (m->dest & HANDLE_INDEX_MAX) == 0 && node ? handle_lookup(node) : NULL;

	if (s)
		m->dest = node;
	return s;
}

static noinline int send_to_nobody(struct msg *m)
{
	struct service *s = node_service(m);

	if (s)
		return push(s, m);
	if (move_get()->find(m))
		return SEND_OK;
	msg_destroy(m);
	return SEND_NO_SERVICE;
}

_Atomic(const struct service_tap *) service_tap;

static noinline int tapped(struct msg *m, const char *name)
{
	const struct service_tap *tap = atomic_load_explicit(&service_tap, memory_order_relaxed);

	/* it may have gone meanwhile */
	return tap ? tap->send(m, name) : service_send_untapped(m, name);
}

static inline bool is_tapped(void)
{
	return unlikely(atomic_load_explicit(&service_tap, memory_order_relaxed) != NULL);
}

must_use static inline int send_on(struct msg *m)
{
	const uint32_t dest = m->dest;
	struct service *s;

	if (unlikely(!handle_is_local(dest)))
		return remote_get()->send(m);
	if (unlikely(dest == 0)) {
		msg_destroy(m);
		return SEND_INVALID;
	}
	s = handle_lookup(dest);
	if (likely(s != NULL))
		return push(s, m);
	return send_to_nobody(m);
}

int service_send(struct msg *m)
{
	return is_tapped() ? tapped(m, NULL) : send_on(m);
}

int service_send_untapped(struct msg *m, const char *name)
{
	return name ? remote_get()->send_name(name, m) : send_on(m);
}

uint32_t service_find_untapped(const char *name)
{
	return names_find(name);
}

static noinline uint32_t find_tapped(const char *name)
{
	const struct service_tap *tap = atomic_load_explicit(&service_tap, memory_order_relaxed);

	return tap ? tap->find(name) : names_find(name);
}

uint32_t service_find(const char *address)
{
	must(address);
	if (address[0] == ':')
		return (uint32_t)strtoul(address + 1, NULL, 16);
	if (address[0] == '.')
		return is_tapped() ? find_tapped(address + 1) : names_find(address + 1);
	return 0;
}

uint64_t service_name_fence(const char *name, uint32_t *ret_handle)
{
	const struct service_tap *tap = atomic_load_explicit(&service_tap, memory_order_relaxed);

	return unlikely(tap != NULL) ? tap->fence(name, ret_handle)
				     : remote_get()->name_fence(name, ret_handle);
}

int service_send_name(const char *address, struct msg *m)
{
	must(address); /* one of no bytes comes from other nodes, too: a name that nobody has */
	if (address[0] == ':' || address[0] == '.') {
		m->dest = service_find(address);
		if (m->dest == 0) {
			msg_destroy(m);
			return SEND_NO_SERVICE;
		}
		return service_send(m);
	}
	return is_tapped() ? tapped(m, address) : service_send_untapped(m, address);
}

/* What is needed to tell the sender, for the message itself is gone by then. */
static int tell_sender(int r, const struct msg *head)
{
	if (unlikely(r != SEND_OK && r != SEND_REFUSED))
		service_fail_request(head, SEND_NO_SERVICE_TEXT);
	return r;
}

int service_forward(struct msg *m)
{
	const struct msg head = *m;

	return tell_sender(service_send(m), &head);
}

int service_forward_name(const char *address, struct msg *m)
{
	const struct msg head = *m;

	return tell_sender(service_send_name(address, m), &head);
}

void service_answer(uint32_t from, uint32_t to, int32_t session, const void *data, size_t size)
{
	if (session)
		service_forward(msg_address_answer(msg_create_copy(data, size), from, to, session,
						   PTYPE_RESPONSE));
}

void service_send_error_text(uint32_t from, uint32_t to, int32_t session, const char *why)
{
	struct msg *m;

	if (to == 0)
		return;
	m = why ? msg_create_copy(why, strlen(why)) : msg_create(0);
	service_forward(msg_address_answer(m, from, to, session, PTYPE_ERROR));
}

void service_send_error(uint32_t from, uint32_t to, int32_t session)
{
	service_send_error_text(from, to, session, NULL);
}

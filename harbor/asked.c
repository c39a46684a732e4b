/* SPDX-License-Identifier: MIT */
/* What the rest of the node asks of the cluster: the functions of core/actor/remote.h.
 *
 * Workers reach the data plane (link.c) and the names (directory.c) directly; everything else they
 * ask for is posted to the loop as a job, where the control plane lives. */
#include "harbor/asked.h"

#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/move.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/log/log.h"
#include "harbor/effects.h"
#include "harbor/events.h"
#include "harbor/link/link.h"
#include "harbor/state.h"
#include "harbor/watch.h"
#include "net/post.h"

/* ---- jobs ---- */

enum job_kind {
	JOB_REGISTER,
	JOB_RELEASE,
	JOB_TRANSFER,
	JOB_QUERY,
	JOB_WATCH,
	JOB_LOST,
	JOB_LOSSES,
	JOB_ENDED,
	JOB_BIRTHS
};

struct job {
	enum job_kind kind;
	uint32_t from, handle, target;
	int32_t session;
	unsigned id; /* JOB_WATCH */
	bool connected;
	uint64_t after; /* JOB_LOSSES */
	char name[REMOTE_NAME_SIZE];
};

static bool is_connected(unsigned id)
{
	struct link *l = id < 256 ? link_find(id) : NULL;

	if (id == WATCH_MASTER)
		return H.member.state == MEMBER_JOINED;
	return id == H.self.id || (l && l->peer.state == PEER_UP);
}

static void run_watch(const struct job *j)
{
	watch_add(j->from, j->session, j->id, j->connected);
	if (is_connected(j->id) == j->connected)
		watch_tell(j->id, j->connected);
}

/* A name of ours must have a service behind it: one that ended before this job would keep the name
 * for ever. */
static void run_register(const struct job *j)
{
	if (j->handle >> 24 != H.self.id || effects_is_alive(j->handle))
		member_register(&H.member, j->from, j->session, j->name, j->handle);
	else if (j->session)
		service_send_error_text(0, j->from, j->session, SEND_NO_SERVICE_TEXT);
}

static void run_transfer(const struct job *j)
{
	if (j->target >> 24 == H.self.id && !effects_is_alive(j->target))
		service_send_error_text(0, j->from, j->session, SEND_NO_SERVICE_TEXT);
	else
		member_transfer(&H.member, j->from, j->session, j->name, j->handle, j->target);
}

static void run_job(void *arg)
{
	cleanup(mem_freep) struct job *j = arg;

	lock_take(&H.lock);
	switch (j->kind) {
	case JOB_REGISTER:
		run_register(j);
		break;
	case JOB_RELEASE:
		member_release(&H.member, j->from, j->session, j->name, j->handle);
		break;
	case JOB_TRANSFER:
		run_transfer(j);
		break;
	case JOB_QUERY:
		member_query(&H.member, j->from, j->session, j->name);
		break;
	case JOB_WATCH:
		run_watch(j);
		break;
	case JOB_LOST:
		watch_add_lost(j->from, j->session);
		break;
	case JOB_LOSSES:
		watch_add_messages(j->from, j->session, j->after);
		break;
	case JOB_BIRTHS:
		member_tell_births(&H.member, clock_mono_ns());
		break;
	case JOB_ENDED:
		member_forget(&H.member, j->handle);
		directory_forget(&H.directory, j->handle);
		watch_forget(j->handle);
		break;
	}
	lock_release(&H.lock);
	if (j->kind <= JOB_QUERY)
		events_touch(); /* it has a deadline */
}

static void post_job(const struct job *proto, const char *name)
{
	struct job *j = mem_zalloc(sizeof(*j));

	*j = *proto;
	if (name)
		memcpy(j->name, name, strnlen(name, sizeof(j->name) - 1));
	net_post(run_job, j);
}

/* ---- core/actor/remote.h; any thread ---- */

static uint32_t remote_find(const char *name)
{
	return directory_find(&H.directory, name);
}

static int remote_send_name(const char *name, struct msg *m)
{
	uint32_t handle = directory_find(&H.directory, name);

	if (handle) {
		m->dest = handle;
		/* the owner may just have ended */
		return service_forward(m) == SEND_OK ? SEND_OK : SEND_REFUSED;
	}
	if (!remote_name_valid(
		    name)) { /* nobody will ever have it, and only its beginning would be kept */
		m->dest = 0;
		service_fail_request(m, REMOTE_NO_NAME);
		msg_destroy(m);
		return SEND_OK;
	}
	if (!directory_post(&H.directory, name, m, clock_mono_ns() + H.c.name_wait_ms * NS_PER_MS))
		events_touch_soon(); /* it has a deadline now */
	return SEND_OK;
}

/* What a node that drains has already it keeps until it is moved. */
static bool may_register(const char *name, uint32_t handle)
{
	return !move_is_draining() || !handle_is_local(handle) ||
	       directory_find(&H.directory, name) == handle;
}

static void remote_register(uint32_t from, int32_t session, const char *name, uint32_t handle)
{
	if (!may_register(name, handle)) {
		if (session)
			service_send_error_text(0, from, session, REMOTE_DRAINING);
		else
			log_printf(LOG_LEVEL_WARNING, from, "global name %s: %s", name,
				   REMOTE_DRAINING);
		return;
	}
	post_job(&(struct job){ JOB_REGISTER, .from = from, .session = session, .handle = handle },
		 name);
}

static void remote_release(uint32_t from, int32_t session, const char *name, uint32_t handle)
{
	post_job(&(struct job){ JOB_RELEASE, .from = from, .session = session, .handle = handle },
		 name);
}

static void remote_transfer(uint32_t from, int32_t session, const char *name, uint32_t handle,
			    uint32_t target)
{
	post_job(&(struct job){ JOB_TRANSFER, .from = from, .session = session, .handle = handle,
				.target = target },
		 name);
}

static uint64_t remote_fence(const char *name, uint32_t *ret_handle)
{
	return directory_fence(&H.directory, name, ret_handle);
}

static void remote_sync_name(uint32_t from, int32_t session, const char *name)
{
	post_job(&(struct job){ JOB_QUERY, .from = from, .session = session }, name);
}

static size_t remote_members(const char *group, uint32_t *ret, size_t max, uint64_t *ret_version)
{
	return directory_members(&H.directory, group, ret, max, ret_version);
}

static void remote_wait_group(uint32_t from, int32_t session, const char *group, uint64_t version)
{
	directory_watch_group(&H.directory, group, version, from, session);
}

static uint64_t remote_round_trip(unsigned id)
{
	struct link *l = id < 256 ? link_find(id) : NULL;

	uint64_t ns;

	if (id == service_harbor())
		return 0;
	/* relaxed: a measure */
	ns = l ? atomic_load_explicit(&l->round_trip_ns, memory_order_relaxed) : 0;
	return ns ? ns : UINT64_MAX;
}

static void remote_query(uint32_t from, int32_t session, const char *name, uint32_t timeout_ms)
{
	directory_ask(&H.directory, name, from, session,
		      timeout_ms ? clock_mono_ns() + timeout_ms * NS_PER_MS : 0);
	if (timeout_ms)
		events_touch_soon();
}

static void remote_watch(uint32_t from, int32_t session, unsigned id, bool connected)
{
	post_job(&(struct job){ JOB_WATCH, .from = from, .session = session, .id = id,
				.connected = connected },
		 NULL);
}

static void remote_connected(uint32_t from, int32_t session, unsigned id)
{
	remote_watch(from, session, id, true);
}

static void remote_disconnected(uint32_t from, int32_t session, unsigned id)
{
	remote_watch(from, session, id, false);
}

static void remote_master_lost(uint32_t from, int32_t session)
{
	remote_watch(from, session, WATCH_MASTER, false);
}

static void remote_name_lost(uint32_t from, int32_t session)
{
	post_job(&(struct job){ JOB_LOST, .from = from, .session = session }, NULL);
}

static void remote_messages_lost(uint32_t from, int32_t session, uint64_t after)
{
	post_job(&(struct job){ JOB_LOSSES, .from = from, .session = session, .after = after },
		 NULL);
}

static void remote_births(void)
{
	post_job(&(struct job){ JOB_BIRTHS }, NULL);
}

static void remote_ended(uint32_t handle)
{
	post_job(&(struct job){ JOB_ENDED, .handle = handle }, NULL);
}

const struct remote_ops asked_ops = {
	.send = link_send,
	.send_name = remote_send_name,
	.find_name = remote_find,
	.register_name = remote_register,
	.release_name = remote_release,
	.transfer_name = remote_transfer,
	.name_fence = remote_fence,
	.sync_name = remote_sync_name,
	.group_members = remote_members,
	.wait_group = remote_wait_group,
	.round_trip = remote_round_trip,
	.query_name = remote_query,
	.wait_connected = remote_connected,
	.wait_disconnected = remote_disconnected,
	.wait_master_lost = remote_master_lost,
	.wait_name_lost = remote_name_lost,
	.wait_messages_lost = remote_messages_lost,
	.service_ended = remote_ended,
	.births = remote_births,
};

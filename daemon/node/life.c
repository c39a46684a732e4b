/* SPDX-License-Identifier: MIT */
/*
 * The main thread sleeps until somebody wakes it (a signal, the cluster's news, `.daemon`, the
 * last service's end) or an alarm is due, and then looks at everything again. Nothing here runs
 * on a schedule unless a service manager listens, so an idle node sleeps.
 */
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/base/fault.h"
#include "core/base/must.h"
#include "core/log/log.h"
#include "core/node/node.h"
#include "core/actor/handle.h"
#include "core/actor/life.h"
#include "core/actor/move.h"
#include "core/actor/service.h"
#include "core/sched/timeout.h"
#include "core/sched/timer.h"
#include "daemon/admin/call.h"
#include "daemon/admin/socket.h"
#include "daemon/node/background.h"
#include "daemon/node/boot.h"
#include "daemon/admin/commands.h"
#include "daemon/admin/errand.h"
#include "daemon/admin/service.h"
#include "daemon/state/info.h"
#include "daemon/node/life.h"
#include "daemon/node/logger.h"
#include "daemon/node/means.h"
#include "daemon/node/reload.h"
#include "daemon/state/notify.h"
#include "daemon/node/signals.h"
#include "daemon/state/status.h"
#include "daemon/node/watchdog.h"
#include "lua/host/sampler.h"
#include "lua/load/luahost.h"
#include "net/handover.h"
#include "net/inherit.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/request.h"

/* While starting up the manager's time limit is pushed on in steps of this, as long as there
 * is progress. */
#define EXTEND_EVERY_NS NS_PER_SEC
#define EXTEND_USEC 5000000u
/* Worker turns longer than this are no progress. */
#define LONG_TURN_NS (2 * NS_PER_SEC)
#define RETIRE_EVERY_NS (100 * NS_PER_MS)
#define GOODBYE_NS (2 * NS_PER_SEC)
#define TEARDOWN_NS NS_PER_SEC
/* How long sessions that are handed over may still be written to, and the service manager take. */
#define HANDOVER_NS (2 * NS_PER_SEC)
#define BARRIER_NS (5 * NS_PER_SEC)
/* How long connections of services may take to end in order. */
#define CLOSING_NS NS_PER_SEC
/* Services that listen later than this after the node was ready find nothing of the last life. */
#define SETTLE_NS (30 * NS_PER_SEC)
/* How often the bootstrap service is looked at until the node is up. */
#define LOOK_NS (50 * NS_PER_MS)
#define LAST_WORD_NS NS_PER_SEC
#define TELL_AGAIN_NS (60 * NS_PER_SEC)
#define QUIET_NS NS_PER_SEC
#define UNTOLD_MAX 48

/* [main] */
static struct {
	uint64_t extended_ns, progress;
	bool services; /* node_wait() works: there is a service that can end */
	bool ready;
} life;

/* [any] before there are services, node_wait() does not block: this does. Posts beyond the first
 * are harmless, the loop looks once more. */
static sem_t early;
/* relaxed: the wake-up behind it orders it */
static atomic_bool stop_asked;

void life_wake(void)
{
	sem_post(&early);
	node_wake();
}

void life_stop(void)
{
	atomic_store_explicit(&stop_asked, true, memory_order_relaxed);
	life_wake();
}

static bool stopping(void)
{
	return signals_stops() > 0 || node_aborted() ||
	       atomic_load_explicit(&stop_asked, memory_order_relaxed);
}

/* ---- the cluster's news, on the net loop ---- */

/* [loop] What was told last of the cluster. */
static struct {
	enum harbor_state state;
	char text[REASON_MAX];
	uint64_t warned_ns; /* the last warning */
	unsigned untold;    /* those that were due since */
} news;

/* A reason that stays the same is told once a minute, and one that changes once a second: while the
 * lead moves, candidates may send a member from one to the other. */
static bool is_news(enum harbor_state st, const char *text)
{
	uint64_t now = clock_mono_ns();
	bool same = st == news.state && strncmp(text, news.text, sizeof(news.text) - 1) == 0 &&
		    !news.untold;

	if (same && now < news.warned_ns + TELL_AGAIN_NS)
		return false;
	if (now < news.warned_ns + QUIET_NS) {
		news.untold++;
		return false;
	}
	news.state = st;
	news.warned_ns = now;
	snprintf(news.text, sizeof(news.text), "%s", text);
	return true;
}

/* Returns what is to be added to a line about the cluster: how many were not written before it. */
static const char *take_untold(char ret_text[UNTOLD_MAX])
{
	ret_text[0] = 0;
	if (news.untold)
		snprintf(ret_text, UNTOLD_MAX, " (after %u more such changes)", news.untold);
	news.untold = 0;
	return ret_text;
}

static void on_joined(void)
{
	char untold[UNTOLD_MAX];

	log_event(cluster_joined, NULL, "joined the cluster as harbor %u%s", harbor_id(),
		  take_untold(untold));
	news.state = HARBOR_JOINED; /* the next loss is news, whatever its reason */
	reason_clear();
}

static void on_state(enum harbor_state st, const char *what, void *ud)
{
	const char *text = what && *what ? what : "no answer yet";
	char untold[UNTOLD_MAX];

	switch (st) {
	case HARBOR_JOINED:
		on_joined();
		break;
	case HARBOR_JOINING:
		reason_set("not in the cluster yet: %s", text);
		if (is_news(st, text))
			log_warning("not in the cluster yet: %s; trying on%s", text,
				    take_untold(untold));
		break;
	case HARBOR_MASTER_LOST:
		reason_set("master lost: %s", text);
		if (is_news(st, text))
			log_event(master_lost, NULL,
				  "master lost: %s; trying on, nodes and known names stay "
				  "reachable%s",
				  text, take_untold(untold));
		break;
	case HARBOR_REFUSED:
		reason_set("the master refuses this node: %s", text);
		log_event(cluster_refused, NULL, "the master refuses this node: %s", text);
		break;
	case HARBOR_OFF:
		break;
	}
	life_wake();
}

/* ---- waiting ---- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct look {
	uint64_t now, progress;
	bool waits_for_time;
};

/* What counts are the services that are being started, and that there are new ones: others may
 * go on for ever while a start service waits for what never comes. */
static void look_at(struct service *s, void *ud)
{
	struct look *look = ud;
	uint64_t began = atomic_load_explicit(&s->turn_began_ns, memory_order_relaxed);

	look->progress += s->born_ns;
	if (!atomic_load_explicit(&s->starting, memory_order_relaxed))
		return;
	look->progress += atomic_load_explicit(&s->messages, memory_order_relaxed);
	if (!began || look->now <= began + LONG_TURN_NS)
		look->waits_for_time |= service_waits_for_timeout(s);
}

static bool makes_progress(uint64_t now)
{
	struct look look = { .now = now };
	bool moved;

	service_foreach(look_at, &look);
	moved = look.progress != life.progress;
	life.progress = look.progress;
	return phase_get() == PHASE_JOINING || moved || look.waits_for_time;
}

static uint64_t extend_tick(uint64_t now)
{
	if (!notify_active() || life.ready || phase_get() == PHASE_STOPPING)
		return UINT64_MAX;
	if (now >= life.extended_ns + EXTEND_EVERY_NS) {
		life.extended_ns = now;
		if (makes_progress(now))
			notify_printf("EXTEND_TIMEOUT_USEC=%u", EXTEND_USEC);
	}
	return life.extended_ns + EXTEND_EVERY_NS;
}

/* Looks after what is due, then sleeps until something happens or `until`. */
static void wait_for_news(uint64_t until)
{
	uint64_t now = clock_mono_ns();

	if (fault(invariant))
		must_end("a broken invariant was asked for");
	reload_tick(life.ready);
	until = sooner(until, status_tick(now));
	until = sooner(until, watchdog_tick(now));
	until = sooner(until, extend_tick(now));
	if (life.services)
		until = sooner(until, means_tick(now));
	signals_alarm(until);
	if (life.services)
		node_wait();
	else
		while (sem_wait(&early) < 0)
			;
}

/* ---- phases; each returns 0 or an exit status ---- */

static int join(const struct config *c)
{
	uint64_t limit = c->cluster.join_timeout_ms;
	uint64_t deadline = limit ? clock_mono_ns() + limit * NS_PER_MS : UINT64_MAX;

	if (!c->cluster.wait_for_join && !c->node.harbor_auto)
		return 0;
	while (!stopping() && harbor_state() != HARBOR_JOINED) {
		if (harbor_state() == HARBOR_REFUSED)
			return EX_UNAVAILABLE;
		if (clock_mono_ns() >= deadline) {
			log_error("not joined within %u ms (cluster.join_timeout)",
				  c->cluster.join_timeout_ms);
			return EX_UNAVAILABLE;
		}
		wait_for_news(deadline);
	}
	return 0;
}

/* A bootstrap service that is not ours has done its part when it handled its first message. */
static bool custom_is_up(uint32_t handle)
{
	struct service *s = service_grab(handle);
	bool up = !s || atomic_load_explicit(&s->messages, memory_order_relaxed) > 0;

	if (s)
		service_unref(s);
	return up;
}

/* Ours tells how it went before it ends, unless it had no memory even for that. Its word may
 * be on its way. */
static bool ended_without_a_word(uint32_t handle, uint64_t *gone_since_ns)
{
	struct service *s = service_grab(handle);
	uint64_t now = clock_mono_ns();

	if (s) {
		service_unref(s);
		return false;
	}
	if (!*gone_since_ns)
		*gone_since_ns = now;
	return now - *gone_since_ns > LAST_WORD_NS;
}

static int boot_failed(const struct config *c)
{
	char why[ADMIN_START_ERROR_MAX];

	admin_service_start_error(why, sizeof(why));
	log_event(start_failed, NULL, "a part of the node failed: %s",
		  *why ? why : "no reason given");
	reason_set("a part of the node failed");
	return boot_start_failed_status(c);
}

/* The default is to end: a node without its start service looks well and does nothing. Some
 * games live with it. */
static int start_failed(const struct config *c)
{
	char why[ADMIN_START_ERROR_MAX];

	admin_service_start_error(why, sizeof(why));
	if (strcmp(c->lua.on_start_error, "continue") == 0) {
		info_warn("the start service failed, and the node goes on without it: %s", why);
		return 0;
	}
	log_event(start_failed, NULL, "the start service failed: %s", why);
	log_error("to let the node go on without its start service, say %s",
		  c->skynet ? "harbord_lua_on_start_error = \"continue\""
			    : "lua.on_start_error: continue");
	reason_set("the start service failed");
	return boot_start_failed_status(c);
}

/* A node that can never join again ends: its manager starts it anew, or tells. */
static bool is_refused(void)
{
	return info_get()->cluster && harbor_state() == HARBOR_REFUSED;
}

static int start(const struct config *c)
{
	bool custom = boot_is_custom(c);
	uint64_t gone_since_ns = 0;
	uint32_t bootstrap;
	int status = boot_services(c, &bootstrap);

	if (status)
		return status;
	life.services = true;
	for (;;) {
		enum admin_start st = admin_service_start_state();

		if (st == ADMIN_START_FAILED)
			return start_failed(c);
		if (st == ADMIN_BOOT_FAILED)
			return boot_failed(c);
		if (is_refused())
			return EX_UNAVAILABLE;
		if (st == ADMIN_START_DONE || (custom && custom_is_up(bootstrap)) || stopping() ||
		    node_is_empty())
			return 0;
		if (!custom && ended_without_a_word(bootstrap, &gone_since_ns))
			return boot_failed(c);
		wait_for_news(clock_mono_ns() + LOOK_NS);
	}
}

static int run(void)
{
	uint64_t settle_ns = clock_mono_ns() + SETTLE_NS;
	char lines[64];

	phase_set(PHASE_RUNNING);
	life.ready = true;
	log_event(node_ready, NULL, "ready: harbor %u, %u workers, %u services", service_harbor(),
		  sched_workers(), service_count());
	snprintf(lines, sizeof(lines), "READY=1\nMAINPID=%ld", (long)getpid());
	notify_send(lines);
	watchdog_start(notify_watchdog_ns());
	while (!stopping() && !node_is_empty() && !is_refused()) {
		if (clock_mono_ns() >= settle_ns) {
			net_inherit_settle();
			settle_ns = UINT64_MAX;
		}
		wait_for_news(settle_ns);
	}
	return is_refused() && !stopping() ? EX_UNAVAILABLE : 0;
}

/* ---- stopping ---- */

/* ---- what services do before they end ---- */

static void count_wanting(struct service *s, void *ud)
{
	/* relaxed: who wants it too late is not asked */
	*(unsigned *)ud += (atomic_load_explicit(&s->wants, memory_order_relaxed) &
			    MOVE_WANTS_STOP) != 0;
}

/* relaxed: the wake-up behind it orders it */
static atomic_bool services_asked;

static void services_answered(const struct asker *a, bool well, const char *body, size_t size)
{
	(void)a;
	if (!well)
		log_warning("before the stop: %.*s", (int)(size < 512 ? size : 512), body);
	atomic_store_explicit(&services_asked, true, memory_order_relaxed);
	life_wake();
}

/* Those that want to save or hand something over do so while all others are still there. */
static void ask_services(uint64_t patience_ns)
{
	uint64_t deadline = clock_mono_ns() + patience_ns, now;
	unsigned wanting = 0;

	service_foreach(count_wanting, &wanting);
	if (!wanting)
		return;
	log_info("stopping: %u services are asked first", wanting);
	call_lua_within(&(struct asker){ .answer = services_answered }, "before_stop", patience_ns);
	while (!atomic_load_explicit(&services_asked, memory_order_relaxed) &&
	       (now = clock_mono_ns()) < deadline)
		wait_for_news(sooner(deadline, now + EXTEND_EVERY_NS));
}

static void hand_over(void)
{
	unsigned n = net_handover(HANDOVER_NS);

	if (n)
		log_info("stopping: %u sessions go to the next life of this node", n);
	(void)notify_barrier(BARRIER_NS);
}

static void end_services(const struct config *c)
{
	uint64_t limit = c->admin.stop_timeout_ms * NS_PER_MS;
	uint64_t deadline, now;
	unsigned closing;

	notify_printf("STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu",
		      (unsigned long long)((3 * limit + GOODBYE_NS + 4 * TEARDOWN_NS + HANDOVER_NS +
					    BARRIER_NS + CLOSING_NS) /
					   NS_PER_US));
	status_tick(clock_mono_ns());
	net_inherit_leave();
	net_stop_accepting();
	ask_services(limit);
	hand_over();
	logger_detach();
	/* before the services end, which would leave their sockets to be reset by the next byte */
	net_close_all();
	deadline = clock_mono_ns() + limit;
	while (!node_is_empty() && (now = clock_mono_ns()) < deadline) {
		/* again and again: a service may launch another while it ends */
		service_retire_all();
		wait_for_news(sooner(deadline, now + RETIRE_EVERY_NS));
	}
	if (!node_is_empty())
		log_error("%u services did not end within %u ms", service_count(),
			  c->admin.stop_timeout_ms);
	closing = net_await_closed(CLOSING_NS);
	if (closing)
		log_info("%u connections did not end in order: their peers do not read or end",
			 closing);
}

static void ignore_answer(const struct asker *a, bool well, const char *body, size_t size)
{
	(void)a;
	if (!well)
		log_warning("draining: %.*s", (int)(size < 512 ? size : 512), body);
}

/* The services that can move do so before the others end. */
static void drain(const struct config *c)
{
	uint64_t limit = c->admin.drain_on_stop_ms * NS_PER_MS;
	uint64_t deadline = clock_mono_ns() + limit, now;
	char line[32];

	log_info("asked to stop: draining first (admin.drain_on_stop)");
	notify_printf("EXTEND_TIMEOUT_USEC=%llu",
		      (unsigned long long)(limit / NS_PER_US + 1000000));
	snprintf(line, sizeof(line), "drain %u", harbor_id());
	call_lua(&(struct asker){ .answer = ignore_answer }, line);
	while (!move_is_drained() && (now = clock_mono_ns()) < deadline && signals_stops() < 2 &&
	       !node_aborted())
		wait_for_news(sooner(deadline, now + LOOK_NS));
	if (!move_is_drained())
		log_warning("not drained: what could not be moved ends here");
}

static void stop(const struct config *c, int status)
{
	if (stopping())
		log_event(node_stopping, NULL, "stopping: %u services", service_count());
	else if (!status)
		log_event(node_stopping, NULL, "stopping: every service has ended");
	phase_set(PHASE_STOPPING);
	watchdog_stopping();
	end_services(c);
	if (c->cluster.present)
		harbor_stop(GOODBYE_NS, c->admin.stop_timeout_ms * NS_PER_MS);
	admin_socket_close();
	errand_end_all();
	sampler_end();
	if (!node_stop(TEARDOWN_NS)) {
		/* a thread still runs a service's code: nothing can be freed under it */
		log_event(node_stopped, NULL, "stopped, exit status %d", status);
		log_stop();
		_exit(status);
	}
	luahost_fini();
	if (c->cluster.present)
		harbor_fini();
	net_fini();
	log_event(node_stopped, NULL, "stopped, exit status %d", status);
}

int life_run(struct config *c, const struct config_source *from)
{
	int status;

	sem_init(&early, 0, 0);
	admin_service_init(life_wake);
	reload_init(from, c, life_wake);
	commands_init(life_stop, reload_ask);
	if (signals_start(life_wake) < 0) {
		log_error("the signal thread could not be started");
		return EX_OSERR;
	}
	status = boot_layers(c);
	if (status)
		return status;
	boot_blackbox(c);
	status = boot_start(c, on_state);
	if (status)
		return status;
	/* signals are handled and every port is ours: what goes wrong from here on is the log's */
	background_detach();
	if (c->cluster.present)
		status = join(c);
	if (!status && !stopping())
		status = start(c);
	if (!status && !stopping() && !node_is_empty())
		status = run();
	if (!status && life.ready && stopping() && !node_aborted() && c->cluster.present &&
	    c->admin.drain_on_stop_ms)
		drain(c);
	stop(c, status);
	signals_stop();
	return status;
}

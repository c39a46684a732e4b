/* SPDX-License-Identifier: MIT */
/* The figures of the process, of its workers and of what it keeps: see metrics.h. */
#include "daemon/state/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/actor/move.h"
#include "core/actor/overload.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/log/log.h"
#include "core/sched/monitor.h"
#include "core/sched/sched.h"
#include "core/sched/timer.h"
#include "daemon/state/cluster_sends.h"
#include "daemon/state/exposition.h"
#include "daemon/state/health.h"
#include "daemon/state/info.h"
#include "daemon/state/metrics_cluster.h"
#include "daemon/state/metrics_services.h"
#include "daemon/state/process.h"
#include "lua/load/luahost.h"
#include "net/info.h"

/* ---- the process, by the names that all of Prometheus' clients use ---- */

static void write_process(struct text *t)
{
	struct process_descriptors fds;
	uint64_t all, resident;
	struct timespec cpu;

	process_memory(&all, &resident);
	process_descriptors(&fds);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	exposition_family(t, "process_cpu_seconds_total", EXPOSITION_COUNTER,
			  "Time that the process has used of all processors.");
	exposition_seconds(t, "process_cpu_seconds_total", "",
			   (uint64_t)cpu.tv_sec * NS_PER_SEC + (uint64_t)cpu.tv_nsec);
	exposition_gauge(t, "process_start_time_seconds", clock_start_seconds(),
			 "When the process began, in seconds since 1970.");
	exposition_gauge(t, "process_resident_memory_bytes", resident,
			 "Memory of the process that is not swapped out.");
	exposition_gauge(t, "process_virtual_memory_bytes", all, "Address space of the process.");
	exposition_gauge(t, "process_open_fds", fds.open, "Open descriptors.");
	exposition_gauge(t, "process_max_fds", fds.most, "Most descriptors that may be open.");
}

/* ---- the node ---- */

static void write_node(struct text *t)
{
	const struct info *info = info_get();
	char labels[EXPOSITION_LABELS] = "", why[HEALTH_WHY];

	exposition_label(labels, "node", info->node);
	exposition_label(labels, "cluster", info->cluster ? info->cluster : "");
	exposition_label(labels, "version", HARBORD_VERSION);
	exposition_family(t, "harbord_info", EXPOSITION_GAUGE, "What the node is; always 1.");
	exposition_count(t, "harbord_info", labels, 1);
	exposition_gauge(t, "harbord_ready", health_is_ready(why),
			 "1: the node has joined, its start service is up, and it does not drain.");
	exposition_gauge(t, "harbord_draining", move_is_draining(),
			 "1: the node takes nothing new and gives away what can move.");
	exposition_counter(t, "harbord_log_lines_dropped_total", log_dropped(),
			   "Lines of the log that were lost, because its sink was too slow.");
}

static void write_worker(struct text *t, const char *name, unsigned worker, uint64_t value)
{
	char labels[EXPOSITION_LABELS] = "", number[12];

	snprintf(number, sizeof(number), "%u", worker);
	exposition_label(labels, "worker", number);
	exposition_count(t, name, labels, value);
}

static void write_workers(struct text *t)
{
	unsigned n = sched_workers(), sleeping = 0;
	struct worker_view v;

	exposition_family(t, "harbord_worker_messages_total", EXPOSITION_COUNTER,
			  "Messages that each worker has run.");
	for (unsigned i = 0; i < n; i++) {
		sched_view(i, &v);
		sleeping += v.sleeping;
		write_worker(t, "harbord_worker_messages_total", i, v.progress);
	}
	exposition_family(t, "harbord_worker_steals_total", EXPOSITION_COUNTER,
			  "How often each worker has taken work from another.");
	for (unsigned i = 0; i < n; i++) {
		sched_view(i, &v);
		write_worker(t, "harbord_worker_steals_total", i, v.steals);
	}
	exposition_gauge(t, "harbord_workers", n, "Worker threads.");
	exposition_gauge(t, "harbord_processors", sched_processors(),
			 "Workers that may be awake at a time, but for those in long turns.");
	exposition_gauge(t, "harbord_workers_sleeping", sleeping,
			 "Workers that have nothing to do.");
	exposition_gauge(t, "harbord_workers_stuck", monitor_stuck(),
			 "Workers that have been in one message for more than five seconds.");
	exposition_gauge(t, "harbord_run_queue_services", sched_queued(),
			 "Services that wait for a worker.");
}

static void write_monitor(struct text *t)
{
	exposition_counter(t, "harbord_overloads_total", overload_reports(),
			   "How often a long mailbox was reported.");
	exposition_counter(t, "harbord_endless_loops_total", monitor_reports(),
			   "How often a worker was reported that is in one message for long.");
	exposition_gauge(t, "harbord_timers", timer_count(), "Timers that are armed.");
}

static void write_sockets(struct text *t)
{
	struct net_stats s;

	net_get_stats(&s);
	exposition_gauge(t, "harbord_sockets", s.sockets, "Sockets, with those of the node.");
	exposition_gauge(t, "harbord_write_queue_bytes", s.queued,
			 "Bytes that wait on sockets of services for their peers.");
	exposition_gauge(t, "harbord_write_queue_max_bytes", s.queued_max,
			 "The bound of harbord_write_queue_bytes; 0 is none.");
	exposition_counter(t, "harbord_sockets_closed_full_total", s.closed_full,
			   "Sockets that were closed because their peer read too slowly.");
	exposition_counter(t, "harbord_writes_refused_total", s.refused,
			   "Writes that were refused because a peer read too slowly.");
	exposition_counter(t, "harbord_accepts_refused_total", s.accepts_refused,
			   "Connections that were closed at once: descriptors had run out.");
}

static void write_memory(struct text *t)
{
	struct luahost_shared shared;
	struct mem_figures m;

	(void)mem_get_figures(&m);
	exposition_gauge(t, "harbord_memory_allocated_bytes", m.allocated,
			 "Memory that the program has from the allocator.");
	exposition_gauge(t, "harbord_memory_active_bytes", m.active,
			 "Pages of the allocator in which something is allocated.");
	exposition_gauge(t, "harbord_memory_resident_bytes", m.resident,
			 "Pages of the allocator that are in memory.");
	exposition_gauge(t, "harbord_memory_retained_bytes", m.retained,
			 "Address space that the allocator keeps without memory.");
	luahost_get_shared(&shared);
	exposition_gauge(t, "harbord_lua_shared_roots", shared.roots,
			 "Files of code and tables that services share.");
	exposition_gauge(t, "harbord_lua_shared_bytes", shared.root_bytes,
			 "Memory of code and tables that services share.");
	exposition_gauge(t, "harbord_lua_shared_strings", shared.strings,
			 "Strings that services share.");
	exposition_gauge(t, "harbord_lua_shared_strings_bytes", shared.string_bytes,
			 "Memory of the strings that services share.");
}

void metrics_write(struct text *t)
{
	write_node(t);
	write_process(t);
	write_workers(t);
	write_monitor(t);
	write_sockets(t);
	write_memory(t);
	cluster_sends_metrics(t);
	if (info_get()->cluster)
		metrics_write_cluster(t);
	metrics_write_services(t);
	metrics_write_calls(t);
}

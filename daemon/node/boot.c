/* SPDX-License-Identifier: MIT */
/*
 * Boot. Order matters in three places: listeners are bound before anybody is told that we exist;
 * the harbor id is part of every handle, so no service is launched before it is known; `.daemon`
 * is there before the bootstrap service, which may end every service at once: one that is
 * launched after that would keep the node alive. The contract gives the logger handle 1 and the
 * bootstrap service handle 2 all the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/node/env.h"
#include "core/base/keyfile.h"
#include "core/base/cpus.h"
#include "core/base/text.h"
#include "core/actor/handle.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/units.h"
#include "core/actor/module.h"
#include "core/node/node.h"
#include "core/sched/sched.h"
#include "core/actor/life.h"
#include "daemon/admin/socket.h"
#include "daemon/node/boot.h"
#include "daemon/admin/service.h"
#include "daemon/state/blackbox.h"
#include "daemon/state/info.h"
#include "daemon/state/notify.h"
#include "daemon/node/keys.h"
#include "daemon/node/logger.h"
#include "daemon/node/logsink.h"
#include "daemon/node/means.h"
#include "daemon/node/paths.h"
#include "daemon/node/ports.h"
#include "daemon/state/health.h"
#include "daemon/state/metrics.h"
#include "daemon/state/page.h"
#include "harbor/registry/restore.h"
#include "lua/load/luahost.h"
#include "lua/load/tape_play.h"
#include "lua/modules/debug/nodeview.h"
#include "net/inherit.h"
#include "net/limits.h"
#include "net/loop.h"
#include "net/tcp.h"

#define BOOTSTRAP "snlua bootstrap"
/* The same in every life; all others come from HANDLE_FIRST on. */
#define LOGGER_INDEX 1u
#define BOOTSTRAP_INDEX 2u
#define DAEMON_INDEX 3u
#define CPATH "./cservice/?.so"

/* set by boot_layers, then constant */
static char lua_dir[PATH_MAX];

static int status_of(int r)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
		return EX_NOPERM;
	case -EINVAL:
	case -ENAMETOOLONG:
		return EX_CONFIG;
	case -ENOMEM:
		return EX_OSERR;
	default:
		return EX_UNAVAILABLE;
	}
}

/* ---- environment ---- */

static void set(const char *key, const char *value)
{
	/* a key that is there already was given by the configuration itself */
	if (value)
		(void)env_set(key, value);
}

static void set_list(const char *key, const struct config_list *l, const char *fallback)
{
	cleanup(text_fini) struct text text = { 0 };

	for (size_t i = 0; i < l->count; i++)
		text_printf(&text, "%s%s", i ? ";" : "", l->items[i]);
	set(key, text.bytes ? text.bytes : fallback);
}

static void set_pairs(const struct config *c)
{
	for (size_t i = 0; i < c->env_count; i++)
		set(c->env[i].key, c->env[i].value);
}

static void set_number(const char *key, uint64_t n)
{
	char number[24];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)n);
	set(key, number);
}

/* The path of a secret, which was found when the configuration was checked. NULL: there is none. */
static const char *secret_path(const char *file, char ret[PATH_MAX])
{
	char why[KEYFILE_WHY];

	return file && keyfile_path(file, ret, why) ? ret : NULL;
}

/* What lua/service/federationd.lua asks for. */
static void set_federation(const struct config *c)
{
	char key_file[PATH_MAX];

	if (!c->cluster.present || !c->federation.listen)
		return;
	set("federation_listen", c->federation.listen);
	set("federation_cluster", c->cluster.name);
	set_list("federation_clusters", &c->federation.clusters, "");
	set("federation_key_file", secret_path(c->federation.key_file, key_file));
	set_number("federation_queue_max", c->federation.queue_max);
	set_number("federation_heartbeat", c->cluster.heartbeat_ms);
	set_number("federation_dead_after", c->cluster.dead_ms);
}

/* What is known before the threads run and the harbor id is. */
static void set_environment(const struct config *c)
{
	/* a skynet-style file's own words win over what we made of them */
	if (c->skynet)
		set_pairs(c);
	set_list("lua_path", &c->lua.path, NULL);
	set_list("lua_cpath", &c->lua.cpath, NULL);
	set_list("luaservice", &c->lua.service_path, NULL);
	set_list("cpath", &c->lua.service_cpath, CPATH);
	set("preload", c->lua.preload);
	set("start", c->lua.start ? c->lua.start : "main");
	set("start_args", c->lua.args);
	set("bootstrap", c->lua.bootstrap ? c->lua.bootstrap : BOOTSTRAP);
	set("profile", "true");
	set("logservice", "logger");
	set("nodename", info_get()->node);
	if (c->cluster.present) {
		set("address", c->cluster.advertise ? c->cluster.advertise : c->cluster.listen);
		set("master",
		    c->cluster.master.count ? c->cluster.master.items[0] : c->master.listen);
	}
	set_federation(c);
	set("web_listen", c->web.listen);
	/* in a single node the bootstrap service sets it: one of the program's own would find
	 * it set */
	if (c->cluster.present && c->master.present)
		set("standalone", "true");
}

static void set_late_environment(const struct config *c)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", sched_workers());
	set("thread", number);
	snprintf(number, sizeof(number), "%u", service_harbor());
	set("harbor", number);
	if (!c->skynet)
		set_pairs(c);
}

/* ---- layers ---- */

/* A user's soft limit, 1,024, is for programs that use select(2): it is raised to what may be
 * had. Not an error if not. */
static void raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* Each loop needs a worker who waits there. */
static unsigned net_loops(const struct config *c)
{
	unsigned workers = c->node.threads ? c->node.threads : cpus_usable();

	if (c->net.threads <= workers)
		return c->net.threads;
	log_warning("net.threads is %u, but there are only %u workers: it is taken as %u",
		    c->net.threads, workers, workers);
	return workers;
}

void boot_limits(const struct config *c)
{
	net_set_limits(&(struct net_limits){
		.queue = c->net.write_queue,
		.policy = strcmp(c->net.write_policy, "error") == 0 ? NET_POLICY_ERROR
								    : NET_POLICY_CLOSE,
		.total = c->net.write_total ? c->net.write_total : mem_limit() / 4,
		.window = (uint32_t)c->net.backpressure,
	});
	net_set_tcp(&(struct net_tcp){
		.idle_ms = c->net.keepalive_idle_ms,
		.again_ms = c->net.keepalive_interval_ms,
		.probes = c->net.keepalive_count,
		.unheard_ms = c->net.user_timeout_ms,
		.connect_ms = c->net.connect_timeout_ms,
	});
	luahost_set_limits(&(struct luahost_limits){
		.memory = c->lua.memory_limit,
		.mailbox_max = c->lua.mailbox_max,
		.mailbox_only_warns = strcmp(c->lua.mailbox_policy, "warn") == 0,
	});
}

/* Something is broken: the line goes to the log, and the manager is told what it is. */
static void last_words(const char *text, size_t size)
{
	log_last_words(text, size);
	notify_broken();
}

static int init_core(const struct config *c)
{
	int r = node_init(&(struct node_config){ .threads = c->node.threads });

	if (r < 0) {
		log_error("node: %s", strerror(-r));
		return EX_OSERR;
	}
	must_set_last_words(last_words);
	raise_descriptors(); /* before the network holds some back */
	means_log();
	r = net_init(net_loops(c));
	if (r < 0) {
		log_error("network: %s", strerror(-r));
		return EX_OSERR;
	}
	boot_limits(c);
	return 0;
}

/* What lua/service/harborweb.lua tells. */
static const struct nodeview nodeview = { .metrics = metrics_write,
					  .is_alive = health_is_alive,
					  .is_ready = health_is_ready,
					  .page = page_set };

static int init_modules(const struct config *c)
{
	cleanup(mem_freep) char *lib = NULL, *service = NULL;
	char modules[PATH_MAX];
	struct luahost_config lc;
	int r;

	if (paths_lua(lua_dir) < 0) {
		log_error("the Lua files of harbord are neither beside its source tree nor "
			  "installed");
		return EX_SOFTWARE;
	}
	if (module_set_path(env_get("cpath")) < 0) {
		log_error("Invalid C service path: a template has no '?': %s", env_get("cpath"));
		return EX_CONFIG;
	}
	logger_init();
	nodeview_set(&nodeview);
	lib = mem_printf("%s/lib", lua_dir);
	service = mem_printf("%s/service", lua_dir);
	lc = (struct luahost_config){ .lib_dir = lib,
				      .service_dir = service,
				      .library_dir = paths_modules(modules) < 0 ? NULL : modules };
	r = luahost_init(&lc);
	if (r < 0) {
		log_error("Lua host: %s", strerror(-r));
		return EX_SOFTWARE;
	}
	return 0;
}

/* The first folder of systemd's, which gives several separated by colons; NULL: there is none. */
static const char *state_dir_of_unit(void)
{
	static char first[PATH_MAX];
	const char *env = getenv("STATE_DIRECTORY");

	snprintf(first, sizeof(first), "%.*s", env ? (int)strcspn(env, ":") : 0, env ? env : "");
	return *first ? first : NULL;
}

static const char *state_dir(const struct config *c)
{
	return c->master.state_dir ? c->master.state_dir : state_dir_of_unit();
}

/* Where there is none, the folder of the control socket lasts as long as the machine runs. */
static const char *crash_dir(const struct config *c)
{
	static char folder[PATH_MAX];
	const char *dir = c->node.crash_dir ? c->node.crash_dir : state_dir(c);

	if (dir)
		return dir;
	snprintf(folder, sizeof(folder), "%s", admin_socket_path());
	if (!strrchr(folder, '/'))
		return NULL;
	*strrchr(folder, '/') = 0;
	return folder;
}

void boot_blackbox(const struct config *c)
{
	blackbox_open(crash_dir(c), logsink_fd);
}

static struct registry_config registry_of(const struct config *c)
{
	static char library[PATH_MAX + sizeof("/harbor-etcd.so.1")];
	static char password_file[PATH_MAX], key_file[PATH_MAX];
	char modules[PATH_MAX];

	if (!c->master.present || strcmp(c->master.registry, "etcd") != 0)
		return (struct registry_config){ 0 };
	if (paths_modules(modules) == 0)
		snprintf(library, sizeof(library), "%s/harbor-etcd.so.1", modules);
	return (struct registry_config){ .library = *library ? library : NULL,
					 .endpoints = (const char *const *)c->master.etcd.items,
					 .prefix = c->master.etcd_prefix,
					 .user = c->master.etcd_user,
					 .password_file = secret_path(c->master.etcd_password_file,
								      password_file),
					 .ca_file = c->master.etcd_ca_file,
					 .cert_file = c->master.etcd_cert_file,
					 .key_file = secret_path(c->master.etcd_key_file, key_file),
					 .lease_ns = c->master.lease_ms * NS_PER_MS };
}

int boot_restore(const struct config *c, const char *backup)
{
	cleanup(mem_freep) char *error = NULL;
	const char *dir = c->master.present ? state_dir(c) : NULL;

	if (c->master.present && strcmp(c->master.registry, "etcd") == 0)
		fprintf(stderr,
			"harbord: --restore is for the embedded registry; what is in etcd is "
			"restored there, and marked by a key %s/%s/restored\n",
			c->master.etcd_prefix, c->cluster.name);
	else if (!dir)
		fprintf(stderr,
			"harbord: %s: no master with a state_dir: there is nothing to "
			"restore\n",
			c->file);
	else if (registry_restore(dir, backup, &error) < 0)
		fprintf(stderr, "harbord: %s\n", error);
	else
		printf("%s/" REGISTRY_FILE ": restored from %s\n", dir, backup);
	return dir && !error ? 0 : EX_DATAERR;
}

static int init_harbor(const struct config *c)
{
	cleanup(mem_freep) char *error = NULL;
	const char *own[] = { c->master.listen, NULL };
	struct harbor_config hc = {
		.node_name = info_get()->node,
		.harbor = c->node.harbor_auto ? 0 : c->node.harbor,
		.cluster = c->cluster.name,
		.listen = c->cluster.listen,
		.advertise = c->cluster.advertise,
		.masters = c->cluster.master.count ? (const char *const *)c->cluster.master.items
						   : own,
		.heartbeat_ms = c->cluster.heartbeat_ms,
		.dead_ms = c->cluster.dead_ms,
		.link_wait_ms = c->cluster.link_wait_ms,
		.message_max = c->cluster.message_max,
		.queue_max = c->cluster.queue_max,
		.name_wait_ms = c->cluster.name_wait_ms,
		.forwarder_ms = c->cluster.forwarder_ms,
		.master_listen = c->master.present ? c->master.listen : NULL,
		.master_advertise = c->master.advertise,
		.state_dir = c->master.present ? state_dir(c) : NULL,
		.registry = registry_of(c),
	};
	struct keys keys = { 0 };
	int r;

	if (!c->cluster.present)
		return 0;
	if (keys_wanted(c)) {
		if (!keys_read(c, &keys)) {
			log_event(secret_refused, NULL, "cluster: %s", keys.why);
			return EX_CONFIG;
		}
		hc.secure = &keys.secure;
	}
	r = harbor_init(&hc, &error);
	keys_fini(&keys);
	if (r < 0) {
		log_error("cluster: %s", error ? error : strerror(-r));
		return status_of(r);
	}
	return 0;
}

int boot_layers(const struct config *c)
{
	cleanup(mem_freep) char *error = NULL;
	int status, r;

	phase_set(PHASE_BOOT);
	status = init_core(c);
	if (status == 0) {
		set_environment(c);
		status = init_modules(c);
	}
	if (status == 0)
		status = ports_check(c);
	if (status == 0)
		status = init_harbor(c);
	if (status)
		return status;
	r = admin_socket_open(info_get()->node, c->admin.listen, &error);
	if (r < 0 && c->admin.listen) {
		ports_error(c, "admin", "listen", error);
		return status_of(r);
	}
	if (r < 0) /* nobody asked for one by name, and a game does not need it */
		info_warn("%s; harborctl cannot ask this node", error);
	return 0;
}

int boot_start(const struct config *c,
	       void (*on_state)(enum harbor_state st, const char *what, void *ud))
{
	int r = node_start();

	if (r < 0) {
		log_error("threads: %s", strerror(-r));
		return EX_OSERR;
	}
	if (!c->cluster.present)
		return 0;
	phase_set(PHASE_JOINING);
	r = harbor_start(on_state, NULL);
	if (r < 0) {
		log_error("cluster: %s", strerror(-r));
		return status_of(r);
	}
	return 0;
}

/* ---- services ---- */

int boot_services(const struct config *c, uint32_t *ret_bootstrap)
{
	const char *line, *logservice = env_get("logservice");
	cleanup(mem_freep) char *module = NULL;
	size_t n;

	if (c->cluster.present)
		handle_set_harbor(c->node.harbor_auto || harbor_id() ? harbor_id()
								     : c->node.harbor);
	set_late_environment(c);
	phase_set(PHASE_STARTING);
	handle_begin(c->cluster.present ? harbor_first_index() : HANDLE_FIRST);
	handle_set_once(LOGGER_INDEX);
	if (!logger_launch(logservice, env_get("logger"))) {
		log_error("Can't launch %s service", logservice);
		return EX_SOFTWARE;
	}
	handle_set_once(DAEMON_INDEX);
	if (!admin_service_launch()) {
		log_error("the control service was not launched");
		return EX_SOFTWARE;
	}
	handle_set_once(BOOTSTRAP_INDEX);
	line = env_get("bootstrap");
	n = strcspn(line, " ");
	module = mem_strndup(line, n);
	*ret_bootstrap = service_launch(module, line + n + strspn(line + n, " "));
	if (!*ret_bootstrap) {
		log_error("Bootstrap error : %s", line);
		return EX_SOFTWARE;
	}
	admin_service_open_calls();
	return 0;
}

/* ---- replay ---- */

int boot_replay(const struct config *c, const char *recording)
{
	struct tape_play p;
	const char *why = tape_load(recording, &p);
	int status;
	bool same, stands;

	if (why) {
		fprintf(stderr, "harbord: %s: %s\n", recording, why);
		return EX_DATAERR;
	}
	if (strcmp(p.version, HARBORD_VERSION) != 0)
		log_warning("%s was recorded by harbord %s", recording, p.version);
	if (p.config_hash != info_config_hash())
		log_warning("%s was recorded with another configuration", recording);
	status = init_core(c);
	if (status)
		return status;
	set_environment(c);
	status = init_modules(c);
	if (status || node_start() < 0)
		return status ? status : EX_OSERR;
	handle_set_harbor(p.handle >> 24);
	set_late_environment(c);
	handle_begin(HANDLE_FIRST);
	handle_set_once(p.handle & HANDLE_INDEX_MAX);
	if (!service_launch("snlua", p.args))
		return EX_SOFTWARE;
	same = tape_wait(&stands);
	if (stands || !node_stop(NS_PER_SEC)) {
		log_stop();
		_exit(same ? 0 : 1);
	}
	luahost_fini();
	net_fini();
	return same ? 0 : 1;
}

bool boot_is_custom(const struct config *c)
{
	return c->lua.bootstrap && strcmp(c->lua.bootstrap, BOOTSTRAP) != 0;
}

int boot_start_failed_status(const struct config *c)
{
	const char *templates = env_get("luaservice");
	cleanup(mem_freep) char *all = mem_printf("%s/service/?.lua;%s", lua_dir,
						  templates ? templates : "./service/?.lua");

	/* a socket that the unit does not pass, and one that does not listen */
	if (net_inherit_missed())
		return EX_CONFIG;
	return paths_has_service(all, env_get("start")) ? EX_SOFTWARE : EX_CONFIG;
}

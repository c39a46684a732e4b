/* SPDX-License-Identifier: MIT */
/* harbord: arguments, configuration, log; the rest is the node's life (life.c). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "conf/help.h"
#include "conf/instance.h"
#include "conf/load.h"
#include "conf/nodename.h"
#include "conf/skynet.h"
#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "daemon/node/background.h"
#include "daemon/node/boot.h"
#include "daemon/state/blackbox.h"
#include "daemon/state/inforce.h"
#include "daemon/state/info.h"
#include "daemon/node/keys.h"
#include "daemon/node/life.h"
#include "daemon/node/logsink.h"
#include "daemon/state/notify.h"
#include "daemon/node/options.h"
#include "harbor/protocol/wire.h"
#include "lua/load/configfile.h"
#include "lua/load/luahost.h"

/* Finds what the configuration is made of, in static storage: it is asked for again later. */
static const struct config_source *find_source(const struct options *o)
{
	static struct instance instance;
	static struct config_source from;
	char why[INSTANCE_WHY];

	from = (struct config_source){ .file = o->config, .node = o->node };
	if (!o->instance)
		return &from;
	if (!instance_find(o->instance, &instance, why)) {
		fprintf(stderr, "harbord: %s\n", why);
		return NULL;
	}
	from.shared = instance.shared;
	from.file = instance.file;
	from.name = instance.name;
	return &from;
}

static struct config *load(const struct config_source *from)
{
	static const struct config_lua_ops lua = { .eval = configfile_eval };
	struct config_errors errors = { 0 };
	struct config *c = NULL;

	config_set_lua(&lua);
	if (config_load_all(from, &c, &errors) == 0) {
		config_errors_fini(&errors);
		return c;
	}
	config_errors_write(stderr, &errors);
	config_errors_fini(&errors);
	return NULL;
}

static int open_log(const struct config *c)
{
	struct logsink_config sink = { .sink = c->log.sink,
				       .file = c->log.file,
				       .format = c->log.format,
				       .node = c->node.name };
	int r = logsink_init(&sink), level = c->log.level ? log_level_parse(c->log.level) : -1;

	if (r < 0) {
		fprintf(stderr, "harbord: log file %s: %s\n", c->log.file ? c->log.file : "?",
			strerror(-r));
		return r == -EACCES || r == -EPERM || r == -EROFS ? EX_NOPERM : EX_CONFIG;
	}
	if (level >= 0)
		log_set_level((enum log_level)level);
	r = log_start();
	if (r < 0) {
		fprintf(stderr, "harbord: log: %s\n", strerror(-r));
		return EX_OSERR;
	}
	return 0;
}

static int run_node(struct config *c, const struct config_source *from)
{
	const struct info *info;
	int status;

	status = c->pid_file ? background_start(c->pid_file) : 0;
	if (status)
		return status;
	info_init(c);
	inforce_init(c);
	status = open_log(c);
	if (status) {
		background_end();
		return status;
	}
	info = info_get();
	log_info("harbord %s (%s), node %s, pid %ld, configuration %s (%016llx)%s%s",
		 HARBORD_VERSION, info->build_id, info->node, (long)getpid(), info->config_file,
		 (unsigned long long)info_config_hash(),
		 *info->invocation_id ? ", invocation " : "", info->invocation_id);
	log_info("%s", luahost_vm());
	for (size_t i = 0; i < c->warnings.count; i++)
		info_warn("%s", c->warnings.items[i]);
	status = life_run(c, from);
	log_stop();
	logsink_fini();
	background_end();
	return status;
}

/* --replay: no cluster, no sockets, only the one service; lines go to stderr. */
static int replay(struct config *c, const char *recording)
{
	struct logsink_config sink = { .sink = "stderr", .node = c->node.name };
	int status;

	c->cluster.present = c->master.present = false;
	info_init(c);
	inforce_init(c);
	status = logsink_init(&sink) < 0 || log_start() < 0 ? EX_OSERR : boot_replay(c, recording);
	log_stop();
	logsink_fini();
	return status;
}

static int check(const struct config *c)
{
	int status = keys_check(c);

	if (status == 0)
		printf("%s: no errors\n", c->file);
	return status;
}

int main(int argc, char **argv)
{
	struct options o;
	const struct config_source *from;
	struct config *c;
	int status = options_parse(argc, argv, stderr, &o);

	if (status)
		return status;
	if (o.action == OPTIONS_HELP) {
		options_help(stdout);
		return 0;
	}
	if (o.action == OPTIONS_HELP_CONFIG) {
		config_help(stdout);
		return 0;
	}
	if (o.action == OPTIONS_VERSION) {
		printf("harbord %s, %s\nlinks speak protocol %u to %u\n", HARBORD_VERSION,
		       luahost_vm(), wire_version_min, wire_version);
		return 0;
	}
	if (o.node && !config_name_ok(o.node)) {
		fprintf(stderr,
			"harbord: --node: a name has 1 to %d letters, digits, '_', '-' "
			"and '.'\n",
			CONFIG_NAME_MAX);
		return EX_USAGE;
	}
#ifdef FAULTS
	char wrong[512];

	if (!fault_arm(getenv("HARBORD_FAULTS"), wrong, sizeof(wrong))) {
		fprintf(stderr, "harbord: HARBORD_FAULTS: %s\n", wrong);
		return EX_USAGE;
	}
#endif
	blackbox_init();
	clock_init();
	notify_init();
	from = find_source(&o);
	c = from ? load(from) : NULL;
	if (!c)
		return EX_CONFIG;
	if (o.action == OPTIONS_CHECK)
		status = check(c);
	else if (o.action == OPTIONS_REPLAY)
		status = replay(c, o.recording);
	else if (o.action == OPTIONS_RESTORE)
		status = boot_restore(c, o.backup);
	else
		status = run_node(c, from);
	config_destroy(c);
	notify_fini();
	return status;
}

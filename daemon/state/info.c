/* SPDX-License-Identifier: MIT */
/* Identity, phase and reason of the process: see info.h. Texts are copied in and out under a lock,
 * so a reader never sees half of one. */
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cgroup.h"
#include "core/base/hash.h"
#include "core/base/lock.h"
#include "core/base/must.h"
#include "core/base/text.h"
#include "core/log/log.h"
#include "daemon/state/info.h"

static struct info info;
/* relaxed, all three: lone values that are shown to people */
static atomic_uint_least64_t config_hash;
static atomic_int phase;
static atomic_uint_least64_t secret_changed;
static struct lock reason_lock = LOCK_INIT(reason);
static char reason[REASON_MAX];
static struct lock warnings_lock = LOCK_INIT(warnings);
static char warnings[WARNINGS_MAX][WARNING_MAX];
static unsigned warning_count;

/* Returns the hash, gone on with over what the file holds. */
static uint64_t file_hash(const char *file, uint64_t hash)
{
	FILE *f = fopen(file, "re");
	char bytes[4096];
	size_t n;

	if (!f)
		return hash;
	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		hash = hash64(hash, bytes, n);
	fclose(f);
	return hash;
}

static uint64_t files_hash(const struct config *c)
{
	uint64_t hash = HASH64_START;

	for (size_t i = 0; i < c->files.count; i++)
		hash = file_hash(c->files.items[i], hash);
	return hash;
}

/* The service whose control group this is. */
static void find_unit(char *ret, size_t size)
{
	char group[PATH_MAX];
	const char *name = cgroup_path(group, sizeof(group)) ? strrchr(group, '/') : NULL;
	size_t n = name ? strlen(name) : 0;

	if (n > strlen("/.service") && strcmp(name + n - strlen(".service"), ".service") == 0)
		snprintf(ret, size, "%s", name + 1);
}

void info_init(const struct config *c)
{
	static char file[PATH_MAX]; /* as it is to be found from any folder */
	const char *id = getenv("INVOCATION_ID");

	must(c->node.name && c->file);
	info = (struct info){ .node = c->node.name,
			      .config_file = realpath(c->file, file) ? file : c->file,
			      .cluster = c->cluster.present ? c->cluster.name : NULL,
			      .harbor = c->node.harbor,
			      .master = c->master.present,
			      .testing = c->node.testing };
	info_set_config_hash(c);
	snprintf(info.invocation_id, sizeof(info.invocation_id), "%s", id ? id : "");
	if (id) /* else it is what started us that is a service */
		find_unit(info.unit, sizeof(info.unit));
	(void)buildid_get(info.build_id);
}

void info_set_config_hash(const struct config *c)
{
	atomic_store_explicit(&config_hash, files_hash(c), memory_order_relaxed);
}

uint64_t info_config_hash(void)
{
	return atomic_load_explicit(&config_hash, memory_order_relaxed);
}

const struct info *info_get(void)
{
	return &info;
}

void info_set_secret_changed(uint64_t seconds)
{
	atomic_store_explicit(&secret_changed, seconds, memory_order_relaxed);
}

uint64_t info_secret_changed(void)
{
	return atomic_load_explicit(&secret_changed, memory_order_relaxed);
}

void phase_set(enum phase p)
{
	must(p >= phase_get() && p <= PHASE_STOPPING);
	atomic_store_explicit(&phase, p, memory_order_relaxed);
}

enum phase phase_get(void)
{
	return (enum phase)atomic_load_explicit(&phase, memory_order_relaxed);
}

const char *phase_name(enum phase p)
{
	static const char *const names[] = {
		[PHASE_BOOT] = "booting",      [PHASE_JOINING] = "joining",
		[PHASE_STARTING] = "starting", [PHASE_RUNNING] = "running",
		[PHASE_STOPPING] = "stopping",
	};

	return names[p];
}

void info_warn(const char *fmt, ...)
{
	char text[WARNING_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_warning("WARNING: %s", text);
	text[strcspn(text, "\n")] = 0; /* stacks are the log's */
	lock_take(&warnings_lock);
	if (warning_count < WARNINGS_MAX)
		memcpy(warnings[warning_count++], text, sizeof(text));
	lock_release(&warnings_lock);
}

bool info_warning(unsigned i, char ret_text[WARNING_MAX])
{
	bool there;

	lock_take(&warnings_lock);
	there = i < warning_count;
	if (there)
		memcpy(ret_text, warnings[i], WARNING_MAX);
	lock_release(&warnings_lock);
	return there;
}

void reason_set(const char *fmt, ...)
{
	va_list ap;

	lock_take(&reason_lock);
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	text_to_one_line(reason); /* it becomes part of a status line */
	lock_release(&reason_lock);
}

void reason_clear(void)
{
	lock_take(&reason_lock);
	reason[0] = 0;
	lock_release(&reason_lock);
}

void reason_get(char ret_text[REASON_MAX])
{
	lock_take(&reason_lock);
	memcpy(ret_text, reason, REASON_MAX);
	lock_release(&reason_lock);
}

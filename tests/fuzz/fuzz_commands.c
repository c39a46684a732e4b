/* SPDX-License-Identifier: MIT */
/* Commands as they come in, first byte even: from the control socket, odd: from another node.
 * Any bytes are legal input: each line is answered once, by one JSON object or a reason, or is
 * passed on with all of its words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admin/asker.c"
#include "daemon/admin/calls.c"
#include "daemon/admin/commands.c"
#include "daemon/admin/commands_master.c"
#include "daemon/admin/dump.c"
#include "daemon/admin/errand.h"
#include "daemon/admin/flame.c"
#include "daemon/admin/history.c"
#include "daemon/admin/log_level.c"
#include "daemon/admin/target.c"
#include "daemon/admin/why.c"
#include "daemon/admin/words.c"
#include "core/base/jsonread.h"
#include "conf/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static unsigned passed_on, answered, stops;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void pass_on(const char *line)
{
	check(words_count(line) > 0 && words_count(line) <= (int)WORDS_MAX);
	passed_on++;
}

void call_lua(const struct asker *who, const char *line)
{
	pass_on(line);
}

void call_node(const struct asker *who, unsigned harbor, const char *line)
{
	check(!who->is_node && harbor > 0 && harbor < 256);
	pass_on(line);
}

void gather_ask(const struct asker *who, const char *line,
		void (*serve)(const struct asker *who, char *line), bool ends_us)
{
	(void)ends_us;
	check(!who->is_node && serve == commands_serve);
	if (words_count(line) > 0)
		pass_on(line);
	else
		asker_refuse(who, "malformed request");
}

/* The threads of their own, which other tests know. */
const char *errand_start(const struct errand *e)
{
	check(e->run);
	passed_on++;
	return NULL;
}

bool blackbox_dump(char *ret_text, size_t size)
{
	return false;
}

bool errand_stops(void)
{
	return true;
}

/* Its two looks need a loop. */
enum result run_top(struct request *r)
{
	passed_on++;
	return LATER;
}

/* What a node that runs would tell of itself. */
const struct info *info_get(void)
{
	static const struct info info = { .node = "fuzz", .config_file = "fuzz.yaml" };

	return &info;
}

enum phase phase_get(void)
{
	return PHASE_RUNNING;
}

const char *phase_name(enum phase p)
{
	return p == PHASE_RUNNING ? "running" : "?";
}

void reason_get(char ret_text[REASON_MAX])
{
	strcpy(ret_text, "a reason with \x01 in it");
}

bool info_warning(unsigned i, char ret_text[WARNING_MAX])
{
	strcpy(ret_text, "a warning");
	return i == 0;
}

size_t status_line(char *ret_text, size_t size)
{
	strncpy(ret_text, "running", size);
	return strlen(ret_text);
}

uint64_t info_config_hash(void)
{
	return 1;
}

static bool reload(const struct asker *who, const char *keys)
{
	asker_refuse(who, "no");
	return true;
}

static void stop(void)
{
	stops++;
}

static void start(void)
{
	static const char text[] = "node: { name: fuzz }\nenv: { password: x }\n";
	struct config_errors errors;
	struct config *c;

	clock_init();
	log_set_level(LOG_LEVEL_ERROR);
	check(config_parse("fuzz.yaml", text, strlen(text), &c, &errors) == 0);
	inforce_init(c);
	commands_init(stop, reload);
}

static void answer(const struct asker *a, bool well, const char *body, size_t n)
{
	struct jsonv *v = NULL;

	check(jsonread(body, n, &v) == 0 && v->type == JSONV_OBJECT);
	check(well || jsonv_get(v, "error"));
	jsonv_destroy(v);
	answered++;
}

static void take_relayed(const struct asker *a, bool well, const char *body, size_t n)
{
	check(n > 0 && body[0] == '{');
	answered++;
}

/* What other nodes and Lua services answer: any bytes, of which only the first two are looked
 * at. */
static void relay(const uint8_t *p, size_t n)
{
	const struct asker who = { .answer = take_relayed };
	unsigned before = answered;

	asker_relay(&who, (const char *)p, n);
	check(answered == before + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct asker who = { .answer = answer };
	static bool started;
	unsigned before;
	char *line;

	if (!started) {
		start();
		started = true;
	}
	if (n < 1)
		return 0;
	relay(p + 1, n - 1);
	who.is_node = p[0] % 2;
	/* a copy of its own, so that reading past it is found; a line has a NUL in place of
	 * its end */
	line = malloc(n);
	memcpy(line, p + 1, n - 1);
	line[n - 1] = 0;
	before = answered + passed_on;
	commands_serve(&who, line);
	check(answered + passed_on == before + 1);
	log_set_level(LOG_LEVEL_ERROR);
	free(line);
	return 0;
}

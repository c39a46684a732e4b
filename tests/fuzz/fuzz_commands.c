/* SPDX-License-Identifier: MIT */
/* Commands as they come in, first byte even: a line of the control socket, odd: the message of another
 * node. Any bytes are legal input: malformed, refused with a reason, passed on with all of its words, or
 * answered by one JSON object. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admin/commands.c"
#include "core/base/json.c"
#include "daemon/admin/jsonread.c"
#include "daemon/admin/words.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static unsigned passed_on, stops;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void pass_on(unsigned n, char *const *words)
{
	for (unsigned i = 0; i < n; i++)
		(void)*(volatile char *)&words[i][strlen(words[i])];
	passed_on++;
}

void control_call(const struct asker *who, unsigned n, char *const *words)
{
	(void)who;
	pass_on(n, words);
}

void control_admin(const struct asker *who, unsigned n, char *const *words)
{
	(void)who;
	pass_on(n, words);
}

void control_forward(const struct asker *who, unsigned harbor, unsigned n, char *const *words)
{
	(void)who;
	check(harbor > 0 && harbor < 256);
	pass_on(n, words);
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

static void stop(void)
{
	stops++;
}

static void start(void)
{
	clock_init();
	log_set_level(LOG_LEVEL_ERROR);
	commands_init(stop);
}

static void run(unsigned n, char *const *words)
{
	const struct asker who = { .connection = 1 };
	unsigned before = passed_on;
	struct jsonv *v = NULL;
	const char *why = NULL;
	struct json j;

	json_init(&j);
	switch (commands_run(&who, n, words, &j, &why)) {
	case COMMANDS_DONE:
		check(jsonread(j.text.bytes, j.text.size, &v) == 0 && v->type == JSONV_OBJECT);
		jsonv_destroy(v);
		break;
	case COMMANDS_FAILED:
		check(why && *why);
		break;
	case COMMANDS_LATER:
		check(passed_on == before + 1);
		break;
	}
	json_fini(&j);
	log_set_level(LOG_LEVEL_ERROR);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static bool started;
	char *words[COMMANDS_WORDS_MAX], *text;
	int count;

	if (!started) {
		start();
		started = true;
	}
	if (n < 1)
		return 0;
	/* a copy of its own, so that reading past it is found; a line has a NUL in place of its end */
	text = malloc(n);
	memcpy(text, p + 1, n - 1);
	text[n - 1] = 0;
	if (p[0] % 2 == 0)
		count = words_of_line(text, words, array_len(words));
	else
		count = words_of_block(text, n - 1, words, array_len(words));
	check(count >= -1 && count <= (int)array_len(words));
	if (count > 0)
		run((unsigned)count, words);
	free(text);
	return 0;
}

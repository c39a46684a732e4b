/* SPDX-License-Identifier: MIT */
/* LOGON and LOGOFF: the log of a service's messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/node/command.h"
#include "core/node/env.h"
#include "core/node/msglog.h"
#include "core/actor/names.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "tests/unit/core/actor.h"
#include "tests/unit/core/lines.h"

static uint32_t a, b;
static char folder[] = "/tmp/harbor-test-XXXXXX";

static int setup(void **state)
{
	int r = actors_start(2);

	(void)state;
	env_set("logpath", folder);
	a = service_launch("actor", NULL);
	b = service_launch("actor", NULL);
	lines_begin(LOG_LEVEL_INFO);
	return r ? r : a && b ? 0 : -1;
}

static int teardown(void **state)
{
	int r = actors_stop();
	char path[96];

	(void)state;
	lines_end();
	for (uint32_t h = 1; h < 8; h++) {
		snprintf(path, sizeof(path), "%s/%08x.log", folder, h);
		(void)unlink(path);
	}
	return r;
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

struct order {
	const char *command, *parm;
};

static void give_order(struct service *s, void *arg)
{
	struct order *o = arg;

	assert_null(command_run(s, o->command, o->parm));
}

/* By service a; b has obeyed when it returns. */
static void order(const char *command, uint32_t handle)
{
	char parm[16];
	struct order o = { command, parm };

	snprintf(parm, sizeof(parm), ":%x", handle);
	assert_true(run_as(a, give_order, &o));
	assert_true(run_as(b, nothing, NULL));
}

static void post_text(uint32_t to, int type, int32_t session, const char *text)
{
	struct msg *m = msg_create_copy(text, strlen(text));

	m->source = a;
	m->dest = to;
	m->type = (uint8_t)type;
	m->session = session;
	assert_int_equal(service_send(m), SEND_OK);
}

/* The file's text, in a buffer that the next call overwrites; "" = no file. */
static const char *text_of(uint32_t handle)
{
	static char text[8192];
	char path[96];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%08x.log", folder, handle);
	f = fopen(path, "r");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = 0;
	return text;
}

static unsigned count_of(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, part)); p++)
		n++;
	return n;
}

static void messages_between_logon_and_logoff_are_lines(void **state)
{
	char line[64], path[96];
	unsigned now, wall;
	const char *text;

	(void)state;
	snprintf(path, sizeof(path), "Open log file %s/%08x.log", folder, b);
	post_text(b, PTYPE_TEXT, 0, "before");
	order("LOGON", b);
	assert_int_equal(lines_with(path), 1);
	post_text(b, 42, 7, "hi\xff");
	post_text(b, PTYPE_LUA, 0, "");
	assert_true(run_as(b, nothing, NULL));
	order("LOGOFF", b);
	snprintf(path, sizeof(path), "Close log file :%08x", b);
	assert_int_equal(lines_with(path), 1);
	post_text(b, PTYPE_TEXT, 0, "after");
	assert_true(run_as(b, nothing, NULL));

	text = text_of(b);
	assert_int_equal(sscanf(text, "open time: %u %*s %*s %*u %*u:%*u:%*u %u\n", &now, &wall),
			 2);
	assert_in_range(wall, 2020, 3000);
	snprintf(line, sizeof(line), "\n:%08x 42 7 ", a);
	text = strstr(text, line);
	assert_non_null(text);
	assert_int_equal(sscanf(text, "\n:%*x 42 7 %*u %63s\n", line), 1);
	assert_string_equal(line, "6869ff");
	/* an empty payload leaves nothing behind the time */
	snprintf(line, sizeof(line), "\n:%08x 10 0 ", a);
	text = strstr(text, line);
	assert_non_null(text);
	assert_int_equal(sscanf(text + strlen(line), "%*[0-9]%63[ \n:]", line), 1);
	assert_true(strncmp(line, " \n:", 3) == 0);
	text = strstr(text, "\nclose time: ");
	assert_non_null(text);
	assert_int_equal(count_of(text + 1, "\n"), 1);
	/* the errands that the test ran in b are messages too; what came outside is not there */
	assert_null(strstr(text_of(b), "6265666f7265"));
	assert_null(strstr(text_of(b), "6166746572"));
}

static void twice_is_once_and_the_file_is_appended_to(void **state)
{
	(void)state;
	order("LOGOFF", b);
	assert_string_equal(text_of(b), "");
	order("LOGON", b);
	order("LOGON", b);
	assert_int_equal(lines_with("Open log file"), 1);
	assert_int_equal(count_of(text_of(b), "open time: "), 1);
	order("LOGOFF", b);
	order("LOGOFF", b);
	assert_int_equal(lines_with("Close log file"), 1);
	order("LOGON", b);
	assert_int_equal(count_of(text_of(b), "open time: "), 2);
	assert_int_equal(count_of(text_of(b), "close time: "), 1);
}

static void names_work_and_strangers_do_no_harm(void **state)
{
	struct order named = { "LOGON", ".bee" }, nobody = { "LOGON", ".nobody" },
		     text = { "LOGON", "bee" }, far = { "LOGON", ":7000001" },
		     nil = { "LOGOFF", NULL };

	(void)state;
	assert_int_equal(names_register("bee", b), 0);
	assert_true(run_as(a, give_order, &nobody));
	assert_true(run_as(a, give_order, &text));
	assert_true(run_as(a, give_order, &far));
	assert_true(run_as(a, give_order, &nil));
	assert_int_equal(lines_with("Open log file"), 0);
	assert_int_equal(lines_with("Can't convert bee to handle"), 1);
	assert_true(run_as(a, give_order, &named));
	assert_true(run_as(b, nothing, NULL));
	assert_int_equal(lines_with("Open log file"), 1);
}

static void the_log_is_closed_with_its_service(void **state)
{
	(void)state;
	order("LOGON", b);
	post_text(b, PTYPE_TEXT, 0, "last");
	assert_true(run_as(b, nothing, NULL));
	assert_true(service_retire(b));
	assert_true(actors_ended(1));
	for (int i = 0; i < 1000 && !strstr(text_of(b), "close time: "); i++)
		usleep(1000); /* the log is closed behind the release, which actors_ended saw */
	assert_non_null(strstr(text_of(b), "6c617374\n"));
	assert_non_null(strstr(text_of(b), "close time: "));
	/* and whoever lives in the slot next has none */
	b = service_launch("actor", NULL);
	post_text(b, PTYPE_TEXT, 0, "new");
	assert_true(run_as(b, nothing, NULL));
	assert_string_equal(text_of(b), "");
}

static void discard(struct service *s, void *arg)
{
	(void)arg;
	service_set_callback(s, NULL, NULL);
}

static void the_callback_may_change_under_an_open_log(void **state)
{
	(void)state;
	order("LOGON", b);
	assert_true(run_as(b, discard, NULL));
	post_text(b, PTYPE_TEXT, 0, "gone");
	for (int i = 0; i < 1000 && !strstr(text_of(b), "676f6e65\n"); i++)
		usleep(1000);
	assert_non_null(strstr(text_of(b), "676f6e65\n"));
	assert_int_equal(letters_to(b), 0);
}

static void a_file_that_cannot_be_opened_is_told(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/%08x.log", folder, b);
	assert_int_equal(symlink("/nowhere/at/all", path), 0);
	order("LOGON", b);
	assert_int_equal(lines_with("Open log file"), 1);
	assert_int_equal(lines_with(".log fail"), 1);
	order("LOGOFF", b);
	assert_int_equal(lines_with("Close log file"), 0);
}

static void a_full_disk_closes_the_log_and_harms_nobody(void **state)
{
	char path[96];

	(void)state;
	if (access("/dev/full", W_OK) != 0)
		skip();
	snprintf(path, sizeof(path), "%s/%08x.log", folder, b);
	assert_int_equal(symlink("/dev/full", path), 0);
	order("LOGON", b);
	post_text(b, PTYPE_TEXT, 0, "one");
	post_text(b, PTYPE_TEXT, 0, "two");
	assert_true(run_as(b, nothing, NULL));
	assert_int_equal(lines_with("cannot be written"), 1);
	assert_int_equal(letters_to(b), 2);
}

/* Asked of a service that is stuck while it ends: the question is in its mailbox when that is
 * emptied. */
static void retire_with_questions(struct service *s, void *arg)
{
	(void)arg;
	assert_true(msglog_ask(a, service_handle(s), true));
	assert_true(msglog_ask(a, service_handle(s), false));
	assert_true(service_retire(service_handle(s)));
	assert_false(msglog_ask(a, service_handle(s), true));
}

static void questions_to_the_dying_are_dropped(void **state)
{
	(void)state;
	assert_true(run_as(b, retire_with_questions, NULL));
	assert_true(actors_ended(1));
	assert_true(run_as(a, nothing, NULL));
	assert_int_equal(letters_to(a), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(messages_between_logon_and_logoff_are_lines),
		T(twice_is_once_and_the_file_is_appended_to),
		T(names_work_and_strangers_do_no_harm),
		T(the_log_is_closed_with_its_service),
		T(the_callback_may_change_under_an_open_log),
		T(a_file_that_cannot_be_opened_is_told),
		T(a_full_disk_closes_the_log_and_harms_nobody),
		T(questions_to_the_dying_are_dropped),
	};

	return cmocka_run_group_tests_name("core/msglog", tests, make_folder, remove_folder);
}

/* SPDX-License-Identifier: MIT */
/* What a gate in C is told: launch arguments and commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lua/modules/socket/gate_words.h"

static struct gate_setup setup(const char *args)
{
	struct gate_setup s;

	assert_null(gate_parse_setup(args, &s));
	return s;
}

static void the_arguments_of_a_launch(void **state)
{
	struct gate_setup s = setup("S .wd 127.0.0.1:8888 0 64");

	(void)state;
	assert_false(s.large);
	assert_string_equal(s.watchdog, ".wd");
	assert_string_equal(s.bind, "127.0.0.1:8888");
	assert_int_equal(s.type, 3);
	assert_int_equal(s.max, 64);
	s = setup("L ! 8888 255 1");
	assert_true(s.large);
	assert_string_equal(s.watchdog, "");
	assert_string_equal(s.bind, "0.0.0.0:8888");
	assert_int_equal(s.type, 255);
	assert_int_equal(s.max, 1);
	s = setup("  S\t:0100000a  [::1]:1  12  2147483647  ");
	assert_string_equal(s.watchdog, ":0100000a");
	assert_string_equal(s.bind, "[::1]:1");
	assert_string_equal(setup("S ! :80 0 1").bind, "0.0.0.0:80");
	assert_false(s.nagle);
	assert_false(setup("S ! 80 0 1 nodelay=on  more words").nagle);
	assert_true(setup("S ! 80 0 1 nodelay=off").nagle);
	assert_int_equal(s.window, GATE_WINDOW_NODE);
	assert_int_equal(setup("S ! 80 0 1 backpressure=0").window, 0);
	assert_int_equal(setup("S ! 80 0 1 backpressure=4096 nodelay=on").window, 4096);
}

static void what_is_no_launch(void **state)
{
	static const char *const bad[] = {
		"",
		"S",
		"S .wd",
		"S .wd 80",
		"S .wd 80 0",
		"S .wd 80 0 0",
		"S .wd 80 0 -1",
		"S .wd 80 0 x",
		"M .wd 80 0 1",
		"s .wd 80 0 1",
		"SL .wd 80 0 1",
		"S .wd 0 0 1",
		"S .wd 65536 0 1",
		"S .wd host: 0 1",
		"S .wd host:-1 0 1",
		"S .wd host:0 0 1",
		"S .wd 80 256 1",
		"S .wd 80 -1 1",
		"S .wd 80 0 2147483648",
		"S .wd 80 0 99999999999999999999999",
		"S .wd 80 0 1 nodelay=yes",
		"S .wd 80 0 1 backpressure=",
		"S .wd 80 0 1 backpressure=1073741825",
		"S .wd 80 0 1 nodelay=on delay=off",
	};
	static const char long_option[] = "S .wd 80 0 1 proxy=";
	struct gate_setup s;
	char text[sizeof(long_option) + GATE_WORD_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_non_null(gate_parse_setup(bad[i], &s));
	memset(text, '1', sizeof(text));
	memcpy(text, long_option, sizeof(long_option) - 1);
	text[sizeof(text) - 1] = 0;
	assert_string_equal(gate_parse_setup(text, &s), "an option is longer than 127 bytes");
}

static struct gate_command command(const char *text)
{
	return gate_parse_command(text, strlen(text));
}

static void every_command(void **state)
{
	struct gate_command c = command("forward 12 :0100000a :ABCDEF01");

	(void)state;
	assert_int_equal(c.verb, GATE_FORWARD);
	assert_int_equal(c.id, 12);
	assert_int_equal(c.agent, 0x0100000a);
	assert_int_equal(c.client, 0xabcdef01);
	c = command("start 2147483647");
	assert_int_equal(c.verb, GATE_START);
	assert_int_equal(c.id, INT32_MAX);
	assert_int_equal(command(" kick\t7\n").verb, GATE_KICK);
	c = command("broker .login");
	assert_int_equal(c.verb, GATE_BROKER);
	assert_string_equal(c.broker, ".login");
	assert_int_equal(command("close").verb, GATE_CLOSE);
	/* it need not end in NUL */
	assert_int_equal(gate_parse_command("start 12345", 8).id, 12);
}

static void what_is_no_command(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"start",
		"start x",
		"start -1",
		"start 2147483648",
		"start 0x1",
		"forward 1",
		"forward 1 :1",
		"forward 1 1 1",
		"forward 1 : :",
		"forward 1 :100000000 :1",
		"forward 1 :g :1",
		"forward 1 :@ :1",
		"broker",
		"START 1",
		"closed",
		"stop",
	};
	char large[400];

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(command(bad[i]).verb, GATE_UNKNOWN);
	assert_int_equal(gate_parse_command("close\0", 6).verb, GATE_UNKNOWN);
	memset(large, 'x', sizeof(large));
	memcpy(large, "broker ", 7);
	assert_int_equal(gate_parse_command(large, sizeof(large)).verb, GATE_UNKNOWN);
	assert_int_equal(gate_parse_command(large, 7 + GATE_WORD_MAX).verb, GATE_BROKER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_arguments_of_a_launch),
		cmocka_unit_test(what_is_no_launch),
		cmocka_unit_test(every_command),
		cmocka_unit_test(what_is_no_command),
	};

	return cmocka_run_group_tests_name("lua/gate_words", tests, NULL, NULL);
}

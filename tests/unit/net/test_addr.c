/* SPDX-License-Identifier: MIT */
#include "tests/unit/net/probe.h"
#include "net/addr.h"

static void host_and_port_are_split_at_the_colon(void **state)
{
	struct addr_text t;

	assert_null(addr_split("example.org:80", -1, &t));
	assert_string_equal(t.host, "example.org");
	assert_int_equal(t.port, 80);
	assert_false(t.is_unix);
	assert_null(addr_split(":65535", -1, &t));
	assert_string_equal(t.host, "");
	assert_int_equal(t.port, 65535);
}

static void brackets_hold_an_ipv6_address(void **state)
{
	struct addr_text t;
	struct addr a;
	char text[ADDR_TEXT_MAX];

	assert_null(addr_split("[::1]:5000", -1, &t));
	assert_string_equal(t.host, "::1");
	assert_true(addr_numeric(&t, &a));
	assert_int_equal(a.any.sa_family, AF_INET6);
	assert_string_equal(addr_format(&a, text, sizeof(text)), "::1:5000");
	assert_string_equal(addr_format_ip(&a, text, sizeof(text)), "::1");
	assert_null(addr_split("::1", 7, &t));
	assert_int_equal(t.port, 7);
	assert_null(addr_split("[::1]", 7, &t));
	assert_string_equal(t.host, "::1");
}

static void nonsense_is_refused_and_the_result_untouched(void **state)
{
	static const char *const bad[] = {
		"",	      "host",
		"host:",      "host:x",
		"host:65536", "host:-1",
		"host:1 ",    "::1:80",
		"[::1]",      "[::1]80",
		"[::1:80",    "[]:80",
		"[host]:80",  "host:99999999999",
		"unix:",      "unix:/",
		"unix:@",     "unix:path",
		"a:b:c",
	};
	struct addr_text t = { .port = 4711 };

	for (size_t i = 0; i < array_len(bad); i++) {
		if (!addr_split(bad[i], -1, &t))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(t.port, 4711);
	}
	assert_non_null(addr_split("host", 65536, &t));
	assert_non_null(addr_split("[::1]:80", 80, &t));
}

static void too_long_hosts_and_paths_are_refused(void **state)
{
	char long_host[600], path[200] = "unix:/";
	struct addr_text t;

	memset(long_host, 'a', sizeof(long_host));
	long_host[599] = 0;
	assert_non_null(addr_split(long_host, 80, &t));
	long_host[ADDR_HOST_MAX - 1] = 0;
	assert_null(addr_split(long_host, 80, &t));
	memset(path + 6, 'p', 106);
	path[112] = 0; /* 107 bytes of path: the longest that fits with its NUL */
	assert_null(addr_split(path, -1, &t));
	path[112] = 'p';
	assert_non_null(addr_split(path, -1, &t));
}

static void unix_paths_and_abstract_names_round_trip(void **state)
{
	static const char *const texts[] = { "unix:/run/x.sock", "unix:@abstract" };
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < array_len(texts); i++) {
		struct addr_text t;
		struct addr a;

		assert_null(addr_split(texts[i], -1, &t));
		assert_true(t.is_unix);
		assert_true(addr_numeric(&t, &a));
		assert_string_equal(addr_format(&a, text, sizeof(text)), texts[i]);
		assert_int_equal(addr_port(&a), 0);
	}
}

static void an_empty_host_is_any_and_a_name_is_not_numeric(void **state)
{
	struct addr_text t;
	struct addr a;
	char text[ADDR_TEXT_MAX];

	assert_null(addr_split(NULL, 80, &t));
	assert_true(addr_numeric(&t, &a));
	assert_string_equal(addr_format(&a, text, sizeof(text)), "0.0.0.0:80");
	assert_null(addr_split("localhost", 80, &t));
	assert_false(addr_numeric(&t, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_and_port_are_split_at_the_colon),
		cmocka_unit_test(brackets_hold_an_ipv6_address),
		cmocka_unit_test(nonsense_is_refused_and_the_result_untouched),
		cmocka_unit_test(too_long_hosts_and_paths_are_refused),
		cmocka_unit_test(unix_paths_and_abstract_names_round_trip),
		cmocka_unit_test(an_empty_host_is_any_and_a_name_is_not_numeric),
	};
	return cmocka_run_group_tests_name("net/addr", tests, NULL, NULL);
}

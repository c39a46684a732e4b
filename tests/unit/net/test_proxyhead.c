/* SPDX-License-Identifier: MIT */
/* Headers of the PROXY protocol, byte for byte, and the list of who is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>

#include "net/proxyhead.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"
/* A literal may hold NULs. */
#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

static int parse(const uint8_t *p, size_t n, struct proxy_head *ret)
{
	const char *why;
	int r = proxy_head_parse(p, n, ret, &why);

	assert_int_equal(r < 0, why != NULL);
	return r;
}

static void is_client(const uint8_t *p, size_t n, size_t size, const char *client)
{
	struct proxy_head h;
	char text[ADDR_TEXT_MAX];

	for (size_t m = 0; m < size; m++)
		assert_int_equal(parse(p, m, &h), 0);
	assert_int_equal(parse(p, n, &h), size);
	assert_int_equal(h.known, client != NULL);
	if (client)
		assert_string_equal(addr_format(&h.client, text, sizeof(text)), client);
}

static void version_1(void **state)
{
	is_client(BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\nGET /"), 42,
		  "192.0.2.7:56324");
	is_client(BYTES("PROXY TCP6 2001:db8::7 ::1 0 65535\r\n"), 36, "2001:db8::7:0");
	is_client(BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
		  104, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:65535");
	is_client(BYTES("PROXY UNKNOWN\r\n\r\n"), 15, NULL);
	is_client(BYTES("PROXY UNKNOWN ffff:: whatever\r it says\r\n"), 40, NULL);
}

static void what_is_no_version_1(void **state)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\n",
		"PROXY\r\n",
		"proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
		"PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
		"PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n",
		"PROXY TCP4\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n",
		"PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999999999999999999\r\n",
		"PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n",
		"PROXY TCP4 1.2.3.04 1.2.3.4 1 1\r\n",
		"PROXY TCP4 ::1 ::1 1 1\r\n",
		"PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n\r\n",
		"PROXY UNKNOWNX\r\n",
	};
	char line[200];
	struct proxy_head h;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse((const uint8_t *)bad[i], strlen(bad[i]), &h), -1);
	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	assert_int_equal(parse((uint8_t *)line, 106, &h), 0);
	assert_int_equal(parse((uint8_t *)line, 107, &h), -1);
	memcpy(line + 105, "\r\n", 2);
	assert_int_equal(parse((uint8_t *)line, 107, &h), 107);
	memcpy(line + 105, "x\r\n", 3);
	assert_int_equal(parse((uint8_t *)line, 108, &h), -1);
}

static void version_2(void **state)
{
	struct proxy_head h;

	is_client(BYTES(SIG "\x21\x11\0\x0c\xc0\0\2\7\xc0\0\2\1\xdc\x04\1\xbb"
			    "behind"),
		  28, "192.0.2.7:56324");
	is_client(BYTES(SIG "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7"
			    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xdc\x04\1\xbb"),
		  52, "2001:db8::7:56324");
	/* the proxy's own connection, whatever is in it */
	is_client(BYTES(SIG "\x20\x00\0\0"), 16, NULL);
	is_client(BYTES(SIG "\x20\x11\0\3abc"), 19, NULL);
	/* of somebody it does not know */
	is_client(BYTES(SIG "\x21\x00\0\2ab"), 18, NULL);
	/* addresses, then TLVs that say nothing to us, and a checksum */
	is_client(BYTES(SIG "\x21\x11\0\x11\1\2\3\4\5\6\7\x08\0\1\0\2\4\0\2xy"), 33, "1.2.3.4:1");
	is_client(BYTES(SIG
			"\x21\x11\0\x18\xc0\0\2\7\xc0\0\2\1\0\1\0\2\1\0\2h2\3\0\4\x3a\xe4\xd6\x78"),
		  40, "192.0.2.7:1");
	assert_int_equal(parse(BYTES(SIG "\x21\x11\x0f\xf0"), &h), 0);
	assert_int_equal(h.size, PROXY_MAX);
}

static void a_path_of_a_unix_socket_names_nobody(void **state)
{
	uint8_t head[16 + 216] = SIG "\x21\x31\0\xd8/run/client";

	is_client(head, sizeof(head), sizeof(head), NULL);
}

static void what_is_no_version_2(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
#define B(s) { SIG s, sizeof(SIG s) - 1 }
		B("\x11\x11\0\0"),
		B("\x31\x11\0\0"),
		B("\x22\x11\0\0"),
		B("\x2f\x11\0\0"),
		B("\x21\x41\0\0"),
		B("\x21\x13\0\0"),
		B("\x21\x11\x0f\xf1"),
		B("\x21\x11\xff\xff"),
		B("\x21\x11\0\x0b"
		  "12345678901"),
		B("\x21\x21\0\x0c"
		  "123456789012"),
		B("\x21\x12\0\x0c"
		  "123456789012"),
		/* TLVs that are cut off, and wrong checksums */
		B("\x21\x11\0\x0d"
		  "123456789012\4"),
		B("\x21\x11\0\x0f"
		  "123456789012\4\0\1"),
		B("\x21\x11\0\x13"
		  "123456789012\3\0\4abcd"),
		B("\x21\x11\0\x12"
		  "123456789012\3\0\3abc"),
	};
	struct proxy_head h;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse((const uint8_t *)bad[i].bytes, bad[i].n, &h), -1);
	assert_int_equal(parse(BYTES("\r\n\r\n\0\r\nQUIT\r"), &h), -1);
	assert_int_equal(parse(BYTES(""), &h), 0);
}

static bool allows(const char *list, const char *ip)
{
	struct proxy_allow a;
	struct addr peer = { 0 };

	assert_null(proxy_allow_parse(list, &a));
	if (inet_pton(AF_INET, ip, &peer.in.sin_addr) == 1)
		peer.any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, ip, &peer.in6.sin6_addr) == 1)
		peer.any.sa_family = AF_INET6;
	else
		peer.any.sa_family = AF_UNIX;
	return proxy_allows(&a, &peer);
}

static void who_is_believed(void **state)
{
	assert_true(allows("127.0.0.1", "127.0.0.1"));
	assert_false(allows("127.0.0.1", "127.0.0.2"));
	assert_true(allows("127.0.0.1", "::ffff:127.0.0.1"));
	assert_true(allows("10.0.0.0/8", "10.255.0.1"));
	assert_false(allows("10.0.0.0/8", "11.0.0.1"));
	assert_true(allows("192.168.4.0/22", "192.168.7.255"));
	assert_false(allows("192.168.4.0/22", "192.168.8.0"));
	assert_true(allows("0.0.0.0/0", "8.8.8.8"));
	assert_false(allows("0.0.0.0/0", "::1"));
	assert_true(allows("::/0", "::1"));
	assert_true(allows(" 10.0.0.0/8,\t2001:db8::/33 , ", "2001:db8:7fff::"));
	assert_false(allows("10.0.0.0/8 2001:db8::/33", "2001:db8:8000::"));
	assert_true(allows("unix", "path"));
	assert_false(allows("::1", "path"));
	assert_false(allows("unix", "::1"));
}

static void what_is_no_list(void **state)
{
	static const char *const bad[] = { "",		" , ",	       "10.0.0.0/33",
					   "10.0.0.0/", "10.0.0.0/-1", "::/129",
					   "/8",	"localhost",   "1.2.3.4/8/8",
					   "1.2.3.4;",	"UNIX" };
	struct proxy_allow a;
	char many[65 * 8 + 1] = "";

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_non_null(proxy_allow_parse(bad[i], &a));
	for (int i = 0; i < 64; i++)
		strcat(many, "1.2.3.4 ");
	assert_null(proxy_allow_parse(many, &a));
	strcat(many, "1.2.3.4");
	assert_non_null(proxy_allow_parse(many, &a));
	memset(many, '1', 64);
	assert_non_null(proxy_allow_parse(many, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1),
		cmocka_unit_test(what_is_no_version_1),
		cmocka_unit_test(version_2),
		cmocka_unit_test(a_path_of_a_unix_socket_names_nobody),
		cmocka_unit_test(what_is_no_version_2),
		cmocka_unit_test(who_is_believed),
		cmocka_unit_test(what_is_no_list),
	};

	return cmocka_run_group_tests_name("net/proxyhead", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * See proxyhead.h. A header of version 1 is a line:
 *
 *   PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n       or TCP6, or UNKNOWN and anything
 *
 * and one of version 2 begins with twelve bytes that no other protocol begins with:
 *
 *   signature (12) | version 2, command | family, transport | length (2) | addresses | TLVs
 *
 * What the protocol reserves is refused. A checksum among the TLVs is verified.
 */
#include "net/proxyhead.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

#define V2_HEAD 16u
#define COMMAND_LOCAL 0u
#define COMMAND_PROXY 1u
#define FAMILY_UNSPEC 0u
#define FAMILY_INET 1u
#define FAMILY_INET6 2u
#define FAMILY_UNIX 3u
#define TRANSPORT_STREAM 1u
#define TLV_CRC32C 3u

static int wrong(const char *what, const char **ret_why)
{
	*ret_why = what;
	return -1;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void set_client(struct proxy_head *h, int family, const void *ip, unsigned port)
{
	h->known = true;
	if (family == AF_INET) {
		h->client.in.sin_family = AF_INET;
		h->client.in.sin_port = htons((uint16_t)port);
		memcpy(&h->client.in.sin_addr, ip, 4);
		h->client.size = sizeof(h->client.in);
	} else {
		h->client.in6.sin6_family = AF_INET6;
		h->client.in6.sin6_port = htons((uint16_t)port);
		memcpy(&h->client.in6.sin6_addr, ip, 16);
		h->client.size = sizeof(h->client.in6);
	}
}

/* ---- version 1 ---- */

/* Takes the next word of the line, which ends at a single blank, or the last one. */
static bool take_word(char **line, char ret[64])
{
	size_t n = strcspn(*line, " ");

	if (n == 0 || n > 63)
		return false;
	memcpy(ret, *line, n);
	ret[n] = 0;
	*line += n + ((*line)[n] == ' ' && (*line)[n + 1]);
	return true;
}

/* Decimal, at most 65535, and no zero in front that others take for octal. */
static bool parse_port(const char *word, unsigned *ret)
{
	size_t n = strspn(word, "0123456789");

	if (n == 0 || n > 5 || word[n] || (n > 1 && word[0] == '0'))
		return false;
	*ret = (unsigned)strtoul(word, NULL, 10);
	return *ret <= 65535;
}

/* "TCP4 SOURCE DESTINATION PORT PORT" */
static bool parse_line(char *line, struct proxy_head *ret)
{
	char word[64], ip[16], other[16];
	unsigned port, other_port;
	int family;

	if (!take_word(&line, word))
		return false;
	if (strcmp(word, "UNKNOWN") == 0)
		return true;
	if (strcmp(word, "TCP4") != 0 && strcmp(word, "TCP6") != 0)
		return false;
	family = word[3] == '4' ? AF_INET : AF_INET6;
	if (!take_word(&line, word) || inet_pton(family, word, ip) != 1 ||
	    !take_word(&line, word) || inet_pton(family, word, other) != 1 ||
	    !take_word(&line, word) || !parse_port(word, &port) || !take_word(&line, word) ||
	    !parse_port(word, &other_port) || *line)
		return false;
	set_client(ret, family, ip, port);
	return true;
}

static int parse_v1(const uint8_t *p, size_t n, struct proxy_head *ret, const char **ret_why)
{
	char line[PROXY_V1_MAX + 1];
	size_t most = n < PROXY_V1_MAX ? n : PROXY_V1_MAX, end;

	for (end = 6; end + 1 < most && !(p[end] == '\r' && p[end + 1] == '\n'); end++)
		if (p[end] == 0)
			return wrong("a NUL in its line", ret_why);
	if (end + 1 >= most)
		return n < PROXY_V1_MAX ? 0 : wrong("its line has no end", ret_why);
	memcpy(line, p + 6, end - 6);
	line[end - 6] = 0;
	if (!parse_line(line, ret))
		return wrong("its line is none of the PROXY protocol", ret_why);
	return (int)end + 2;
}

/* ---- version 2 ---- */

static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

/* The checksum at `at` is that of the header with zeros in its place. */
static bool checksum_is_right(const uint8_t *p, size_t n, size_t at)
{
	uint32_t crc = crc32c(~0u, p, at), said;

	crc = crc32c(crc, (const uint8_t[4]){ 0 }, 4);
	crc = ~crc32c(crc, p + at + 4, n - at - 4);
	memcpy(&said, p + at, 4);
	return ntohl(said) == crc;
}

/* NULL, or what is wrong with the types, lengths and values behind the addresses. */
static const char *check_tlvs(const uint8_t *p, size_t n, size_t at)
{
	while (at < n) {
		size_t size;

		if (n - at < 3 || n - at - 3 < (size = get16(p + at + 1)))
			return "its TLVs are cut off";
		if (p[at] == TLV_CRC32C && (size != 4 || !checksum_is_right(p, n, at + 3)))
			return "its checksum is wrong";
		at += 3 + size;
	}
	return NULL;
}

static size_t address_bytes(unsigned family)
{
	return family == FAMILY_INET	? 12
	       : family == FAMILY_INET6 ? 36
	       : family == FAMILY_UNIX	? 216
					: 0;
}

/* The whole header is there. */
static const char *parse_v2_body(const uint8_t *p, size_t n, struct proxy_head *ret)
{
	unsigned command = p[12] & 15, family = p[13] >> 4, transport = p[13] & 15;
	const uint8_t *at = p + V2_HEAD;

	if (command == COMMAND_LOCAL)
		return NULL;
	if (n - V2_HEAD < address_bytes(family))
		return "its addresses are cut off";
	if (family == FAMILY_UNSPEC || transport == 0)
		return NULL; /* whose connection it is the proxy does not know */
	if (transport != TRANSPORT_STREAM)
		return "it is for datagrams";
	if (family == FAMILY_INET)
		set_client(ret, AF_INET, at, get16(at + 8));
	else if (family == FAMILY_INET6)
		set_client(ret, AF_INET6, at, get16(at + 32));
	return check_tlvs(p, n, V2_HEAD + address_bytes(family));
}

static int parse_v2(const uint8_t *p, size_t n, struct proxy_head *ret, const char **ret_why)
{
	const char *why;

	if (n < V2_HEAD)
		return 0;
	if (p[12] >> 4 != 2)
		return wrong("its version is neither 1 nor 2", ret_why);
	if ((p[12] & 15) > COMMAND_PROXY)
		return wrong("its command is unknown", ret_why);
	if (p[13] >> 4 > FAMILY_UNIX || (p[13] & 15) > 2)
		return wrong("its protocol is unknown", ret_why);
	ret->size = V2_HEAD + get16(p + 14);
	if (ret->size > PROXY_MAX)
		return wrong("it is longer than 4096 bytes", ret_why);
	if (n < ret->size)
		return 0;
	why = parse_v2_body(p, ret->size, ret);
	return why ? wrong(why, ret_why) : (int)ret->size;
}

int proxy_head_parse(const uint8_t *p, size_t n, struct proxy_head *ret, const char **ret_why)
{
	size_t first = n < sizeof(signature) ? n : sizeof(signature), line = n < 6 ? n : 6;

	*ret = (struct proxy_head){ 0 };
	*ret_why = NULL;
	if (memcmp(p, signature, first) == 0)
		return first < sizeof(signature) ? 0 : parse_v2(p, n, ret, ret_why);
	if (memcmp(p, "PROXY ", line) == 0)
		return line < 6 ? 0 : parse_v1(p, n, ret, ret_why);
	return wrong("there is none", ret_why);
}

/* ---- who is believed ---- */

static void map_ip4(const void *ip, uint8_t ret[16])
{
	memset(ret, 0, 10);
	ret[10] = ret[11] = 0xff;
	memcpy(ret + 12, ip, 4);
}

static bool parse_net(const char *word, struct proxy_net *ret)
{
	char host[64], ip[4];
	const char *slash = strchr(word, '/');
	size_t n = slash ? (size_t)(slash - word) : strlen(word);
	unsigned bits, most;

	if (n == 0 || n >= sizeof(host))
		return false;
	memcpy(host, word, n);
	host[n] = 0;
	if (inet_pton(AF_INET, host, ip) == 1) {
		map_ip4(ip, ret->bytes);
		most = 32;
	} else if (inet_pton(AF_INET6, host, ret->bytes) == 1) {
		most = 128;
	} else {
		return false;
	}
	bits = most;
	if (slash && (!parse_port(slash + 1, &bits) || bits > most))
		return false;
	ret->bits = bits + 128 - most;
	return true;
}

const char *proxy_allow_parse(const char *text, struct proxy_allow *ret)
{
	*ret = (struct proxy_allow){ 0 };
	for (text += strspn(text, ", \t"); *text; text += strspn(text, ", \t")) {
		size_t n = strcspn(text, ", \t");
		char word[64];

		if (n >= sizeof(word))
			return "an address is too long";
		memcpy(word, text, n);
		word[n] = 0;
		text += n;
		if (strcmp(word, "unix") == 0)
			ret->unix_peers = true;
		else if (ret->count == PROXY_ALLOW_MAX)
			return "there are more than 64 addresses";
		else if (!parse_net(word, &ret->at[ret->count++]))
			return "each is an address, an address/bits, or unix";
	}
	return ret->count || ret->unix_peers ? NULL : "no address is in it";
}

static bool is_in(const struct proxy_net *net, const uint8_t ip[16])
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	return memcmp(net->bytes, ip, whole) == 0 &&
	       (!rest || (net->bytes[whole] ^ ip[whole]) >> (8 - rest) == 0);
}

bool proxy_allows(const struct proxy_allow *a, const struct addr *peer)
{
	uint8_t ip[16];

	if (peer->any.sa_family == AF_UNIX)
		return a->unix_peers;
	if (peer->any.sa_family == AF_INET)
		map_ip4(&peer->in.sin_addr, ip);
	else
		memcpy(ip, &peer->in6.sin6_addr, 16);
	for (unsigned i = 0; i < a->count; i++)
		if (is_in(&a->at[i], ip))
			return true;
	return false;
}

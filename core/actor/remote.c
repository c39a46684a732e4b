/* SPDX-License-Identifier: MIT */
/* The table for what is not this node, and which names may be registered in it: see remote.h. */
#include "core/actor/remote.h"

#include <stdlib.h>

#include "core/base/must.h"

static const struct remote_ops *ops; /* the cluster's, NULL: there is none */
/* the single node's own; both are written before the first service */
static const struct remote_ops *single;

void remote_init(const struct remote_ops *own)
{
	must(own && own->send && own->births);
	single = own;
}

void remote_set(const struct remote_ops *new_ops)
{
	ops = new_ops;
}

const struct remote_ops *remote_get(void)
{
	must_slow(ops || single);
	return ops ? ops : single;
}

/* Bytes of the well-formed printable character at p; 0: there is none. */
static size_t printable(const unsigned char *p)
{
	static const uint32_t least[] = { 0, 0, 0xa1, 0x800,
					  0x10000 }; /* from 0x80 on come controls */
	size_t n = p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
	uint32_t c;

	if (p[0] < 0x80)
		return p[0] > ' ' && p[0] != 0x7f;
	if (n == 0 || p[0] >= 0xf5)
		return 0;
	c = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	/* surrogates, and what is no character or would break a line */
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ||
	    (c >= 0x2000 && c < 0x2010) || (c >= 0x2028 && c < 0x2030) || c == 0x3000 ||
	    c == 0xfeff)
		return 0;
	return n;
}

static bool text_valid(const char *text, size_t max)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n;

	while (*p && (n = printable(p)) != 0)
		p += n;
	return p != (const unsigned char *)text && !*p && (size_t)((const char *)p - text) <= max;
}

bool remote_label_valid(const char *label)
{
	return text_valid(label, 63);
}

bool remote_name_valid(const char *name)
{
	char *end;

	if (!text_valid(name, 15) || name[0] == ':' || name[0] == '.')
		return false;
	(void)strtod(name, &end);
	return *end != 0;
}

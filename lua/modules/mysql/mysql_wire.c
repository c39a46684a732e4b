/* SPDX-License-Identifier: MIT */
#include "lua/modules/mysql/mysql_wire.h"

#include <stdio.h>

uint64_t mysql_uint(struct db_reader *r, unsigned n)
{
	const uint8_t *p = db_skip(r, n);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint64_t mysql_lenenc(struct db_reader *r, bool *ret_null)
{
	uint64_t first = mysql_uint(r, 1);

	*ret_null = first == 0xfb;
	switch (first) {
	case 0xfb:
		return 0;
	case 0xfc:
		return mysql_uint(r, 2);
	case 0xfd:
		return mysql_uint(r, 3);
	case 0xfe:
		return mysql_uint(r, 8);
	case 0xff:
		r->bad = true;
		return 0;
	default:
		return first;
	}
}

const char *mysql_text(struct db_reader *r, size_t *ret_size)
{
	bool null;
	uint64_t n = mysql_lenenc(r, &null);

	*ret_size = 0;
	if (null)
		return NULL;
	if (n > (uint64_t)(r->end - r->at)) {
		r->bad = true;
		return NULL;
	}
	*ret_size = (size_t)n;
	return (const char *)db_skip(r, (size_t)n);
}

/* Appends the digits behind the seconds. */
static size_t put_fraction(char *to, size_t n, uint64_t micros, unsigned decimals)
{
	static const uint32_t scale[] = { 1000000, 100000, 10000, 1000, 100, 10, 1 };

	if (decimals > 6)
		decimals = micros ? 6 : 0;
	if (decimals == 0)
		return n;
	return n + (size_t)snprintf(to + n, MYSQL_TIME_ROOM - n, ".%0*u", (int)decimals,
				    (unsigned)(micros % 1000000 / scale[decimals]));
}

/* A time of day, or a span: a sign, days, hours, minutes, seconds, and what is behind them. */
static size_t put_span(struct db_reader *r, uint64_t size, unsigned decimals, char *to)
{
	uint64_t negative = 0, days = 0, h = 0, m = 0, s = 0, micros = 0;
	int n;

	if (size != 0 && size != 8 && size != 12) {
		r->bad = true;
		return 0;
	}
	if (size >= 8) {
		negative = mysql_uint(r, 1);
		days = mysql_uint(r, 4);
		h = mysql_uint(r, 1);
		m = mysql_uint(r, 1);
		s = mysql_uint(r, 1);
	}
	if (size == 12)
		micros = mysql_uint(r, 4);
	n = snprintf(to, MYSQL_TIME_ROOM, "%s%02llu:%02u:%02u", negative ? "-" : "",
		     (unsigned long long)(days * 24 + h), (unsigned)m, (unsigned)s);
	return put_fraction(to, (size_t)n, micros, decimals);
}

size_t mysql_time(struct db_reader *r, enum mysql_type type, unsigned decimals,
		  char ret[MYSQL_TIME_ROOM])
{
	uint64_t size = mysql_uint(r, 1);
	uint64_t year = 0, month = 0, day = 0, h = 0, m = 0, s = 0, micros = 0;
	size_t n;

	if (type == MYSQL_TIME)
		n = put_span(r, size, decimals, ret);
	else if (size != 0 && size != 4 && size != 7 && size != 11)
		return r->bad = true, 0;
	else {
		if (size >= 4) {
			year = mysql_uint(r, 2);
			month = mysql_uint(r, 1);
			day = mysql_uint(r, 1);
		}
		if (size >= 7) {
			h = mysql_uint(r, 1);
			m = mysql_uint(r, 1);
			s = mysql_uint(r, 1);
		}
		if (size == 11)
			micros = mysql_uint(r, 4);
		n = (size_t)snprintf(ret, MYSQL_TIME_ROOM, "%04u-%02u-%02u", (unsigned)year,
				     (unsigned)month, (unsigned)day);
		if (type != MYSQL_DATE) {
			n += (size_t)snprintf(ret + n, MYSQL_TIME_ROOM - n, " %02u:%02u:%02u",
					      (unsigned)h, (unsigned)m, (unsigned)s);
			n = put_fraction(ret, n, micros, decimals);
		}
	}
	return r->bad ? 0 : n;
}

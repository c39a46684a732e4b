/* SPDX-License-Identifier: MIT */
/* Text from a signal handler: see rawtext.h. */
#include "core/base/rawtext.h"

#include <errno.h>
#include <unistd.h>

#include "core/base/units.h"

void raw_flush(struct rawtext *t)
{
	size_t done = 0;

	while (!t->error && t->fd >= 0 && done < t->n) {
		ssize_t n = write(t->fd, t->bytes + done, t->n - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			t->error = n ? errno : ENOSPC;
	}
	if (t->fd >= 0)
		t->n = 0;
}

/* A text without a descriptor is cut at the end of the buffer. */
void raw_add(struct rawtext *t, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (t->n == sizeof(t->bytes))
			raw_flush(t);
		if (t->n < sizeof(t->bytes))
			t->bytes[t->n++] = p[i];
	}
}

void raw_puts(struct rawtext *t, const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	raw_add(t, s, n);
}

void raw_clean(struct rawtext *t, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		raw_add(t, p[i] >= 0x20 && p[i] < 0x7f ? &p[i] : ".", 1);
}

static void add_digits(struct rawtext *t, uint64_t v, unsigned base, unsigned least)
{
	char digits[64];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while ((v /= base) > 0);
	while (n < least && n < sizeof(digits))
		digits[n++] = '0';
	while (n)
		raw_add(t, &digits[--n], 1);
}

void raw_uint(struct rawtext *t, uint64_t v)
{
	add_digits(t, v, 10, 1);
}

void raw_int(struct rawtext *t, int64_t v)
{
	if (v < 0)
		raw_add(t, "-", 1);
	raw_uint(t, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void raw_hex(struct rawtext *t, uint64_t v, unsigned digits)
{
	add_digits(t, v, 16, digits);
}

void raw_handle(struct rawtext *t, uint32_t handle)
{
	raw_add(t, ":", 1);
	raw_hex(t, handle, 8);
}

void raw_seconds(struct rawtext *t, uint64_t ns)
{
	raw_uint(t, ns / NS_PER_SEC);
	raw_add(t, ".", 1);
	add_digits(t, ns % NS_PER_SEC / NS_PER_MS, 10, 3);
}

/* Days since 1970 as year, month and day: the year of the calculation begins in March, so that the
 * day that leap years add is its last. */
static void date_of(uint64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	uint64_t z = days + 719468, era = z / 146097, day = z % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint64_t of_year = day - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153;

	*ret_day = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (unsigned)(month < 10 ? month + 3 : month - 9);
	*ret_year = (unsigned)(year + era * 400 + (*ret_month <= 2));
}

void raw_time(struct rawtext *t, uint64_t wall_ns, bool compact)
{
	uint64_t seconds = wall_ns / NS_PER_SEC;
	const char *dash = compact ? "" : "-", *colon = compact ? "" : ":";
	unsigned year, month, day;

	date_of(seconds / 86400, &year, &month, &day);
	add_digits(t, year, 10, 4);
	raw_puts(t, dash);
	add_digits(t, month, 10, 2);
	raw_puts(t, dash);
	add_digits(t, day, 10, 2);
	raw_puts(t, "T");
	add_digits(t, seconds / 3600 % 24, 10, 2);
	raw_puts(t, colon);
	add_digits(t, seconds / 60 % 60, 10, 2);
	raw_puts(t, colon);
	add_digits(t, seconds % 60, 10, 2);
	raw_puts(t, "Z");
}

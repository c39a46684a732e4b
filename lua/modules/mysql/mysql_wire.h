/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a MySQL server writes into its packets: numbers of several widths, texts with their length,
 * and dates. Pure functions.
 *
 * A reader walks over one packet. What does not fit makes it `bad`, from then on it reads zeros and
 * empty texts, so a caller looks once, at the end.
 *
 * Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MYSQL_TIME_ROOM 48u /* bytes of a date or time as a text */
#define MYSQL_UNSIGNED 0x20u

enum mysql_type {
	MYSQL_DECIMAL0 = 0,
	MYSQL_TINY = 1,
	MYSQL_SHORT = 2,
	MYSQL_LONG = 3,
	MYSQL_FLOAT = 4,
	MYSQL_DOUBLE = 5,
	MYSQL_NULL = 6,
	MYSQL_TIMESTAMP = 7,
	MYSQL_LONGLONG = 8,
	MYSQL_INT24 = 9,
	MYSQL_DATE = 10,
	MYSQL_TIME = 11,
	MYSQL_DATETIME = 12,
	MYSQL_YEAR = 13,
	MYSQL_VARCHAR = 15,
	MYSQL_BIT = 16,
	MYSQL_DECIMAL = 246,
};

struct mysql_reader {
	const uint8_t *at, *end;
	bool bad;
};

/* The next n bytes, little end first, n <= 8. */
uint64_t mysql_uint(struct mysql_reader *r, unsigned n);
/* A number in 1, 3, 4 or 9 bytes. *ret_null: it stands for NULL instead. */
uint64_t mysql_lenenc(struct mysql_reader *r, bool *ret_null);
/* A text behind its length, which lies in the packet; NULL: it stands for NULL, or the packet is
 * bad. */
const char *mysql_text(struct mysql_reader *r, size_t *ret_size);
/* Steps over n bytes; returns where they begin, NULL: they are not there. */
const uint8_t *mysql_skip(struct mysql_reader *r, size_t n);
/* A date, time or both, as the server itself would write it. decimals: digits behind the seconds,
 * more than 6 for as many as there is need of. Returns the bytes of the text, 0: bad. */
size_t mysql_time(struct mysql_reader *r, enum mysql_type type, unsigned decimals,
		  char ret[MYSQL_TIME_ROOM]);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a MySQL server writes into its packets: numbers of several widths, texts with their length,
 * and dates. Pure functions.
 *
 * A reader walks over one packet (reader.h).
 *
 * Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lua/modules/db/reader.h"

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

/* The next n bytes, little end first, n <= 8. */
uint64_t mysql_uint(struct db_reader *r, unsigned n);
/* A number in 1, 3, 4 or 9 bytes. *ret_null: it stands for NULL instead. */
uint64_t mysql_lenenc(struct db_reader *r, bool *ret_null);
/* A text behind its length, which lies in the packet; NULL: it stands for NULL, or the packet is
 * bad. */
const char *mysql_text(struct db_reader *r, size_t *ret_size);
/* A date, time or both, as the server itself would write it. decimals: digits behind the seconds,
 * more than 6 for as many as there is need of. Returns the bytes of the text, 0: bad. */
size_t mysql_time(struct db_reader *r, enum mysql_type type, unsigned decimals,
		  char ret[MYSQL_TIME_ROOM]);

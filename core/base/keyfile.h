/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The file with the keys of a cluster: what its nodes prove to each other that they are of it.
 *
 *   harbor-key-1 NAME 0123456789abcdef...            one line a key, 64 hex digits
 *   # a comment
 *
 * The first key is used when a node connects; the second is accepted as well, while one takes the
 * other's place. A file is as secret as the cluster: nobody but its owner may read it.
 *
 * Threads: any. Failure: false, and a text for people that never holds a part of a key.
 */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYFILE_KEYS 2u
#define KEYFILE_BYTES 32u
#define KEYFILE_NAME 64u /* with the NUL */
#define KEYFILE_LINE 160u
#define KEYFILE_WRONG 128u
#define KEYFILE_WHY (PATH_MAX + 256u)

struct keyfile_key {
	char name[KEYFILE_NAME]; /* letters, digits, '.', '_' and '-' */
	uint8_t bytes[KEYFILE_BYTES];
};

struct keyfile {
	struct keyfile_key keys[KEYFILE_KEYS];
	unsigned count; /* 1 or more */
};

/* The text is NUL-terminated. */
bool keyfile_parse(const char *text, size_t size, struct keyfile *ret, char ret_why[KEYFILE_WRONG]);
/* file: a path, or credential:NAME (keyfile_path). */
bool keyfile_read(const char *file, struct keyfile *ret, char ret_why[KEYFILE_WHY]);
/* A secret file's path: credential:NAME is a credential that systemd hands to the unit, a file of
 * that name below $CREDENTIALS_DIRECTORY; everything else is a path already. */
bool keyfile_path(const char *file, char ret_path[PATH_MAX], char ret_why[KEYFILE_WHY]);
/* Is it credential:NAME? */
bool keyfile_is_credential(const char *file);
/* Can it be read, and by its owner alone? Credentials are only looked for: systemd protects them by
 * other means than modes. */
bool keyfile_is_secret(const char *file, char ret_why[KEYFILE_WHY]);
/* Makes a key of random bytes, named by the day and a few more of them. Returns false when the
 * system has none. */
bool keyfile_make(struct keyfile_key *ret);
/* Returns the day on which keyfile_make made the key, in seconds since 1970; 0: its name does not
 * begin with a day. */
uint64_t keyfile_day(const char *name);
/* Writes the key's line with its newline. Returns its length. */
size_t keyfile_line(const struct keyfile_key *k, char ret_line[KEYFILE_LINE]);

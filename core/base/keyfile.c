/* SPDX-License-Identifier: MIT */
/* Key files: reading, which is strict, and making. */
#include "core/base/keyfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/must.h"
#include "core/base/secret.h"

#define WORD "harbor-key-1"
#define CREDENTIAL "credential:"

static const char name_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-";

/* ---- lines ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *hex, uint8_t *out)
{
	for (unsigned i = 0; i < KEYFILE_BYTES; i++) {
		int high = hex_digit(hex[2 * i]), low = high < 0 ? -1 : hex_digit(hex[2 * i + 1]);

		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Returns the word that begins at *at, and moves *at behind it and its spaces. */
static size_t next_word(const char **at, const char *end, const char **ret)
{
	const char *p = *at;
	size_t n;

	*ret = p;
	while (p < end && *p != ' ' && *p != '\t' && *p != '\r')
		p++;
	n = (size_t)(p - *ret);
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	*at = p;
	return n;
}

/* Returns NULL, or what is wrong with the line. */
static const char *read_line(const char *at, const char *end, struct keyfile_key *ret)
{
	const char *word, *name, *hex;
	size_t n;

	n = next_word(&at, end, &word);
	if (n != strlen(WORD) || memcmp(word, WORD, n) != 0)
		return "a key begins with " WORD;
	n = next_word(&at, end, &name);
	if (n == 0 || n >= KEYFILE_NAME || strspn(name, name_letters) < n)
		return "a key's name has 1 to 63 letters, digits, '.', '_' and '-'";
	memcpy(ret->name, name, n);
	ret->name[n] = 0;
	n = next_word(&at, end, &hex);
	if (n != 2 * (size_t)KEYFILE_BYTES || !read_hex(hex, ret->bytes))
		return "a key has 64 digits of 0 to 9 and a to f";
	return at == end ? NULL : "nothing may stand behind a key";
}

/* Returns NULL, or what is wrong with the line. */
static const char *add_line(struct keyfile *f, const char *at, const char *end)
{
	struct keyfile_key *k = &f->keys[f->count];
	const char *why;

	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
		at++;
	if (at == end || *at == '#')
		return NULL;
	if (f->count == KEYFILE_KEYS)
		return "there are two keys already, and there may be no more";
	why = read_line(at, end, k);
	if (!why && f->count == 1 && strcmp(k->name, f->keys[0].name) == 0)
		why = "both keys have the same name";
	f->count += !why;
	return why;
}

bool keyfile_parse(const char *text, size_t size, struct keyfile *ret, char why[KEYFILE_WRONG])
{
	const char *at = text, *end = text + size, *wrong;

	must(text[size] == 0);
	*ret = (struct keyfile){ 0 };
	for (unsigned line = 1; at < end; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		wrong = add_line(ret, at, newline ? newline : end);
		if (wrong) {
			snprintf(why, KEYFILE_WRONG, "line %u: %s", line, wrong);
			return false;
		}
		at = newline ? newline + 1 : end;
	}
	if (!ret->count)
		snprintf(why, KEYFILE_WRONG, "there is no key in it (harborctl key new makes one)");
	return ret->count > 0;
}

size_t keyfile_line(const struct keyfile_key *k, char ret_line[KEYFILE_LINE])
{
	int n = snprintf(ret_line, KEYFILE_LINE, WORD " %s ", k->name);

	for (unsigned i = 0; i < KEYFILE_BYTES; i++)
		n += snprintf(ret_line + n, KEYFILE_LINE - (size_t)n, "%02x", k->bytes[i]);
	n += snprintf(ret_line + n, KEYFILE_LINE - (size_t)n, "\n");
	return (size_t)n;
}

bool keyfile_make(struct keyfile_key *ret)
{
	uint8_t suffix[4];
	time_t now = time(NULL);
	struct tm day;
	size_t n;

	if (getrandom(ret->bytes, sizeof(ret->bytes), 0) != sizeof(ret->bytes) ||
	    getrandom(suffix, sizeof(suffix), 0) != sizeof(suffix))
		return false;
	gmtime_r(&now, &day);
	n = strftime(ret->name, sizeof(ret->name), "%Y%m%d-", &day);
	snprintf(ret->name + n, sizeof(ret->name) - n, "%02x%02x%02x%02x", suffix[0], suffix[1],
		 suffix[2], suffix[3]);
	return true;
}

uint64_t keyfile_day(const char *name)
{
	struct tm day = { 0 };
	const char *end;
	time_t at;

	if (strspn(name, "0123456789") != 8 || name[8] != '-')
		return 0;
	end = strptime(name, "%Y%m%d-", &day);
	at = end ? timegm(&day) : -1;
	return at > 0 ? (uint64_t)at : 0;
}

/* ---- files ---- */

bool keyfile_is_credential(const char *file)
{
	return strncmp(file, CREDENTIAL, strlen(CREDENTIAL)) == 0;
}

bool keyfile_path(const char *file, char path[PATH_MAX], char why[KEYFILE_WHY])
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY"), *name = file;
	int n;

	if (!keyfile_is_credential(file)) {
		n = snprintf(path, PATH_MAX, "%s", file);
	} else {
		name += strlen(CREDENTIAL);
		if (!*name || strchr(name, '/') || *name == '.') {
			snprintf(why, KEYFILE_WHY, "%s is no name of a credential", file);
			return false;
		}
		if (!folder || !*folder) {
			snprintf(why, KEYFILE_WHY,
				 "there are no credentials (CREDENTIALS_DIRECTORY is not set): the "
				 "unit needs LoadCredential=%s:FILE",
				 name);
			return false;
		}
		n = snprintf(path, PATH_MAX, "%s/%s", folder, name);
	}
	if (n < 0 || n >= PATH_MAX)
		snprintf(why, KEYFILE_WHY, "the path is too long");
	return n >= 0 && n < PATH_MAX;
}

bool keyfile_is_secret(const char *file, char why[KEYFILE_WHY])
{
	char path[PATH_MAX];
	struct stat st;

	if (!keyfile_path(file, path, why))
		return false;
	if (stat(path, &st) < 0 || access(path, R_OK) < 0) {
		snprintf(why, KEYFILE_WHY, "%s: %s", path, strerror(errno));
		return false;
	}
	if (keyfile_is_credential(file))
		return true;
	if (st.st_mode & 077)
		snprintf(why, KEYFILE_WHY, "%s: others may read or write it (mode %04o): chmod 600",
			 path, (unsigned)st.st_mode & 07777u);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		snprintf(why, KEYFILE_WHY, "%s: it belongs to another user (uid %u)", path,
			 (unsigned)st.st_uid);
	else
		return true;
	return false;
}

bool keyfile_read(const char *file, struct keyfile *ret, char why[KEYFILE_WHY])
{
	char path[PATH_MAX], wrong[KEYFILE_WRONG];
	const char *reason;
	size_t size = 0;
	char *text;
	bool good;

	if (!keyfile_is_secret(file, why) || !keyfile_path(file, path, why))
		return false;
	text = file_read_secret(path, &size, &reason);
	if (!text) {
		snprintf(why, KEYFILE_WHY, "%s: %s", path, reason);
		return false;
	}
	good = keyfile_parse(text, size, ret, wrong);
	if (!good)
		snprintf(why, KEYFILE_WHY, "%s: %s", path, wrong);
	secret_free(text);
	return good;
}

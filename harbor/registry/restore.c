/* SPDX-License-Identifier: MIT */
/* The copy is made beside the old file, and takes its name when it is whole and on the disk. */
#include "harbor/registry/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "harbor/registry/registry.h"

static void db_closep(sqlite3 **db)
{
	sqlite3_close(*db);
}

/* Returns the first column of the first row as a text (mem_free); NULL: it failed. */
static char *ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	const char *text;
	char *answer = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(st, 0);
		answer = mem_strdup(text ? text : "");
	}
	sqlite3_finalize(st);
	return answer;
}

static int complain(char **ret_error, const char *file, const char *why)
{
	*ret_error = mem_printf("%s: %s", file, why);
	return -EINVAL;
}

const char *registry_of_version(int version)
{
	return version > REGISTRY_SCHEMA
		       ? "a newer harbord wrote it, in a format that this one does not know: "
			 "install "
			 "that one again, or restore a backup of this one's (harbord --restore)"
		       : "an older harbord wrote it, in a format that this one does not know any "
			 "more";
}

/* Is it a backup of ours, and whole? */
static int check_backup(sqlite3 *db, const char *file, char **ret_error)
{
	static const char columns[] =
		"SELECT id, name, address, named, up, epoch, gone, births FROM node;"
		"SELECT name, handle, fence FROM name";
	cleanup(mem_freep) char *whole = ask(db, "PRAGMA integrity_check");
	cleanup(mem_freep) char *version = ask(db, "PRAGMA user_version");
	cleanup(mem_freep) char *number = NULL;

	if (!whole)
		return complain(ret_error, file, sqlite3_errmsg(db));
	if (strcmp(whole, "ok") != 0)
		return complain(ret_error, file, whole);
	if (!version || atoi(version) <= 0)
		return complain(ret_error, file, "it is no registry");
	if (atoi(version) != REGISTRY_SCHEMA)
		return complain(ret_error, file, registry_of_version(atoi(version)));
	number = ask(db, "SELECT last FROM number WHERE one = 0");
	if (!number || sqlite3_exec(db, columns, NULL, NULL, NULL) != SQLITE_OK)
		return complain(ret_error, file, "no registry: its tables are missing or empty");
	return 0;
}

/* The write-ahead log of a file that somebody has open cannot be ended. What is no data base (that
 * is why it is replaced) is in nobody's use. */
static int check_idle(const char *path, char **ret_error)
{
	cleanup(db_closep) sqlite3 *db = NULL;
	cleanup(mem_freep) char *mode = NULL;

	if (access(path, F_OK) < 0)
		return 0;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return complain(ret_error, path, sqlite3_errmsg(db));
	mode = ask(db, "PRAGMA journal_mode=DELETE");
	if ((mode && strcmp(mode, "delete") == 0) || sqlite3_errcode(db) == SQLITE_NOTADB ||
	    sqlite3_errcode(db) == SQLITE_CORRUPT)
		return 0;
	(void)complain(ret_error, path, "it is in use: stop the node first");
	return -EBUSY;
}

static int make_copy(sqlite3 *backup, const char *to, char **ret_error)
{
	cleanup(db_closep) sqlite3 *db = NULL;
	char *copy = sqlite3_mprintf("VACUUM INTO %Q", to);
	char *mark = sqlite3_mprintf("INSERT OR REPLACE INTO number VALUES(%d, %lld)",
				     REGISTRY_RESTORED, (long long)(clock_wall_ns() / NS_PER_SEC));
	int r = 0;

	(void)unlink(to);
	if (sqlite3_exec(backup, copy, NULL, NULL, NULL) != SQLITE_OK)
		r = complain(ret_error, to, sqlite3_errmsg(backup));
	else if (sqlite3_open(to, &db) != SQLITE_OK ||
		 sqlite3_exec(db, mark, NULL, NULL, NULL) != SQLITE_OK)
		r = complain(ret_error, to, sqlite3_errmsg(db));
	sqlite3_free(copy);
	sqlite3_free(mark);
	return r;
}

static int replace(const char *state_dir, const char *path, const char *copy, char **ret_error)
{
	static const char *const rests[] = { "-wal", "-shm" };
	cleanup(mem_freep) char *before = mem_printf("%s.before-restore", path);

	if (chmod(copy, 0600) < 0 || !registry_sync(copy, O_RDWR))
		return complain(ret_error, copy, strerror(errno));
	/* at each moment one of the two has the name, whenever the power fails */
	(void)unlink(before);
	if (link(path, before) < 0 && errno != ENOENT)
		return complain(ret_error, before, strerror(errno));
	for (unsigned i = 0; i < array_len(rests); i++) {
		cleanup(mem_freep) char *rest = mem_printf("%s%s", path, rests[i]);

		(void)unlink(rest); /* of a file that was no data base any more */
	}
	if (rename(copy, path) < 0 || !registry_sync(state_dir, O_RDONLY | O_DIRECTORY))
		return complain(ret_error, path, strerror(errno));
	return 0;
}

int registry_restore(const char *state_dir, const char *file, char **ret_error)
{
	cleanup(mem_freep) char *path = mem_printf("%s/" REGISTRY_FILE, state_dir);
	cleanup(mem_freep) char *copy = mem_printf("%s.restore", path);
	cleanup(db_closep) sqlite3 *backup = NULL;
	int r;

	(void)mkdir(state_dir, 0700); /* writing says what is wrong with it */
	if (sqlite3_open_v2(file, &backup, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		return complain(ret_error, file, sqlite3_errmsg(backup));
	r = check_backup(backup, file, ret_error);
	if (r == 0)
		r = check_idle(path, ret_error);
	if (r == 0)
		r = make_copy(backup, copy, ret_error);
	if (r == 0)
		r = replace(state_dir, path, copy, ret_error);
	if (r < 0)
		(void)unlink(copy);
	return r;
}

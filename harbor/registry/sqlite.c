/* SPDX-License-Identifier: MIT */
/* The embedded registry: three tables in state_dir/registry.sqlite, write-ahead log, full sync. A
 * batch is one transaction and so one sync of the disk, however many names it holds. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/fault.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "harbor/registry/registry.h"
#include "harbor/registry/restore.h"

static struct {
	sqlite3 *db;
	sqlite3_stmt *begin, *commit, *rollback;
	sqlite3_stmt *put_node, *put_name, *drop_name, *put_number, *drop_mark;
	bool restored; /* its mark goes with the first save */
} S;

static const struct {
	sqlite3_stmt **statement;
	const char *sql;
} statements[] = {
	{ &S.begin, "BEGIN IMMEDIATE" },
	{ &S.commit, "COMMIT" },
	{ &S.rollback, "ROLLBACK" },
	{ &S.put_node, "INSERT OR REPLACE INTO node VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)" },
	{ &S.put_name, "INSERT OR REPLACE INTO name VALUES(?1, ?2, ?3)" },
	{ &S.drop_name, "DELETE FROM name WHERE name = ?1" },
	{ &S.put_number, "INSERT OR REPLACE INTO number VALUES(0, ?1)" },
	{ &S.drop_mark, "DELETE FROM number WHERE one = 1" },
};

static void sqlite_close(void)
{
	for (size_t i = 0; i < array_len(statements); i++) {
		sqlite3_finalize(*statements[i].statement);
		*statements[i].statement = NULL;
	}
	sqlite3_close(S.db);
	S.db = NULL;
}

static int version(void)
{
	sqlite3_stmt *st = NULL;
	int v = -1;

	if (sqlite3_prepare_v2(S.db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return v;
}

static bool prepare(int found)
{
	if (sqlite3_exec(S.db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", NULL, NULL,
			 NULL) != SQLITE_OK)
		return false;
	if (found == 0 &&
	    sqlite3_exec(S.db,
			 "BEGIN; DROP TABLE IF EXISTS node; DROP TABLE IF EXISTS name;"
			 "DROP TABLE IF EXISTS number;"
			 "CREATE TABLE node(id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
			 " address TEXT NOT NULL, named INTEGER NOT NULL, up INTEGER NOT NULL,"
			 " epoch INTEGER NOT NULL, gone INTEGER NOT NULL,"
			 " births INTEGER NOT NULL);"
			 "CREATE TABLE name(name TEXT PRIMARY KEY, handle INTEGER NOT NULL,"
			 " fence INTEGER NOT NULL) WITHOUT ROWID;"
			 "CREATE TABLE number(one INTEGER PRIMARY KEY, last INTEGER NOT NULL);"
			 "PRAGMA user_version=2; COMMIT;",
			 NULL, NULL, NULL) != SQLITE_OK)
		return false;
	for (size_t i = 0; i < array_len(statements); i++)
		if (sqlite3_prepare_v2(S.db, statements[i].sql, -1, statements[i].statement,
				       NULL) != SQLITE_OK)
			return false;
	return true;
}

/* Whether it is a matter of permissions: a full disk, say, or a file that is none of SQLite's, is
 * not. */
static bool is_denied(int code)
{
	return code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_PERM ||
	       code == SQLITE_AUTH;
}

/* Names, addresses and ids are nobody else's business: the folder and the files, also those that
 * an older version has left, are for us alone. Opening says what is wrong with them. */
static void narrow(const char *state_dir, const char *file)
{
	static const char *const rests[] = { "", "-wal", "-shm" };
	int fd;

	(void)mkdir(state_dir, 0700);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	for (unsigned i = 0; i < array_len(rests); i++) {
		cleanup(mem_freep) char *path = mem_printf("%s%s", file, rests[i]);

		(void)chmod(path, 0600);
	}
}

static int sqlite_open(const struct registry_config *c, char **ret_error)
{
	const char *state_dir = c->state_dir;
	cleanup(mem_freep) char *file = state_dir ? mem_printf("%s/" REGISTRY_FILE, state_dir)
						  : mem_strdup(":memory:");
	int found = -1;

	must(!S.db);
	if (state_dir)
		narrow(state_dir, file);
	if (sqlite3_open(file, &S.db) == SQLITE_OK &&
	    sqlite3_exec(S.db, "PRAGMA busy_timeout=2000", NULL, NULL, NULL) == SQLITE_OK)
		found = version();
	/* looked at first: nothing is changed in the file of another version */
	if ((found == 0 || found == REGISTRY_SCHEMA) && prepare(found))
		return 0;
	if (found > 0 && found != REGISTRY_SCHEMA) {
		*ret_error = mem_printf("registry %s: %s", file, registry_of_version(found));
		sqlite_close();
		return -EINVAL;
	}
	*ret_error = mem_printf("registry %s: %s", file, sqlite3_errmsg(S.db));
	found = sqlite3_errcode(S.db);
	sqlite_close();
	return is_denied(found) ? -EACCES : -EIO;
}

static void copy_text(char *to, size_t size, sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	snprintf(to, size, "%s", text ? text : "");
}

static uint64_t column_number(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

/* Calls row for each; 0 or -EIO. */
static int select_all(const char *sql, void (*row)(sqlite3_stmt *st, void *ud), void *ud)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite3_prepare_v2(S.db, sql, -1, &st, NULL);

	while (r == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		row(st, ud);
	return sqlite3_finalize(st) != SQLITE_OK || r != SQLITE_OK ? -EIO : 0;
}

static void load_node(sqlite3_stmt *st, void *content)
{
	struct registry_node *n = &registry_add(content)->node;

	n->id = (unsigned)sqlite3_column_int(st, 0);
	copy_text(n->name, sizeof(n->name), st, 1);
	copy_text(n->address, sizeof(n->address), st, 2);
	n->named = sqlite3_column_int(st, 3) != 0;
	n->up = sqlite3_column_int(st, 4) != 0;
	n->epoch = column_number(st, 5);
	n->gone = column_number(st, 6);
	n->births = column_number(st, 7);
}

static void load_name(sqlite3_stmt *st, void *content)
{
	struct registry_change *c = registry_add(content);

	c->is_name = true;
	copy_text(c->name, sizeof(c->name), st, 0);
	c->handle = (uint32_t)sqlite3_column_int64(st, 1);
	c->fence = column_number(st, 2);
}

static void load_number(sqlite3_stmt *st, void *arg)
{
	struct registry_content *content = arg;

	if (sqlite3_column_int(st, 0) == REGISTRY_RESTORED)
		content->restored = true;
	else
		content->number = column_number(st, 1);
}

static int sqlite_load(struct registry_content *ret)
{
	int r;

	must(S.db && !ret->count);
	r = select_all("SELECT id, name, address, named, up, epoch, gone, births FROM node",
		       load_node, ret);
	if (r == 0)
		r = select_all("SELECT name, handle, fence FROM name", load_name, ret);
	if (r == 0)
		r = select_all("SELECT one, last FROM number", load_number, ret);
	S.restored = ret->restored;
	return r;
}

static bool run(sqlite3_stmt *st)
{
	bool ok = !fault(sqlite_step) && sqlite3_step(st) == SQLITE_DONE;

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return ok;
}

static bool save_node(const struct registry_node *n)
{
	must(n->id >= 1 && n->id <= 255);
	sqlite3_bind_int64(S.put_node, 1, n->id);
	sqlite3_bind_text(S.put_node, 2, n->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(S.put_node, 3, n->address, -1, SQLITE_STATIC);
	sqlite3_bind_int(S.put_node, 4, n->named);
	sqlite3_bind_int(S.put_node, 5, n->up);
	sqlite3_bind_int64(S.put_node, 6, (sqlite3_int64)n->epoch);
	sqlite3_bind_int64(S.put_node, 7, (sqlite3_int64)n->gone);
	sqlite3_bind_int64(S.put_node, 8, (sqlite3_int64)n->births);
	return run(S.put_node);
}

static bool save_name(const struct registry_change *c)
{
	sqlite3_stmt *st = c->handle ? S.put_name : S.drop_name;

	must(c->name[0] && memchr(c->name, 0, sizeof(c->name)));
	sqlite3_bind_text(st, 1, c->name, -1, SQLITE_STATIC);
	if (c->handle) {
		sqlite3_bind_int64(st, 2, c->handle);
		sqlite3_bind_int64(st, 3, (sqlite3_int64)c->fence);
	}
	return run(st);
}

static bool save_number(uint64_t number)
{
	sqlite3_bind_int64(S.put_number, 1, (sqlite3_int64)number);
	return run(S.put_number);
}

static int sqlite_save(const struct registry_change *changes, size_t n, uint64_t number,
		       char **ret_error)
{
	bool ok;

	must(S.db);
	ok = run(S.begin);
	for (size_t i = 0; i < n && ok; i++)
		ok = changes[i].is_name ? save_name(&changes[i]) : save_node(&changes[i].node);
	if (ok && S.restored)
		ok = run(S.drop_mark);
	if (ok && save_number(number) && run(S.commit)) {
		S.restored = false;
		return 0;
	}
	*ret_error = mem_printf("%s: %s", sqlite3_db_filename(S.db, "main"), sqlite3_errmsg(S.db));
	(void)run(S.rollback);
	return -EIO;
}

/* SQLite writes into a file that is empty; that nobody else has it, and that nobody else may read
 * it, we see to ourselves. */
static int write_copy(const char *file, int fd)
{
	char *sql = sqlite3_mprintf("VACUUM INTO %Q", file);
	int r = sqlite3_exec(S.db, sql, NULL, NULL, NULL);

	sqlite3_free(sql);
	if (r == SQLITE_OK)
		return fsync(fd) < 0 ? -errno : 0;
	return -EIO;
}

/* A file whose name is lost with the power is no backup. */
static int sync_folder_of(const char *file)
{
	cleanup(mem_freep) char *folder = mem_strdup(file);
	char *slash = strrchr(folder, '/');

	must(slash); /* the path begins with one */
	slash[slash == folder] = 0;
	return registry_sync(folder, O_RDONLY | O_DIRECTORY) ? 0 : -errno;
}

static int sqlite_backup(const char *file, char **ret_error)
{
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r;

	must(S.db);
	if (fd < 0) {
		r = -errno;
		*ret_error = mem_printf("%s: %s", file, strerror(-r));
		return r;
	}
	r = write_copy(file, fd);
	close(fd);
	if (r == 0)
		r = sync_folder_of(file);
	if (r < 0) {
		*ret_error = mem_printf("%s: %s", file,
					r == -EIO ? sqlite3_errmsg(S.db) : strerror(-r));
		(void)unlink(file);
	}
	return r;
}

const struct registry_ops registry_sqlite = {
	.open = sqlite_open,
	.close = sqlite_close,
	.load = sqlite_load,
	.save = sqlite_save,
	.backup = sqlite_backup,
};

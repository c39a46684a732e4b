/* SPDX-License-Identifier: MIT */
/* The embedded registry: two tables in state_dir/registry.sqlite, write-ahead log, full sync. */
#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>
#include <sys/stat.h>

#include "core/base.h"
#include "core/log.h"
#include "core/mem.h"
#include "harbor/registry.h"

static sqlite3 *db;

static int sqlite_open(const char *state_dir, char **ret_error)
{
	cleanup(mem_freep) char *file = mem_printf("%s/registry.sqlite", state_dir);

	(void)mkdir(state_dir, 0750); /* opening says what is wrong with it */
	if (sqlite3_open(file, &db) != SQLITE_OK ||
	    sqlite3_exec(db,
			 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;"
			 "CREATE TABLE IF NOT EXISTS node(name TEXT PRIMARY KEY, id INTEGER NOT NULL,"
			 " epoch INTEGER NOT NULL);"
			 "CREATE TABLE IF NOT EXISTS name(name TEXT PRIMARY KEY, handle INTEGER NOT NULL);",
			 NULL, NULL, NULL) != SQLITE_OK) {
		*ret_error = mem_printf("registry %s: %s", file, sqlite3_errmsg(db));
		sqlite3_close(db);
		db = NULL;
		return -EACCES;
	}
	return 0;
}

static void sqlite_close(void)
{
	sqlite3_close(db);
	db = NULL;
}

static void sqlite_load(void (*node)(const char *, unsigned, uint64_t, void *),
			void (*name)(const char *, uint32_t, void *), void *ud)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db, "SELECT name, id, epoch FROM node", -1, &st, NULL) == SQLITE_OK)
		while (sqlite3_step(st) == SQLITE_ROW)
			node((const char *)sqlite3_column_text(st, 0), (unsigned)sqlite3_column_int(st, 1),
			     (uint64_t)sqlite3_column_int64(st, 2), ud);
	sqlite3_finalize(st);
	if (sqlite3_prepare_v2(db, "SELECT name, handle FROM name", -1, &st, NULL) == SQLITE_OK)
		while (sqlite3_step(st) == SQLITE_ROW)
			name((const char *)sqlite3_column_text(st, 0),
			     (uint32_t)sqlite3_column_int64(st, 1), ud);
	sqlite3_finalize(st);
}

static void run(const char *sql, const char *name, uint32_t number, uint64_t epoch)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
		log_error("registry: %s", sqlite3_errmsg(db));
		return;
	}
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	if (sqlite3_bind_parameter_count(st) > 1)
		sqlite3_bind_int64(st, 2, number);
	if (sqlite3_bind_parameter_count(st) > 2)
		sqlite3_bind_int64(st, 3, (sqlite3_int64)epoch);
	if (sqlite3_step(st) != SQLITE_DONE)
		log_error("registry: %s", sqlite3_errmsg(db));
	sqlite3_finalize(st);
}

static void sqlite_save_node(const char *name, unsigned id, uint64_t epoch)
{
	run("INSERT OR REPLACE INTO node VALUES(?1, ?2, ?3)", name, id, epoch);
}

static void sqlite_save_name(const char *name, uint32_t handle)
{
	run(handle ? "INSERT OR REPLACE INTO name VALUES(?1, ?2)" : "DELETE FROM name WHERE name = ?1", name,
	    handle, 0);
}

const struct registry_ops registry_sqlite = {
	.open = sqlite_open,
	.close = sqlite_close,
	.load = sqlite_load,
	.save_node = sqlite_save_node,
	.save_name = sqlite_save_name,
};

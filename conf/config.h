/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Configuration of a node: one YAML file (schema: conf/schema.def, sample: conf/node.yaml), or a
 * skynet-style Lua file (lua-core.md 1.2 to 1.4). All errors are collected, each with
 * file:line:column.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_list {
	char **items;   /* NULL-terminated */
	size_t count;
};

struct config_pair {
	char *key, *value;
	size_t order; /* in the file */
};

struct config {
	char *file;
	bool skynet;                     /* it was a skynet-style file */
	struct config_list warnings;     /* what is legal and dangerous; one sentence each */
	char *pid_file;                  /* its `daemon`: go to the background; NULL: do not */
	struct {
		char *name;              /* default: host name with the harbor id or the file's name */
		bool harbor_auto;
		unsigned harbor;         /* 0 = single node */
		unsigned threads;        /* 0 = auto */
	} node;
	struct {
		bool present;
		char *name;
		char *listen;
		char *advertise;
		struct config_list master;
		char *key_file;
		bool insecure;
		bool wait_for_join;      /* READY only when joined; default true */
		uint32_t join_timeout_ms; /* 0 = for ever */
		uint32_t heartbeat_ms, dead_ms, link_wait_ms;
		uint64_t message_max, queue_max;
		uint32_t name_wait_ms;
	} cluster;
	struct {
		bool present;
		char *listen;
		char *registry;          /* "embedded" */
		char *state_dir;         /* NULL: the registry is kept in memory */
	} master;
	struct {
		char *start;             /* default "main" */
		char *bootstrap;         /* default: the built-in one */
		struct config_list service_path, path, cpath, service_cpath;
		char *preload;
		char *args;              /* for the start service */
		uint64_t memory_limit;   /* bytes per service, 0 = none */
		uint32_t mailbox_max;    /* messages per service, 0 = no bound */
		char *mailbox_policy;    /* refuse | warn */
		char *on_start_error;    /* stop | continue */
	} lua;
	struct {
		uint64_t write_queue, write_total; /* bytes; total 0 = a quarter of the memory */
		char *write_policy;                /* close | error */
	} net;
	struct {
		char *level;
		char *sink;              /* journal | stderr | stdout | file | auto */
		char *file;
		char *format;            /* full | plain ("[:handle] text") | dated (plain with a time) */
	} log;
	struct {
		char *listen;            /* "unix:/path" */
		uint32_t stop_timeout_ms;
	} admin;
	struct config_pair *env;         /* what getenv sees, besides the keys of the contract */
	size_t env_count;
};

struct config_error {
	char *file;
	unsigned line, column;           /* from 1; 0 = the whole file */
	char *text;                      /* "unknown key "thraeds", did you mean "threads"?" */
};

struct config_errors {
	struct config_error *items;
	size_t count;
};

/* How a skynet-style file is evaluated: <lua.h> stays in lua/, so daemon/ plugs this in. `text`
 * is the file after $NAME substitution; include(path) calls back. Calls emit for every key of
 * the result. 0, or -EINVAL with *ret_error (mem_free) and *ret_line. */
struct config_lua_ops {
	int (*eval)(const char *file, const char *text, size_t size,
		    int (*include)(const char *path, char **ret_text, size_t *ret_size, char **ret_error,
				   void *ud),
		    void (*emit)(const char *key, const char *value, void *ud), void *ud,
		    char **ret_error, unsigned *ret_line);
};
void config_set_lua(const struct config_lua_ops *ops);

/* Reads, expands ${VAR}, checks. 0: *ret is the caller's (config_destroy). -EINVAL: *ret_errors
 * holds at least one error (config_errors_fini). *ret_errors may hold warnings only on failure. */
int config_load(const char *file, struct config **ret, struct config_errors *ret_errors);
/* The same from memory; `file` names it in errors. For tests and fuzzing. */
int config_parse(const char *file, const char *text, size_t size, struct config **ret,
		 struct config_errors *ret_errors);
struct config *config_destroy(struct config *c);
/* A node's name becomes part of paths and of other nodes' tables: 1 to CONFIG_NAME_MAX letters,
 * digits, '_', '-' and '.', which is not the first. Any thread. */
#define CONFIG_NAME_MAX 63
bool config_name_ok(const char *name);
void config_errors_fini(struct config_errors *e);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The configuration of a node as the rest of the program sees it: plain values, each good. Which
 * keys there are, their defaults and their limits stand in conf/schema.def; how a file becomes a
 * configuration stands in conf/load.h.
 *
 * Threads: one at a time. Ownership: every text and list belongs to the configuration.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/errors.h"

struct config_list {
	char **items; /* NULL-terminated */
	size_t count;
};

struct config_pair {
	char *key, *value;
	size_t order;	 /* in the file */
	struct place at; /* line 0: not known */
};

struct config {
	char *file;
	struct config_list files; /* all that were read, in this order */
	struct place
		*places; /* where the value of each key of the schema stands; line 0: nobody set
				 it, or its place is not known */
	char **written;	 /* of each key: its text, if variables of the environment stand in it */
	size_t written_count;
	bool skynet;		     /* it was a skynet-style file */
	struct config_list warnings; /* what is legal and dangerous; one sentence each */
	char *pid_file;		     /* its `daemon`: go to the background; NULL: do not */
	struct {
		char *name; /* never NULL: see conf/nodename.h */
		bool harbor_auto;
		unsigned harbor;  /* 0 = single node */
		unsigned threads; /* 0 = auto */
		char *crash_dir;  /* NULL: in the state folder */
		bool testing;	  /* its time may jump */
	} node;
	struct {
		bool present;
		char *name;
		char *listen;
		char *advertise;
		struct config_list master;
		char *key_file; /* the cluster's keys, or: */
		char *ca_file, *cert_file, *cert_key_file, *crl_file;
		bool insecure;
		bool wait_for_join;	  /* READY only when joined; default true */
		uint32_t join_timeout_ms; /* 0 = for ever */
		uint32_t heartbeat_ms, dead_ms, link_wait_ms;
		uint64_t message_max, queue_max;
		uint32_t name_wait_ms, forwarder_ms;
	} cluster;
	struct {
		bool present;
		char *listen;
		char *advertise;
		char *registry;	 /* embedded | etcd */
		char *state_dir; /* NULL: the registry is kept in memory */
		struct config_list etcd;
		char *etcd_prefix, *etcd_user, *etcd_password_file;
		char *etcd_ca_file, *etcd_cert_file, *etcd_key_file;
		uint32_t lease_ms;
	} master;
	struct {
		char *listen;		     /* NULL: this node is no gateway */
		struct config_list clusters; /* NAME=host:port */
		char *key_file;
		uint64_t queue_max; /* bytes, for each cluster */
	} federation;
	struct {
		char *listen; /* NULL: nobody is answered by HTTP */
	} web;
	struct {
		char *start;	 /* default "main" */
		char *bootstrap; /* default: the built-in one */
		struct config_list service_path, path, cpath, service_cpath;
		char *preload;
		char *args;	       /* for the start service */
		uint64_t memory_limit; /* bytes per service, 0 = none */
		uint32_t mailbox_max;  /* messages per service, 0 = no bound */
		char *mailbox_policy;  /* refuse | warn */
		char *on_start_error;  /* stop | continue */
	} lua;
	struct {
		uint64_t write_queue, write_total; /* bytes; total 0 = a quarter of the memory */
		char *write_policy;		   /* close | error */
		uint64_t backpressure;		   /* bytes passed on, of a connection */
		uint32_t threads;
		/* 0 = the kernel's */
		uint32_t connect_timeout_ms, user_timeout_ms;
		uint32_t keepalive_idle_ms, keepalive_interval_ms, keepalive_count;
	} net;
	struct {
		char *level;
		char *sink; /* journal | stderr | stdout | file | auto */
		char *file;
		char *format; /* full | plain | dated */
	} log;
	struct {
		char *listen; /* "unix:/path" */
		uint32_t stop_timeout_ms, drain_on_stop_ms;
	} admin;
	struct config_pair *env; /* what getenv sees, besides the keys of the contract */
	size_t env_count;
};

/* Returns an empty configuration: nothing is set, not even the defaults. */
struct config *config_create(const char *file);
/* Appends a copy of the text. */
void config_list_add(struct config_list *list, const char *item);
/* Takes everything out of it. */
void config_list_clear(struct config_list *list);
/* Appends to the environment. A later value of the same key wins: until config_env_settle both
 * stand there. */
void config_env_add(struct config *c, const char *key, const char *value);
/* Returns the value that the environment has now for the key, or NULL. */
const char *config_env_get(const struct config *c, const char *key);
/* Sorts the environment by key and keeps of each key the last value. */
void config_env_settle(struct config *c);
/* Takes everything out of it. */
void config_env_clear(struct config *c);

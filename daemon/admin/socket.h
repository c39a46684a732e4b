/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Control socket: a unix socket on which harborctl asks.
 *
 *   request   [@NODE SP] command SP arg... LF      words.h
 *   answer    ok SP bytes LF body LF         the body is one JSON object
 *             error SP bytes LF body LF      {"error": "why"}
 *
 * One request at a time on a connection. Only root and the user of the node are served.
 *
 * Threads: open and close from the main thread; requests on the net loop; answers from any.
 * Limits:  ADMIN_SOCKET_CONNECTIONS_MAX, the oldest gives way; WORDS_LINE_MAX bytes a request.
 */
#include <stdbool.h>
#include <stddef.h>

#define ADMIN_SOCKET_CONNECTIONS_MAX 64u

/* path: NULL = the first of the default places (sockpath.h) that can be had, with a number if a
 * living process has that of this node; else "unix:/path" or "/path", that or nothing. 0, or
 * -errno with *ret_error (mem_free). */
int admin_socket_open(const char *node, const char *path, char **ret_error);
void admin_socket_close(void);
/* "" = not open. */
const char *admin_socket_path(void);

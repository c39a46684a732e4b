/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What this node remembers: its events (core/log/event.h) and the last lines of its log
 * (core/log/recent.h), piece by piece.
 *
 *   events | logs [--after CURSORS] [--since SECONDS] [--last N]
 *
 *   {"node": "n1", "harbor": 1, "cursor": "1:5f2c:42", "more": false, "missing": 0,
 *    "events" | "lines": [...]}
 *
 * The next question names the cursor of this answer and gets what came since; so nothing has to be
 * kept here for who asks, and a slow reader costs nobody anything. CURSORS are those of all nodes,
 * with commas between them: each node finds its own by its harbor id, and begins at its oldest if
 * it has none there, or one of an earlier life. --since: not older than so many seconds, by this
 * node's clock; --last: of those the last N. more: there is more already; missing: so many were
 * forgotten behind the cursor.
 *
 * Limits: HISTORY_BYTES of an answer, about.
 */
#include "daemon/admin/request.h"

#define HISTORY_BYTES (256u << 10)

enum result run_events(struct request *r);
enum result run_logs(struct request *r);

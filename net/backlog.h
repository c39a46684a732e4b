/* SPDX-License-Identifier: MIT */
#pragma once
/* What follows when a socket's queue grows or runs empty, for streams and datagrams alike. The
 * socket's lock is held. For the files of net/ only. */
#include <stdbool.h>

struct socket;

/* Something was queued; `behind`: others waited already. */
void backlog_grew(struct socket *s, bool behind);
/* All has gone out. A closing socket is freed, or takes its leave (farewell.h). */
void backlog_gone(struct socket *s);

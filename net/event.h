/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Telling the owner of a socket what has come about. These functions report; but for the last two
 * they change nothing about the socket. Its lock is held unless it says otherwise. For the files of
 * net/ only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct msg;
struct socket;

/* CONNECT, on_open. To be called before the socket is watched: on_open runs before the loop looks
 * at what epoll has reported. */
void event_open(struct socket *s, int port, const char *text);
/* DATA for a service; flags are those of the message. */
void event_data(struct socket *s, void *payload_take, size_t size, uint8_t flags);
/* UDP for a service: `size` bytes and the sender's address behind them. */
void event_datagram(struct socket *s, void *payload_take, size_t size, uint8_t flags);
/* ERROR for a service. */
void event_error(struct socket *s, const char *why);
/* WARNING for a service: so many KiB wait, 0: none any more. */
void event_warning(struct socket *s, unsigned kib);
/* on_drain. */
void event_drain(struct socket *s);
/* ACCEPT for a service. Returns false when nobody is there. */
bool event_accept(struct socket *s, int new_id, const char *peer);
/* CLOSE, on_close. Once; later calls do nothing. Only C code hears why (NULL: the peer ended) and
 * the errno of a failed connect. */
void event_close(struct socket *s, int error, const char *why);
/* The owner gives up the socket: frees it, after a CLOSE unless that was told. C code hears
 * nothing. */
void event_shutdown(struct socket *s);

/* An ERROR for an id that does not exist (any more). No lock. */
void event_invalid(uint32_t owner, int id, const char *why);
/* core's msg_add_on_drop: a message that nobody will read. Its buffer and its socket go. No
 * lock. */
void event_dropped(const struct msg *m);
/* core's msglog_set_format: a line of a message log. No lock. */
void event_logged(FILE *out, const struct msg *m);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Stream: bytes of one connection to frames. Message payloads are copied once, straight into their message.
 * Threads: the net loop.
 */
#include "harbor/wire.h"

struct stream {
	uint64_t max;            /* payload bytes of a message; 0: messages are not accepted */
	uint8_t head[WIRE_CONTROL_MAX];
	size_t have;
	struct msg *msg;         /* in progress */
	uint64_t filled;
	void (*on_control)(void *ud, const struct wire_control *c);
	void (*on_message)(void *ud, struct msg *m_take);
	void *ud;
	bool dead;               /* set by a callback that ended the connection: stop */
};

/* false: bytes of a stranger or a broken peer; the connection is to be closed. */
bool stream_input(struct stream *s, const void *data, size_t n);
void stream_fini(struct stream *s);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Calls made for harborctl: strings and integers out in the "lua" protocol, the answer back as JSON.
 *
 * Threads: only the service `.daemon`, but for call_refuse.
 * Limits:  CALLS_MAX waiting at once, CALL_DEADLINE_NS each, CALL_ANSWER_MAX bytes of answer.
 */
#include <stddef.h>
#include <stdint.h>
#include "core/clock.h"
#include "core/service.h"

#define CALLS_MAX 64u
#define CALL_DEADLINE_NS (5 * NS_PER_SEC)
#define CALL_ANSWER_MAX (16u << 20)

/* words: the address, then what is sent; each NUL-terminated, `size` bytes in all. */
void call_begin(struct service *s, int connection, const char *words, size_t size);
/* PTYPE_RESPONSE or PTYPE_ERROR for a session that may be one of ours. */
void call_answer(int type, uint32_t source, int32_t session, const void *p, size_t n);
/* The service ends. */
void call_end_all(void);
/* Answers a connection with an error. Any thread. */
void call_refuse(int connection, const char *why);

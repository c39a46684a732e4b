/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A log sink that keeps what it gets, for tests. Any thread logs; one test looks.
 * Include after cmocka.h.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/log/log.h"

#define LINES_MAX 16384u

struct kept_line {
	enum log_level level;
	uint32_t source;
	size_t size;
	char text[160]; /* the beginning, NUL-terminated */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t came;
	struct kept_line line[LINES_MAX];
	unsigned count, reopened, flushed;
	int reopen_result;
	bool shut; /* the sink blocks */
	unsigned waiting;
} lines = { .lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER };

static void lines_write(void *ud, const struct log_record *r)
{
	struct kept_line *k;

	(void)ud;
	pthread_mutex_lock(&lines.lock);
	while (lines.shut) {
		lines.waiting++;
		pthread_cond_broadcast(&lines.came);
		pthread_cond_wait(&lines.came, &lines.lock);
		lines.waiting--;
	}
	if (lines.count < LINES_MAX) {
		size_t n = r->size < sizeof(k->text) - 1 ? r->size : sizeof(k->text) - 1;

		k = &lines.line[lines.count++];
		*k = (struct kept_line){ .level = r->level, .source = r->source, .size = r->size };
		memcpy(k->text, r->text, n);
	}
	pthread_cond_broadcast(&lines.came);
	pthread_mutex_unlock(&lines.lock);
}

static void lines_flush(void *ud)
{
	(void)ud;
	pthread_mutex_lock(&lines.lock);
	lines.flushed++;
	pthread_cond_broadcast(&lines.came);
	pthread_mutex_unlock(&lines.lock);
}

static int lines_reopen(void *ud)
{
	(void)ud;
	pthread_mutex_lock(&lines.lock);
	lines.reopened++;
	pthread_cond_broadcast(&lines.came);
	pthread_mutex_unlock(&lines.lock);
	return lines.reopen_result;
}

static const struct log_sink lines_sink = { lines_write, lines_flush, lines_reopen };

/* Forgets what there was and listens. */
static inline void lines_begin(enum log_level level)
{
	log_set_sink(&lines_sink, NULL);
	log_set_level(level);
	pthread_mutex_lock(&lines.lock);
	lines.count = lines.reopened = lines.flushed = 0;
	lines.reopen_result = 0;
	lines.shut = false;
	pthread_mutex_unlock(&lines.lock);
}

static inline void lines_end(void)
{
	log_set_sink(NULL, NULL);
	log_set_level(LOG_LEVEL_INFO);
}

static inline unsigned lines_count(void)
{
	pthread_mutex_lock(&lines.lock);
	unsigned n = lines.count;

	pthread_mutex_unlock(&lines.lock);
	return n;
}

/* Waits until *n, which the sink changes, is at least `want`; false after 10 s. */
static inline bool lines_reach(const unsigned *n, unsigned want)
{
	uint64_t until_ns = clock_mono_ns() + 10 * NS_PER_SEC;
	struct timespec until = { (time_t)(until_ns / NS_PER_SEC), (long)(until_ns % NS_PER_SEC) };
	int r = 0;

	pthread_mutex_lock(&lines.lock);
	while (*n < want && r == 0)
		r = pthread_cond_clockwait(&lines.came, &lines.lock, CLOCK_MONOTONIC, &until);
	bool there = *n >= want;

	pthread_mutex_unlock(&lines.lock);
	return there;
}

/* How many lines hold this text. */
static inline unsigned lines_with(const char *text)
{
	unsigned n = 0;

	pthread_mutex_lock(&lines.lock);
	for (unsigned i = 0; i < lines.count; i++)
		n += strstr(lines.line[i].text, text) != NULL;
	pthread_mutex_unlock(&lines.lock);
	return n;
}

static inline void lines_shut(bool shut)
{
	pthread_mutex_lock(&lines.lock);
	lines.shut = shut;
	pthread_cond_broadcast(&lines.came);
	pthread_mutex_unlock(&lines.lock);
}

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sessions: a table of what waits for an answer, by service and session.
 *
 * Open addressing, at most half full. An entry that goes is filled by shifting others back: there
 * are no tombstones, so a table that was full once is as quick as a new one. The entries are the
 * user's structs, which say by a struct sessions_kind where their keys are; a kind is a constant,
 * so that the compiler makes the code for it.
 *
 * Sessions count up: eight in a row stay neighbours, which a cache likes, and the eights are
 * scattered. All in a row would be one long run, and each removal a walk to its end.
 *
 * Threads:   none of its own; the user locks.
 * Ownership: an entry lives in the table. Its address is good until the next add or remove.
 * Limits:    memory. A table that was larger than SESSIONS_KEPT shrinks when it is nearly empty.
 */
#include <stddef.h>
#include <stdint.h>
#include "core/base/must.h"

#define SESSIONS_KEPT 1024u
/* In the place of the offset: all entries are of one service. */
#define SESSIONS_ONE SIZE_MAX

struct sessions_kind {
	size_t entry;	/* bytes of one */
	size_t session; /* offset of its int32_t; 0 there = a free place */
	size_t service; /* offset of its uint32_t, or SESSIONS_ONE */
	unsigned first; /* places to begin with, a power of two */
};

/* Zeros are an empty table. */
struct sessions {
	void *entries;
	unsigned used, size; /* entries; places, 0 or a power of two */
};

/* Sets the number of places, which is more than twice those used. */
void sessions_resize(struct sessions *t, const struct sessions_kind *k, unsigned size);
/* Frees the entries; the table is empty. */
void sessions_fini(struct sessions *t);

static inline void *sessions_at(const struct sessions *t, const struct sessions_kind *k,
				unsigned place)
{
	return (char *)t->entries + (size_t)place * k->entry;
}

static inline int32_t *sessions_session(const struct sessions_kind *k, void *entry)
{
	return (int32_t *)(void *)((char *)entry + k->session);
}

static inline uint32_t sessions_service(const struct sessions_kind *k, const void *entry)
{
	return k->service == SESSIONS_ONE
		       ? 0
		       : *(const uint32_t *)(const void *)((const char *)entry + k->service);
}

static inline unsigned sessions_home(const struct sessions *t, uint32_t service, int32_t session)
{
	uint32_t s = (uint32_t)session;

	return ((((s >> 3) + service * 97u) * 2654435769u & ~7u) | (s & 7)) & (t->size - 1);
}

/* Its entry, or the free place where it belongs. The table has places. */
static inline void *sessions_seek(const struct sessions *t, const struct sessions_kind *k,
				  uint32_t service, int32_t session)
{
	for (unsigned i = sessions_home(t, service, session);; i = (i + 1) & (t->size - 1)) {
		void *e = sessions_at(t, k, i);
		int32_t there = *sessions_session(k, e);

		if (there == 0 || (there == session && sessions_service(k, e) == service))
			return e;
	}
}

/* Returns the entry, or NULL. service: 0 for SESSIONS_ONE. */
static inline void *sessions_find(const struct sessions *t, const struct sessions_kind *k,
				  uint32_t service, int32_t session)
{
	void *e;

	if (!t->used || !session)
		return NULL;
	e = sessions_seek(t, k, service, session);
	return *sessions_session(k, e) ? e : NULL;
}

/* Returns a place for an entry that is not there yet. The caller writes all of it, the keys too,
 * before the table is used again. */
static inline void *sessions_add(struct sessions *t, const struct sessions_kind *k,
				 uint32_t service, int32_t session)
{
	void *e;

	must_slow(session != 0);
	if (t->used * 2 >= t->size)
		sessions_resize(t, k, t->size ? t->size * 2 : k->first);
	e = sessions_seek(t, k, service, session);
	must_slow(*sessions_session(k, e) == 0);
	t->used++;
	return e;
}

static inline void sessions_remove(struct sessions *t, const struct sessions_kind *k, void *entry)
{
	unsigned mask = t->size - 1;
	unsigned hole = (unsigned)((size_t)((char *)entry - (char *)t->entries) / k->entry);

	must_slow(*sessions_session(k, entry) != 0);
	for (unsigned i = (hole + 1) & mask;; i = (i + 1) & mask) {
		void *e = sessions_at(t, k, i);
		int32_t session = *sessions_session(k, e);
		unsigned home;

		if (!session)
			break;
		home = sessions_home(t, sessions_service(k, e), session);
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			__builtin_memcpy(sessions_at(t, k, hole), e, k->entry);
			hole = i;
		}
	}
	*sessions_session(k, sessions_at(t, k, hole)) = 0;
	t->used--;
	if (t->size > SESSIONS_KEPT && t->used * 8 < t->size)
		sessions_resize(t, k, t->size / 4);
}

/* SPDX-License-Identifier: MIT */
/* Plain lists: those who wait are few, and news are rare. */
#include "harbor/watch.h"

#include <string.h>

#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/base/mem.h"
#include "harbor/state.h"

/* A service may ask again and again; this many are more than any needs. */
#define WATCHES_MAX 65536u
#define KEPT_LOSSES 64u

struct watch {
	struct watch *next;
	uint32_t from;
	int32_t session;
	unsigned id;
	bool connected;
};

static struct watch *watches;
static unsigned count;

void watch_add(uint32_t from, int32_t session, unsigned id, bool connected)
{
	struct watch *w;

	lock_held(&H.lock);
	if (count >= WATCHES_MAX) {
		service_send_error_text(0, from, session, "too many services wait for links");
		return;
	}
	w = mem_zalloc(sizeof(*w));
	*w = (struct watch){ watches, from, session, id, connected };
	watches = w;
	count++;
}

static void drop(struct watch **p)
{
	struct watch *w = *p;

	*p = w->next;
	count--;
	mem_free(w);
}

void watch_tell(unsigned id, bool connected)
{
	lock_held(&H.lock);
	for (struct watch **p = &watches; *p;) {
		struct watch *w = *p;

		if (w->id == id && w->connected == connected) {
			service_answer(0, w->from, w->session, NULL, 0);
			drop(p);
		} else {
			p = &w->next;
		}
	}
}

/* ---- names that are lost ---- */

/* Either a question without a loss (name empty) or a loss without a question; never both of one
 * service. */
struct loss {
	struct loss *next;
	uint32_t from;
	int32_t session;
	uint32_t winner;
	char name[REMOTE_NAME_SIZE];
};

static struct loss *losses;
static unsigned loss_count;

static void tell_loss(uint32_t from, int32_t session, const char *name, uint32_t winner)
{
	char data[sizeof(winner) + REMOTE_NAME_SIZE];
	size_t n = strnlen(name, REMOTE_NAME_SIZE - 1);

	memcpy(data, &winner, sizeof(winner));
	memcpy(data + sizeof(winner), name, n);
	service_answer(0, from, session, data, sizeof(winner) + n);
}

static void drop_loss(struct loss **p)
{
	struct loss *l = *p;

	*p = l->next;
	loss_count--;
	mem_free(l);
}

/* The oldest of this service that is a question, or that is a loss. */
static struct loss **find_loss(uint32_t from, bool question)
{
	struct loss **p = &losses;

	while (*p && ((*p)->from != from || ((*p)->name[0] == 0) != question))
		p = &(*p)->next;
	return p;
}

static void add_loss(const struct loss *proto)
{
	struct loss **p = &losses;
	struct loss *l;

	if (loss_count >= WATCHES_MAX)
		return;
	while (*p)
		p = &(*p)->next;
	l = mem_alloc(sizeof(*l));
	*l = *proto;
	*p = l;
	loss_count++;
}

void watch_add_lost(uint32_t from, int32_t session)
{
	struct loss **p = find_loss(from, false), *l = *p;

	lock_held(&H.lock);
	if (!l) {
		add_loss(&(struct loss){ .from = from, .session = session });
		return;
	}
	tell_loss(from, session, l->name, l->winner);
	drop_loss(p);
}

void watch_lost_name(const char *name, uint32_t handle, uint32_t winner)
{
	struct loss **p = find_loss(handle, true), loss = { .from = handle, .winner = winner };

	lock_held(&H.lock);
	if (*p) {
		tell_loss(handle, (*p)->session, name, winner);
		drop_loss(p);
		return;
	}
	memcpy(loss.name, name, strnlen(name, sizeof(loss.name) - 1));
	add_loss(&loss);
}

/* ---- messages that are lost ---- */

struct message_loss {
	struct remote_loss loss;
	char why[64];
};

/* Loss n is in place n % KEPT_LOSSES. */
static struct message_loss message_losses[KEPT_LOSSES];
static uint64_t message_loss_last; /* 0: there was none */

struct loss_question {
	struct loss_question *next;
	uint32_t from;
	int32_t session;
};

static struct loss_question *loss_questions;
static unsigned loss_question_count;

static void tell_messages(uint32_t from, int32_t session, const struct message_loss *m)
{
	char data[sizeof(m->loss) + sizeof(m->why)];
	size_t n = strnlen(m->why, sizeof(m->why));

	memcpy(data, &m->loss, sizeof(m->loss));
	memcpy(data + sizeof(m->loss), m->why, n);
	service_answer(0, from, session, data, sizeof(m->loss) + n);
}

static void drop_question(struct loss_question **p)
{
	struct loss_question *q = *p;

	*p = q->next;
	loss_question_count--;
	mem_free(q);
}

void watch_add_messages(uint32_t from, int32_t session, uint64_t after)
{
	struct loss_question *q;
	uint64_t oldest = message_loss_last > KEPT_LOSSES ? message_loss_last - KEPT_LOSSES : 0;

	lock_held(&H.lock);
	if (after < message_loss_last) {
		after = after > oldest ? after : oldest;
		tell_messages(from, session, &message_losses[(after + 1) % KEPT_LOSSES]);
		return;
	}
	if (loss_question_count >= WATCHES_MAX) {
		service_send_error_text(0, from, session, "too many services wait for losses");
		return;
	}
	q = mem_alloc(sizeof(*q));
	*q = (struct loss_question){ loss_questions, from, session };
	loss_questions = q;
	loss_question_count++;
}

void watch_lost_messages(unsigned id, uint64_t sent, uint64_t unsent, const char *why)
{
	struct message_loss *m = &message_losses[++message_loss_last % KEPT_LOSSES];

	lock_held(&H.lock);
	*m = (struct message_loss){
		.loss = { .number = message_loss_last, .sent = sent, .unsent = unsent, .id = id }
	};
	memcpy(m->why, why, strnlen(why, sizeof(m->why) - 1));
	while (loss_questions) {
		tell_messages(loss_questions->from, loss_questions->session, m);
		drop_question(&loss_questions);
	}
}

void watch_forget(uint32_t from)
{
	lock_held(&H.lock);
	for (struct watch **p = &watches; *p;)
		if ((*p)->from == from)
			drop(p);
		else
			p = &(*p)->next;
	for (struct loss **p = &losses; *p;)
		if ((*p)->from == from)
			drop_loss(p);
		else
			p = &(*p)->next;
	for (struct loss_question **p = &loss_questions; *p;)
		if ((*p)->from == from)
			drop_question(p);
		else
			p = &(*p)->next;
}

void watch_fini(void)
{
	while (watches)
		drop(&watches);
	while (losses)
		drop_loss(&losses);
	while (loss_questions)
		drop_question(&loss_questions);
}

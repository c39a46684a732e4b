/* SPDX-License-Identifier: MIT */
/* Who waits for a link, or the master, to come or go: a plain list, for these are few and news are rare. */
#include "core/mem.h"
#include "core/service.h"
#include "harbor/harbor_priv.h"

/* A service may ask again and again; this many are more than any needs. */
#define WATCHES_MAX 65536u

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

void watch_forget(uint32_t from)
{
	for (struct watch **p = &watches; *p;)
		if ((*p)->from == from)
			drop(p);
		else
			p = &(*p)->next;
}

void watch_fini(void)
{
	while (watches)
		drop(&watches);
}

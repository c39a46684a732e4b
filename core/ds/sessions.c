/* SPDX-License-Identifier: MIT */
/* Sessions: see sessions.h. */
#include "core/ds/sessions.h"

#include <string.h>

#include "core/base/mem.h"

void sessions_resize(struct sessions *t, const struct sessions_kind *k, unsigned size)
{
	struct sessions old = *t;

	must(size && (size & (size - 1)) == 0 && size > old.used);
	t->entries = mem_zalloc(size * k->entry);
	t->size = size;
	for (unsigned i = 0; i < old.size; i++) {
		void *e = sessions_at(&old, k, i);
		int32_t session = *sessions_session(k, e);

		if (session)
			memcpy(sessions_seek(t, k, sessions_service(k, e), session), e, k->entry);
	}
	mem_free(old.entries);
}

void sessions_fini(struct sessions *t)
{
	mem_free(t->entries);
	*t = (struct sessions){ 0 };
}

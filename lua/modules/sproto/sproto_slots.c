/* SPDX-License-Identifier: MIT */
/* sproto: the schemas that all services of the process share.
 *
 * A slot is one pointer. Why no count and no lock: what a service gets out of a slot are plain
 * addresses (the schema, its types, in light userdata and in caches of Lua objects) that no garbage
 * collector sees, so nobody can tell when the last of them is gone. Hence a schema that was saved
 * once is never freed: not when its slot gets another one, and not by deleteproto. What that costs
 * is one schema (some bytes more than its bundle) a save, and saves are done by hand, at start and
 * when a schema is reloaded. A schema does not change after it was loaded, so readers need nothing
 * but to see it whole.
 *
 * Ordering S1 store(slot) release <-> S2 load(slot) acquire: who finds the pointer sees the tables
 * behind it, and
 *             that it is kept.
 */
#include "lua/modules/sproto/sproto.h"

#include <stdatomic.h>

#include "core/base/must.h"

static _Atomic(struct sproto *) slots[SPROTO_SLOTS];

void sproto_save(struct sproto *s, unsigned slot)
{
	must(s && slot < SPROTO_SLOTS);
	sproto_keep(s);
	atomic_store_explicit(&slots[slot], s, memory_order_release); /* S1 */
}

struct sproto *sproto_saved(unsigned slot)
{
	must(slot < SPROTO_SLOTS);
	return atomic_load_explicit(&slots[slot], memory_order_acquire); /* S2 */
}

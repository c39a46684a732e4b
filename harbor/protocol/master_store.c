/* SPDX-License-Identifier: MIT */
/* What is saved and what is written, and their order. */
#include "harbor/protocol/master_store.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/must.h"

static void mark_dirty(struct master *m)
{
	if (!m->dirty)
		m->ops->want_flush(m->ud);
	m->dirty = true;
}

void master_drop_output(struct master_node *n)
{
	mem_free(n->out);
	n->out = NULL;
	n->out_size = n->out_capacity = n->out_saving = 0;
}

/* What this member reported counts no more. Who was seen by nobody else has dead_ns to come
 * back. */
static void drop_reports(struct master *m, struct master_node *by, uint64_t now)
{
	uint64_t bit = UINT64_C(1) << (by->r.id % 64);

	for (unsigned i = 1; i < 256; i++) {
		struct master_node *n = &m->nodes[i];

		if (!(*master_report_word(n, by->r.id) & bit))
			continue;
		*master_report_word(n, by->r.id) &= ~bit;
		if (!n->conn)
			n->dead_at = now + m->c.dead_ns;
	}
}

void master_lose_connection(struct master *m, struct master_node *n, const char *why, uint64_t now)
{
	n->conn = 0;
	n->told = false;
	n->away = why;
	n->dead_at = now + m->c.dead_ns;
	master_drop_output(n);
	drop_reports(m, n, now);
}

void master_drop_connection(struct master *m, struct master_node *n, const char *why, uint64_t now)
{
	int conn = n->conn;

	if (!conn)
		return;
	master_lose_connection(m, n, why, now);
	m->ops->close(m->ud, conn, why);
}

void master_write(struct master *m, struct master_node *n, const struct wire_control *c)
{
	if (n->out_size >= MASTER_OUT_MAX) /* nothing can be saved, and it asks on and on */
		master_drop_connection(m, n, "too much waits for it", n->heard);
	if (!n->conn)
		return;
	if (n->out_capacity - n->out_size < WIRE_CONTROL_MAX) {
		n->out_capacity = n->out_capacity ? n->out_capacity * 2 : 2 * WIRE_CONTROL_MAX;
		n->out = mem_realloc(n->out, n->out_capacity);
	}
	n->out_size += wire_encode(n->out + n->out_size, c);
	mark_dirty(m);
}

void master_write_now(struct master *m, int conn, const struct wire_control *c)
{
	uint8_t frame[WIRE_CONTROL_MAX];

	m->ops->write(m->ud, conn, frame, wire_encode(frame, c));
}

void master_broadcast(struct master *m, const struct wire_control *c)
{
	for (unsigned i = 1; i < 256; i++)
		master_write(m, &m->nodes[i], c);
}

static struct registry_change *add_change(struct master *m)
{
	if (m->batch_size == m->batch_capacity) {
		m->batch_capacity = m->batch_capacity ? m->batch_capacity * 2 : 16;
		m->batch = mem_realloc(m->batch, m->batch_capacity * sizeof(*m->batch));
	}
	m->batch[m->batch_size] = (struct registry_change){ 0 };
	mark_dirty(m);
	return &m->batch[m->batch_size++];
}

void master_save_node(struct master *m, const struct master_node *n)
{
	add_change(m)->node = n->r;
}

void master_save_name(struct master *m, const char *name, uint32_t handle, uint64_t fence)
{
	struct registry_change *c = add_change(m);

	c->is_name = true;
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->handle = handle;
	c->fence = fence;
}

/* Writes the first bytes of what waits for a member. */
static void write_out(struct master *m, struct master_node *n, size_t size)
{
	if (n->conn && size) {
		m->ops->write(m->ud, n->conn, n->out, size);
		n->told = true;
	}
	if (size == n->out_size) {
		master_drop_output(n);
		return;
	}
	n->out_size -= size;
	memmove(n->out, n->out + size, n->out_size);
	n->out_saving = 0;
}

void master_store_flush(struct master *m)
{
	if (m->batch_saving || !m->dirty)
		return;
	m->dirty = false;
	for (unsigned i = 1; i < 256; i++) {
		struct master_node *n = &m->nodes[i];

		n->out_saving = n->out_size;
		if (n->out && !m->batch_size)
			write_out(m, n, n->out_size);
	}
	if (m->batch_size) {
		m->batch_saving = m->batch_size;
		m->ops->save(m->ud, m->batch, m->batch_size, m->number);
	}
}

void master_store_saved(struct master *m, int result)
{
	size_t saved = m->batch_saving;

	must(saved);
	m->batch_saving = 0;
	if (result < 0) {
		m->dirty = true; /* the tick tries again, with all that came meanwhile */
		return;
	}
	m->batch_size -= saved;
	memmove(m->batch, m->batch + saved, m->batch_size * sizeof(*m->batch));
	for (unsigned i = 1; i < 256; i++)
		if (m->nodes[i].out)
			write_out(m, &m->nodes[i], m->nodes[i].out_saving);
	if (m->dirty)
		m->ops->want_flush(m->ud);
}

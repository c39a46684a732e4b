/* SPDX-License-Identifier: MIT */
/* Recordings of strangers: whatever the bytes are, each record lies within them, what is read is
 * written the same, a message that is made of one is kept the same, and shared data are made of
 * what may be any bytes. */
#include <stdint.h>
#include <string.h>

#include "core/base/must.h"
#include "lua/load/tape_message.h"
#include "lua/load/tapefile.h"
#include "lua/modules/share/image_bytes.h"
#include "lua/modules/share/image_names.h"
#include "net/net.h"

/* As when nobody reads it. */
static void drop(struct msg *m, bool of_socket)
{
	struct socket_message sm;

	if (of_socket) {
		memcpy(&sm, msg_payload(m), sizeof(sm));
		payload_free(sm.buffer);
	}
	msg_destroy(m);
}

static void look_at_message(const struct tape_record *r)
{
	cleanup(text_fini) struct text room = { 0 };
	struct tape_record again = { .kind = 'M' };
	struct msg *m = tape_make_message(r, 1);

	if (!m)
		return;
	tape_keep_payload(m, &again, &room);
	must(m->type == r->type && m->source == r->source && again.data_size == r->data_size &&
	     (!r->data_size || memcmp(again.data, r->data, r->data_size) == 0));
	drop(m, room.size > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(text_fini) struct text again = { 0 };
	struct tape_reader r;
	struct tape_record rec;
	const uint8_t *began;
	const char *why;

	if (!tape_open(&r, data, size, &why)) {
		must(why);
		return 0;
	}
	for (began = r.at; tape_next(&r, &rec); began = r.at) {
		must((const uint8_t *)rec.data >= data &&
		     (const uint8_t *)rec.data + rec.data_size <= data + size);
		if (rec.kind == 'M')
			look_at_message(&rec);
		if (rec.kind == 'I')
			image_unref(image_of_bytes(rec.data, rec.data_size));
		text_cut(&again, 0);
		tape_write(&again, &rec);
		must(again.size == (size_t)(r.at - began) &&
		     memcmp(again.bytes, began, again.size) == 0);
	}
	return 0;
}

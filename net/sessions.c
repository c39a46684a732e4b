/* SPDX-License-Identifier: MIT */
/* The table is read by the program that comes after this one, which may be a newer version of it:
 * it is refused as a whole unless its first line is known. */
#include "net/sessions.h"

#include <string.h>

#define FIRST_LINE "harbor-sessions 1\n"

struct head {
	uint64_t cookie;
	uint32_t listener_size, data_size;
};

void sessions_begin(struct text *table)
{
	text_puts(table, FIRST_LINE);
}

void sessions_add(struct text *table, const struct session *s)
{
	struct head head = { s->cookie, (uint32_t)s->listener_size, (uint32_t)s->data_size };

	text_add(table, &head, sizeof(head));
	text_add(table, s->listener, s->listener_size);
	text_add(table, s->data, s->data_size);
}

bool sessions_is_known(const char *table, size_t size)
{
	return size >= strlen(FIRST_LINE) && memcmp(table, FIRST_LINE, strlen(FIRST_LINE)) == 0;
}

bool sessions_next(const char *table, size_t size, size_t *at, struct session *ret)
{
	struct head head;
	size_t left;

	if (*at == 0) {
		if (!sessions_is_known(table, size))
			return false;
		*at = strlen(FIRST_LINE);
	}
	left = size - *at;
	if (left < sizeof(head))
		return false;
	memcpy(&head, table + *at, sizeof(head));
	left -= sizeof(head);
	if (head.listener_size > left || head.data_size > left - head.listener_size)
		return false;
	ret->cookie = head.cookie;
	ret->listener = table + *at + sizeof(head);
	ret->listener_size = head.listener_size;
	ret->data = ret->listener + head.listener_size;
	ret->data_size = head.data_size;
	*at += sizeof(head) + head.listener_size + head.data_size;
	return true;
}

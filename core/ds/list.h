/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * List: a queue, linked through a pointer in the entries, oldest first.
 *
 *   LIST_OF(struct line) lines;          zeros are an empty list
 *   list_append(&lines, line, next);     `next` is the member that links them
 *   line = list_take(&lines, next);
 *
 * Walking it is a loop over ->first and the member. The list neither allocates nor locks; an entry
 * is on one list at a time. A list that is copied is the list, and the old one is not used any
 * more.
 */
#include <stddef.h>

/* last: where the next entry is linked; it says nothing while the list is empty. */
#define LIST_FIELDS(type)            \
	{                            \
		type *first, **last; \
	}
#define LIST_OF(type) struct LIST_FIELDS(type)

#define list_is_empty(list) (!(list)->first)

/* The entry becomes the last one. */
#define list_append(list, entry, link)                         \
	do {                                                   \
		__typeof__(list) list_a_ = (list);             \
		__typeof__(list_a_->first) entry_a_ = (entry); \
                                                               \
		entry_a_->link = NULL;                         \
		if (!list_a_->first)                           \
			list_a_->last = &list_a_->first;       \
		*list_a_->last = entry_a_;                     \
		list_a_->last = &entry_a_->link;               \
	} while (0)

/* Takes the first entry out. NULL: the list is empty. */
#define list_take(list, link)                                         \
	__extension__({                                               \
		__typeof__(list) list_t_ = (list);                    \
		__typeof__(list_t_->first) entry_t_ = list_t_->first; \
                                                                      \
		if (entry_t_)                                         \
			list_t_->first = entry_t_->link;              \
		entry_t_;                                             \
	})

/* Takes all entries out and returns the first of them, linked. */
#define list_take_all(list)                                                 \
	__extension__({                                                     \
		__typeof__(list) list_all_ = (list);                        \
		__typeof__(list_all_->first) entry_all_ = list_all_->first; \
                                                                            \
		list_all_->first = NULL;                                    \
		entry_all_;                                                 \
	})

/* Takes out the entry to which `at` points: &list->first, or the link of the entry before. */
#define list_unlink(list, at, link)                  \
	do {                                         \
		__typeof__((list)->last) at_ = (at); \
                                                     \
		*at_ = (*at_)->link;                 \
		if (!*at_)                           \
			(list)->last = at_;          \
	} while (0)

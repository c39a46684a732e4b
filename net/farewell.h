/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The end of a connection whose peer is still speaking. The kernel answers bytes that nobody will
 * read by a reset, and a reset takes away what the peer has not read yet: our last words, say why
 * it is refused. So such a connection is shut in our direction alone, and what comes is thrown away
 * until the peer ends too, for JANITOR_FAREWELL_NS at most.
 *
 * The socket's lock is held. For the files of net/ only.
 */
#include <stdbool.h>

struct socket;

/* Everything has gone out: shuts our direction, before it is looked whether there is something
 * unread. So what arrives after the look is answered by a reset that comes behind the end, and the
 * peer reads up to that. Returns whether a reset would follow if the socket were closed now. */
bool farewell_say(struct socket *s);
/* Everything has gone out. Returns false when there is nothing to wait for: it is to be freed. */
bool farewell_begin(struct socket *s);
/* [loop] Throws away what came; the socket is freed at its end. */
void farewell_read(struct socket *s);

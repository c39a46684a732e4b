/* SPDX-License-Identifier: MIT */
#pragma once
/* Descriptors that are held back: see reserve.c for which and why. Any thread. */
#include <stdbool.h>

/* Where the numbers begin that are held back; it follows RLIMIT_NOFILE. */
int reserve_ceiling(void);
/* true: a descriptor of this number is not for sockets of services. */
bool reserve_is_held_back(int fd);

/* The one that makes room for an accept. false: there is none to be had. */
bool reserve_take(void);
void reserve_give_up(void);

/* Those of the control socket. false: none is to be had. */
bool reserve_keep(void);
/* true: one is free now. */
bool reserve_give_up_kept(void);
/* Closes the descriptor of a connection that was accepted with one of them, and keeps its place. */
void reserve_close(int fd);

void reserve_fini(void);

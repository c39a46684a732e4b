/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Tallies: what the services of one title (title.h) have done, those that have ended included. So
 * a figure of a kind of services never goes back because one of them dies.
 *
 * A service knows the number of its tally from its launch on (service.tally). The figures of those
 * that live are their own; a service that ends adds its own to the tally.
 *
 * Threads:  any. A reader first looks at what the dead have left and then at the living: who dies
 *           in between is missed by that look, and counted by the next one. Whoever must not go
 *           back keeps the greatest that he has shown.
 * Limits:   TALLIES_MAX; services of titles beyond them share the one called "other".
 */
#include <stdatomic.h>
#include <stdint.h>
#include "core/log/log.h"

struct service;

#define TALLIES_MAX 256u
#define TALLY_OTHER 0u /* always there */

struct tally {
	char name[LOG_NAME_MAX]; /* constant from the moment that the tally is counted */
	atomic_uint_least64_t launched, ended;
	/* of those that have ended */
	atomic_uint_least64_t messages, cpu_ns, errors, refused;
};

/* Returns the number of the tally for services of this title, which is made if there is none. */
unsigned tally_find(const char *title);
/* Tallies have the numbers from 0 to below this. */
unsigned tally_count(void);
/* The tally of a number that tally_find has returned; never NULL. */
struct tally *tally_at(unsigned number);

/* A service of this launch line is there, or will be; returns the number of its tally. */
unsigned tally_launch(const char *line);
/* The service ends: the tally keeps its figures. Once, by its owner. */
void tally_end(const struct service *s);

/* The tally of a service of this node that lives or has ended lately, of "node b (harbor 154)" for
 * one of another node ("node 154" as long as its name is not known), or TALLY_OTHER. */
unsigned tally_of_handle(uint32_t handle);
/* That node has got a name, or another one: its next calls count as those of a node of that. */
void tally_node_named(unsigned harbor);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The internal service `.daemon`, the process's own address inside the actor world:
 *
 *   - the bootstrap service tells it that the start service is up (text "start_done"), or why
 *     not ("start_failed TEXT"), or which part of the node failed before it ("boot_failed
 *     TEXT");
 *   - the watchdog sends it a message and sees it come through the dispatcher;
 *   - what commands need other services for is asked in its name (call.h), and what harborctl
 *     asks on another node comes to it as text with a session.
 *
 * Threads: init and launch from the main thread; the rest from any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Adds the module. wake: makes the main thread look around. */
void admin_service_init(void (*wake)(void));
/* Launches the service and names it `.daemon`. 0: failed (logged). */
uint32_t admin_service_launch(void);

/* From now on commands may launch services and call them: when those whose handles are fixed
 * have theirs. */
void admin_service_open_calls(void);

/* The start service: told by message, or by the environment keys start_done, start_failed and
 * boot_failed. */
enum admin_start {
	ADMIN_START_PENDING,
	ADMIN_START_DONE,
	ADMIN_START_FAILED,
	ADMIN_BOOT_FAILED,
};
enum admin_start admin_service_start_state(void);
/* Why it failed, "" if nobody said. */
#define ADMIN_START_ERROR_MAX 4096
void admin_service_start_error(char *ret_text, size_t size);

/* Sends the service a number; admin_service_pong() returns the last one that arrived. */
void admin_service_ping(uint64_t number);
uint64_t admin_service_pong(void);

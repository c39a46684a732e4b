/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * `gate`: the C service that listens and hands the frames of its clients to services. It is
 * built in and launched by skynet.launch("gate", "S", ".watchdog", "host:port", type, max). The
 * service in Lua of that name is another.
 */

/* Makes the module known. Before the first launch. */
void gate_init(void);

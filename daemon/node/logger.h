/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The service behind `.logger`, always handle 1: text messages become log lines, a system message
 * reopens the log file. Log lines of the node itself do not pass here (core/log/log.h), unless the
 * configuration names another logservice: then every line is sent to that, and log_reopen is a
 * system message to it.
 *
 * Threads: main thread, before the bootstrap service is launched.
 */
#include <stdint.h>

/* Adds the module "logger". */
void logger_init(void);
/* Launches the log service, names it `.logger`. `service`: NULL or "logger" for ours, else a
 * module with parameter `parm` (may be NULL). 0: it could not be launched. */
uint32_t logger_launch(const char *service, const char *parm);
/* Lines go to the sink of before again; does nothing unless they went to a service. */
void logger_detach(void);

/* SPDX-License-Identifier: MIT */
#ifndef HARBORD_SKYNET_ENV_H
#define HARBORD_SKYNET_ENV_H
/*
 * The environment of the node: what skynet.getenv sees. A key is set once and never changes.
 *
 * Threads: any.
 */
#ifdef __cplusplus
extern "C" {
#endif

/* Returns a text that is valid for the life of the process; NULL: the key is not set. */
const char *skynet_getenv(const char *key);
/* Copies both. A key that is set already stays as it is, with an error in the log. */
void skynet_setenv(const char *key, const char *value);

#ifdef __cplusplus
}
#endif
#endif

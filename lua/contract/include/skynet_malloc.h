/* SPDX-License-Identifier: MIT */
#ifndef HARBORD_SKYNET_MALLOC_H
#define HARBORD_SKYNET_MALLOC_H
/*
 * Memory of C services and C Lua libraries: what messages and socket buffers are made of.
 *
 * Every block has room for a message's header in front of it. That is why a block that is handed
 * over (PTYPE_TAG_DONTCOPY, SOCKET_BUFFER_MEMORY, light userdata and size to skynet.send) becomes a
 * message without a copy, and why nothing but these functions may make a block that is handed over,
 * or free one that was received. It costs 32 bytes a block. Blocks of an alignment above 16 are
 * copied when they are handed to skynet_send or to a socket; to Lua (skynet.send, skynet.ret,
 * socketdriver.send) they must not be handed.
 *
 * As the contract has it, the plain names are these functions from here on: so that `free` in the
 * same file fits. Define SKYNET_MALLOC_PLAIN_NAMES before the inclusion to keep the C library's.
 *
 * Threads: any. Failure: none returns NULL for want of memory; the process ends with "xmalloc: Out
 * of memory trying to allocate N bytes" on stderr.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#ifdef __cplusplus
extern "C" {
#endif

void *skynet_malloc(size_t size);
void *skynet_calloc(size_t count, size_t size);
void *skynet_realloc(void *p, size_t size);
void skynet_free(void *p); /* NULL is fine */
void *skynet_memalign(size_t alignment, size_t size);
void *skynet_aligned_alloc(size_t alignment, size_t size);
int skynet_posix_memalign(void **ret, size_t alignment, size_t size); /* 0 or EINVAL */
char *skynet_strdup(const char *s);
/* What lua_Alloc does, without its first argument. Not for blocks of the functions above. NULL: no
 * memory. */
void *skynet_lalloc(void *p, size_t old_size, size_t size);

#ifdef __cplusplus
}
#endif

#ifndef SKYNET_MALLOC_PLAIN_NAMES
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef memalign
#undef aligned_alloc
#undef posix_memalign
#undef strdup
#define malloc skynet_malloc
#define calloc skynet_calloc
#define realloc skynet_realloc
#define free skynet_free
#define memalign skynet_memalign
#define aligned_alloc skynet_aligned_alloc
#define posix_memalign skynet_posix_memalign
#define strdup skynet_strdup
#endif

#endif

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Memory of OpenSSL, with keys and what is made of them in it, is in no core file (secret.h). For
 * one file of each shared object that is linked with OpenSSL: the first that is loaded decides, for
 * OpenSSL must not have taken any memory yet. When a program's own module was first it stays in the
 * heap.
 */
#include <openssl/crypto.h>

#include "core/base/secret.h"

/* client.crypt is for other programs, too, which have no such memory. */
#pragma weak secret_alloc_at
#pragma weak secret_realloc_at
#pragma weak secret_free_at

__attribute__((constructor)) static void tlsmemory_begin(void)
{
	if (secret_alloc_at)
		(void)CRYPTO_set_mem_functions(secret_alloc_at, secret_realloc_at, secret_free_at);
}

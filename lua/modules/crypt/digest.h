/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Digests by OpenSSL, and keyed digests made of them (RFC 2104).
 *
 * Threads: a struct digests has one owner.
 * Ownership: a Lua userdata, freed by its collector.
 */
#include <lua.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

enum digest {
	DIGEST_MD5,
	DIGEST_SHA1,
	DIGEST_SHA256,
	DIGEST_SHA512,
	DIGEST_COUNT,
};

/* Set up once for all calls of a Lua state. */
struct digests {
	EVP_MD_CTX *context;
};

/* OpenSSL's own; raises when it has none, as where only approved digests are allowed. */
const EVP_MD *digest_type(lua_State *L, enum digest which);

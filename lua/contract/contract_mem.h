/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The C contract: what the files lua/contract/contract*.c, which implement the headers of
 * lua/contract/include, share.
 *
 * Those headers belong to C services and C libraries that are built elsewhere, so nothing in core,
 * net or lua includes them but these files.
 */
#include <stddef.h>

struct service;
struct skynet_context;

/* A context is a service. */
static inline struct service *contract_service(struct skynet_context *ctx)
{
	return (struct service *)(void *)ctx;
}

/* Before the first module is loaded. */
void contract_init(void);

/* The payload that a block of skynet_malloc is; a copy, if it cannot be one (contract_mem.c). Takes
 * the block. */
void *contract_payload(void *p_take, size_t size);

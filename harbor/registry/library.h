/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A registry that lives in a shared object, because it needs libraries which most nodes do without
 * (libcurl and what that needs: some MB of a process). It is opened when the configuration asks for
 * it, and stays until the process ends.
 *
 * Threads: the main thread.
 */
#include "harbor/registry/registry.h"

/* The name of the struct registry_ops in the shared object; it carries the number of the interface,
 * so that an old file is not mistaken for one of ours. */
#define REGISTRY_SYMBOL "harbor_registry_1"

/* Returns the registry in this file, or NULL and why not in ret_error (mem_free). */
const struct registry_ops *registry_library(const char *file, char **ret_error);

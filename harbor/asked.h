/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the rest of the node asks of the cluster (core/actor/remote.h, which says how).
 *
 * Threads: any. Closures: on the loop, under the lock of struct harbor.
 */
#include "core/actor/remote.h"

extern const struct remote_ops asked_ops;

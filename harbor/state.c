/* SPDX-License-Identifier: MIT */
#include "harbor/state.h"

struct harbor H = { .lock = LOCK_INIT(harbor), .stopped_now = PTHREAD_COND_INITIALIZER };

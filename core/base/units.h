/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Units of time, for those who count in nanoseconds and for those who must not know a clock.
 */
#include <stdint.h>

#define NS_PER_SEC UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)
#define NS_PER_CS UINT64_C(10000000) /* the skynet API counts centiseconds */

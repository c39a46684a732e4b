/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What to do about a shared library that does not load.
 */

/* Returns a sentence for the text of dlerror(3), or NULL: the text says all. Any thread. */
const char *advice_for_library(const char *dlerror_text);

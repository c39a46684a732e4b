/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Environment variables in values of a YAML file: ${VAR}, ${VAR:-default}, $$ for a dollar. They
 * are replaced after parsing, in one scalar at a time, so that a variable cannot bring structure
 * in.
 */
#include "conf/draft.h"

/* Returns the text with its variables replaced (mem_free), or NULL after an error at this place. */
char *expand_text(struct draft *d, const char *text, struct place at);

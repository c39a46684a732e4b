/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Configurations in YAML: a map of sections, each a map of the keys of conf/schema.def.
 *
 * Limits: 16 levels, 100 anchors and aliases, one document.
 */
#include "conf/draft.h"

/* Fills the draft from the text. Returns false if it is not YAML, which an error says. */
bool yaml_read(struct draft *d, const char *text, size_t size);

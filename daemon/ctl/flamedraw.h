/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A profile as a picture (SVG, by itself, without scripts).
 */
#include <stdio.h>

#include "core/base/jsonread.h"

/* Writes the picture of {"stacks": [{"stack": , "samples": }...]}; title: what it is of. */
void flame_draw(FILE *out, const struct jsonv *profile, const char *title);

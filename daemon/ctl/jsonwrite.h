/* SPDX-License-Identifier: MIT */
#pragma once
/* Writes a tree of JSON (core/base/jsonread.h) as text, with a newline. */
#include <stdio.h>
#include "core/base/jsonread.h"

void jsonwrite(FILE *out, const struct jsonv *v);

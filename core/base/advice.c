/* SPDX-License-Identifier: MIT */
/* Advice about libraries: see advice.h. */
#include "core/base/advice.h"

#include <string.h>

#include "core/base/base.h"

/* The first that is part of the text counts: the special ones come first. */
static const struct {
	const char *part, *advice;
} table[] = {
	{ "undefined symbol: luaopen_",
	  "the file has no such function: the name that is required and the one it was built for "
	  "must agree" },
	{ "undefined symbol: lua",
	  "it was built for another version of Lua: build it with the headers of Lua 5.4" },
	{ "undefined symbol: skynet_",
	  "it was built for another skynet.h: build it with the one that is installed here "
	  "(pkg-config harbord)" },
	{ "undefined symbol", "a library that it needs was not linked when it was built" },
	{ "version `", "it was built on a newer system: build it on this one" },
	{ "wrong ELF class", "it was built for another machine" },
	{ "invalid ELF header", "it is no shared library" },
	{ "file too short", "it is no shared library: the file is cut off, or empty" },
	{ "Permission denied", "the user of the node may not read it" },
};

const char *advice_for_library(const char *dlerror_text)
{
	for (size_t i = 0; i < array_len(table); i++)
		if (strstr(dlerror_text, table[i].part))
			return table[i].advice;
	/* The name in front of the text is what dlopen did not find: the file itself is not meant.
	 */
	if (strstr(dlerror_text, "cannot open shared object file: No such file"))
		return "a library that it needs is not installed";
	return NULL;
}

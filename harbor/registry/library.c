/* SPDX-License-Identifier: MIT */
#include "harbor/registry/library.h"

#include <dlfcn.h>

#include "core/base/advice.h"
#include "core/base/mem.h"

const struct registry_ops *registry_library(const char *file, char **ret_error)
{
	void *object = file ? dlopen(file, RTLD_NOW | RTLD_LOCAL) : NULL;
	const struct registry_ops *ops = object ? dlsym(object, REGISTRY_SYMBOL) : NULL;
	const char *why, *advice;

	if (ops)
		return ops;
	why = file ? dlerror() : "the folder of our shared objects is not there";
	advice = file ? advice_for_library(why) : NULL;
	*ret_error = mem_printf("registry: %s%s%s%s", why, advice ? " (" : "", advice ? advice : "",
				advice ? ")" : "");
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/* Which of the two loaders reads a file, and what comes of its draft. */
#include "conf/load.h"

#include <errno.h>

#include "conf/check.h"
#include "conf/draft.h"
#include "conf/file.h"
#include "conf/skynet.h"
#include "conf/yaml.h"
#include "core/base/mem.h"
#include "core/base/must.h"

int config_parse(const char *file, const char *text, size_t size, struct config **ret,
		 struct config_errors *ret_errors)
{
	struct draft d = { .file = file, .c = config_create(file), .errors = ret_errors };
	bool skynet;

	must(file && text && text[size] == 0);
	skynet = skynet_is(file, text);

	*ret_errors = (struct config_errors){ 0 };
	if (skynet ? skynet_read(&d, text, size) : yaml_read(&d, text, size))
		check_draft(&d);
	draft_fini(&d);
	if (ret_errors->count) {
		config_destroy(d.c);
		return -EINVAL;
	}
	*ret = d.c;
	return 0;
}

int config_load(const char *file, struct config **ret, struct config_errors *ret_errors)
{
	size_t size;
	const char *why;
	cleanup(mem_freep) char *text = file_read(file, &size, &why);

	if (text)
		return config_parse(file, text, size, ret, ret_errors);
	*ret_errors = (struct config_errors){ 0 };
	config_error(ret_errors, file, (struct place){ 0 }, "cannot read it: %s", why);
	return -EINVAL;
}

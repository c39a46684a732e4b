/* SPDX-License-Identifier: MIT */
/* harborctl dump: see daemon/state/blackbox.h. */
#include "daemon/admin/dump.h"

#include <limits.h>

#include "core/log/log.h"
#include "daemon/admin/errand.h"
#include "daemon/state/blackbox.h"

#define TEXT_MAX (PATH_MAX + 256)

static void write_dump(struct errand *e)
{
	static _Thread_local char text[TEXT_MAX]; /* e->why is read after we return */

	json_object(&e->j, NULL);
	if (blackbox_dump(text, sizeof(text))) {
		log_info("asked for a dump by harborctl: %s", text);
		json_string(&e->j, "file", text);
	} else {
		log_warning("no dump can be written: %s", text);
		e->why = text;
	}
	json_object_end(&e->j);
}

enum result run_dump(struct request *r)
{
	const char *why = errand_start(&(struct errand){ .who = *r->who, .run = write_dump });

	return why ? request_fail(r, why) : LATER;
}

/* SPDX-License-Identifier: MIT */
/* Any bytes as a fleet's file: a fleet, whose maps can be written, or at least one error. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "conf/fleetfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void write_map(struct fleet *f, int map)
{
	char *text = NULL;
	size_t size;

	if (map)
		fleetfile_write(f, map, &text, &size);
	mem_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct config_errors errors = { 0 };
	struct fleet *f = fleetfile_parse((const char *)p, n, "fleet.yaml", &errors);

	if (!f != (errors.count != 0))
		abort();
	for (unsigned i = 0; f && i < f->node_count; i++)
		write_map(f, f->nodes[i].config);
	if (f)
		write_map(f, f->shared);
	fleetfile_free(f);
	config_errors_fini(&errors);
	return 0;
}

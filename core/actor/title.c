/* SPDX-License-Identifier: MIT */
/* Titles: see title.h. The launch line is kept with the service, so a title costs nothing until
 * somebody asks for it. */
#include "core/actor/title.h"

#include <string.h>

#include "core/base/base.h"
#include "core/actor/handle.h"
#include "core/actor/service.h"

#define BLANKS " \t\r\n"

/* Services that run others, whose names follow them. */
static const char *const hosts[] = { "snlua", "snaxd", "service_cell" };

static bool is_host(const char *word, size_t size)
{
	for (size_t i = 0; i < array_len(hosts); i++)
		if (strlen(hosts[i]) == size && memcmp(hosts[i], word, size) == 0)
			return true;
	return false;
}

void title_of_line(const char *line, char ret[LOG_NAME_MAX])
{
	size_t n = strcspn(line, BLANKS);

	while (is_host(line, n)) {
		const char *next = line + n + strspn(line + n, BLANKS);

		if (!*next)
			break;
		line = next;
		n = strcspn(line, BLANKS);
	}
	n = n < LOG_NAME_MAX ? n : LOG_NAME_MAX - 1;
	for (size_t i = 0; i < n; i++)
		ret[i] = line[i] > ' ' && line[i] < 0x7f ? line[i] : '?';
	ret[n] = 0;
}

static void find_title(uint32_t handle, char ret[LOG_NAME_MAX])
{
	struct service *s = service_current();

	/* Most lines are about who writes them, also when it ends and nobody finds it any more. */
	if (s && service_handle(s) == handle) {
		title_of_line(s->args, ret);
		return;
	}
	s = service_grab(handle);
	if (!s)
		return;
	title_of_line(s->args, ret);
	service_unref(s);
}

void title_init(void)
{
	log_set_namer(find_title);
}

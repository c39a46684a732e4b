/* SPDX-License-Identifier: MIT */
/* One question, one answer: see ask.h. */
#include "daemon/ctl/ask.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "daemon/admin/words.h"
#include "daemon/ctl/exits.h"

#define ANSWER_MAX ((size_t)256 << 20)
/* Longer than any command takes: a call has its own, shorter deadline. */
#define PATIENCE_SECONDS 15

static int connect_to(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	int fd;

	if (strncmp(path, "unix:", 5) == 0)
		path += 5;
	if (strlen(path) >= sizeof(un.sun_path)) {
		fprintf(stderr, "harborctl: %s: %s\n", path, strerror(ENAMETOOLONG));
		return -1;
	}
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) { /* a node that is stuck has a full queue of connections */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		fprintf(stderr, "harborctl: %s: %s; %s\n", path, strerror(errno),
			errno == EACCES || errno == EPERM
				? "ask as root, or as the user of the node"
				: "no node listens there: harborctl local lists those of this "
				  "host");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static bool write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

/* One answer: its status word and its body. NULL: the node went away or does not speak our
 * language. */
static char *read_answer(FILE *f, bool *ret_ok, size_t *ret_size)
{
	cleanup(mem_freep) char *body = NULL;
	char head[64], word[16];
	size_t size;

	if (!fgets(head, sizeof(head), f) || sscanf(head, "%15s %zu", word, &size) != 2 ||
	    size > ANSWER_MAX)
		return NULL;
	body = mem_alloc(size + 1);
	if (fread(body, 1, size, f) != size)
		return NULL;
	body[size] = 0;
	*ret_ok = strcmp(word, "ok") == 0;
	*ret_size = size;
	return steal(body);
}

int ask_begin(struct ask *a)
{
	cleanup(mem_freep) char *request = words_encode(a->node, a->words);
	int fd;

	must(!a->answer);
	if (strlen(request) > WORDS_LINE_MAX) {
		fputs("harborctl: the arguments are too long\n", stderr);
		return CTL_USAGE;
	}
	fd = connect_to(a->socket);
	if (fd < 0)
		return CTL_UNAVAILABLE;
	a->answer = fdopen(fd, "r");
	if (!a->answer)
		mem_exhausted(0);
	/* a node that goes away just now gives no answer */
	(void)(write_all(fd, request, strlen(request)) && write_all(fd, "\n", 1));
	return 0;
}

int ask_end(struct ask *a, char **ret_body, size_t *ret_size, bool *ret_well)
{
	*ret_body = read_answer(a->answer, ret_well, ret_size);
	fclose(a->answer);
	a->answer = NULL;
	if (*ret_body)
		return 0;
	fputs("harborctl: the node gave no answer: it has ended, or is stuck (its log says more)\n",
	      stderr);
	return CTL_UNAVAILABLE;
}

void ask_drop(struct ask *a)
{
	fclose(a->answer);
	a->answer = NULL;
}

int ask_node(struct ask *a, char **ret_body, size_t *ret_size, bool *ret_well)
{
	int r = ask_begin(a);

	return r ? r : ask_end(a, ret_body, ret_size, ret_well);
}

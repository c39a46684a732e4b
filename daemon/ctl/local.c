/* SPDX-License-Identifier: MIT */
/* Finds the nodes of this host. No socket is ever waited for alone: a node that is frozen costs
 * its share of the common patience, one that is dead costs nothing. */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "daemon/ctl/exits.h"
#include "daemon/ctl/local.h"
#include "daemon/ctl/print.h"
#include "core/base/json.h"

/* More than any answer to what is asked here. */
#define ANSWER_MAX ((size_t)1 << 20)

static const char *text_of(const struct local_node *n, const char *key)
{
	return jsonv_text(n->status, key, "");
}

/* Of a node that does not answer: what its socket is called. */
static void name_of(const struct local_node *n, char ret_name[SOCKPATH_MAX])
{
	if (n->status)
		snprintf(ret_name, SOCKPATH_MAX, "%s", text_of(n, "node"));
	else
		sockpath_name(n->path, ret_name);
}

/* ---- asking ---- */

/* A connection and the request on its way, or -errno. */
static int ask_begin(const char *path, const char *request)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0 ||
	    send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		r = -errno;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* The body of "ok SIZE\nBODY\n" once it is complete; NULL: not yet, or no answer of ours. */
static char *body_of(const char *text, size_t size)
{
	const char *newline = size ? memchr(text, '\n', size) : NULL;
	unsigned long n;
	char *end;

	if (!newline || strncmp(text, "ok ", 3) != 0)
		return NULL;
	n = strtoul(text + 3, &end, 10);
	if (end != newline || n > ANSWER_MAX || (size_t)(text + size - newline - 1) < n)
		return NULL;
	return mem_strndup(newline + 1, n);
}

static void hang_up(struct local_node *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
	mem_free(n->text);
	n->text = NULL;
	n->size = 0;
}

static void take_bytes(struct local_node *n)
{
	char buffer[16384];
	ssize_t got = recv(n->fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0 && n->size + (size_t)got <= ANSWER_MAX) {
		n->text = mem_realloc(n->text, n->size + (size_t)got + 1);
		memcpy(n->text + n->size, buffer, (size_t)got);
		n->size += (size_t)got;
		n->text[n->size] = 0;
		n->answer = body_of(n->text, n->size);
		if (!n->answer && (n->size < 3 || strncmp(n->text, "ok ", 3) == 0))
			return;
	}
	hang_up(n);
}

/* Has the node of that name answered, and is nobody waited for whose socket is called so, too? A
 * name that names one node is not held up by others that stand still. */
static bool is_settled(const struct local_node *nodes, size_t count, const char *wanted)
{
	char name[SOCKPATH_MAX], says[SOCKPATH_MAX + 16];
	bool answered = false;

	/* a name has nothing that JSON would write in another way */
	snprintf(says, sizeof(says), "\"node\":\"%s\"", wanted);
	for (size_t i = 0; i < count; i++) {
		sockpath_name(nodes[i].path, name);
		if (strcmp(name, wanted) != 0)
			continue;
		if (nodes[i].fd >= 0)
			return false;
		answered = answered || (nodes[i].answer && strstr(nodes[i].answer, says));
	}
	return answered;
}

/* Until all have answered, or those that matter (wanted; NULL: all do), or the time is over. */
static void gather(struct local_node *nodes, size_t count, const char *wanted)
{
	uint64_t until = clock_mono_ns() + LOCAL_PATIENCE_MS * NS_PER_MS, now;
	struct pollfd *polls = mem_alloc((count + 1) * sizeof(*polls));

	while ((now = clock_mono_ns()) < until) {
		nfds_t open = 0;

		for (size_t i = 0; i < count; i++) {
			/* poll skips negative ones */
			polls[i] = (struct pollfd){ nodes[i].fd, POLLIN, 0 };
			open += nodes[i].fd >= 0;
		}
		if (!open || (wanted && is_settled(nodes, count, wanted)) ||
		    poll(polls, count, (int)((until - now) / NS_PER_MS) + 1) == 0)
			break;
		for (size_t i = 0; i < count; i++)
			if (nodes[i].fd >= 0 && polls[i].revents)
				take_bytes(&nodes[i]);
	}
	for (size_t i = 0; i < count; i++)
		hang_up(&nodes[i]);
	mem_free(polls);
}

static void parse_answer(struct local_node *n)
{
	if (n->answer && jsonread(n->answer, strlen(n->answer), &n->status) < 0)
		n->status = NULL;
}

static struct jsonv *ask(const struct local_node *n, const char *request)
{
	struct local_node one = { .fd = ask_begin(n->path, request) };

	if (one.fd < 0)
		return NULL;
	gather(&one, 1, NULL);
	parse_answer(&one);
	mem_free(one.answer);
	return one.status;
}

/* ---- finding ---- */

/* A node with several sockets in view (folders that are links) is one node. */
static bool is_listed(const struct local_nodes *l, long pid)
{
	for (size_t i = 0; i < l->count; i++)
		if (pid > 0 && l->items[i].pid == pid)
			return true;
	return false;
}

static void found(const char *path, void *ud)
{
	struct local_node n = { .fd = ask_begin(path, "status\n"), .uid = -1 };
	struct local_nodes *l = ud;
	socklen_t size = sizeof(struct ucred);
	struct ucred who;

	if (n.fd < 0 && n.fd != -EAGAIN) {
		l->of_others += n.fd == -EACCES && sockpath_is_alive(path);
		if (n.fd == -ECONNREFUSED)
			sockpath_remove_dead(path);
		return;
	}
	if (n.fd >= 0 && getsockopt(n.fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
		n.pid = who.pid;
		n.uid = (long)who.uid;
	}
	if (l->count == LOCAL_NODES_MAX || is_listed(l, n.pid)) {
		hang_up(&n);
		return;
	}
	snprintf(n.path, sizeof(n.path), "%s", path);
	l->items = mem_realloc(l->items, (l->count + 1) * sizeof(*l->items));
	l->items[l->count++] = n;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct local_node *)a)->path, ((const struct local_node *)b)->path);
}

static void find(struct local_nodes *ret, const char *wanted)
{
	*ret = (struct local_nodes){ 0 };
	sockpath_foreach(found, ret);
	gather(ret->items, ret->count, wanted);
	for (size_t i = 0; i < ret->count; i++)
		parse_answer(&ret->items[i]);
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_path);
}

void local_find(struct local_nodes *ret)
{
	find(ret, NULL);
}

void local_fini(struct local_nodes *l)
{
	for (size_t i = 0; i < l->count; i++) {
		mem_free(l->items[i].answer);
		jsonv_destroy(l->items[i].status);
	}
	mem_free(l->items);
	*l = (struct local_nodes){ 0 };
}

/* Is `name` its name or its harbor id? */
static bool is_called(const struct local_node *n, const char *name)
{
	char own[SOCKPATH_MAX];

	name_of(n, own);
	return strcmp(own, name) == 0 ||
	       (*text_of(n, "cluster") && strcmp(text_of(n, "harbor"), name) == 0);
}

/* A process that SIGSTOP, a debugger or a shell has stopped: it will not answer. */
static bool is_stopped(long pid)
{
	char path[40], line[512] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = pid > 0 ? fopen(path, "re") : NULL;
	if (!f)
		return false;
	(void)fgets(line, sizeof(line), f);
	fclose(f);
	state = strrchr(line, ')'); /* the name before it may hold anything */
	return state && (strncmp(state, ") T", 3) == 0 || strncmp(state, ") t", 3) == 0);
}

static void add_node(struct json *j, const struct local_node *n)
{
	const struct passwd *user = n->uid >= 0 ? getpwuid((uid_t)n->uid) : NULL;
	char name[SOCKPATH_MAX];

	name_of(n, name);
	json_object(j, NULL);
	json_string(j, "name", name);
	json_uint(j, "harbor", strtoul(text_of(n, "harbor"), NULL, 10));
	json_string(j, "cluster", text_of(n, "cluster"));
	json_string(j, "state",
		    n->status		 ? text_of(n, "state")
		    : is_stopped(n->pid) ? "stopped"
					 : "no answer");
	json_uint(j, "pid", (uint64_t)n->pid);
	if (user)
		json_string(j, "user", user->pw_name);
	else
		json_printf(j, "user", "%ld", n->uid);
	json_string(j, "config", text_of(n, "config"));
	json_string(j, "socket", n->path);
	json_object_end(j);
}

char *local_json(const struct local_nodes *l, const char *name, size_t *ret_size)
{
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	json_array(&j, "nodes");
	for (size_t i = 0; i < l->count; i++)
		if (!name || is_called(&l->items[i], name))
			add_node(&j, &l->items[i]);
	json_array_end(&j);
	json_object_end(&j);
	*ret_size = j.text.size;
	return text_take(&j.text);
}

/* ---- choosing ---- */

static int several(const struct local_nodes *l, const char *name, const char *text)
{
	struct jsonv *list = NULL;
	size_t size;
	cleanup(mem_freep) char *json = local_json(l, name, &size);

	fprintf(stderr, "harborctl: %s\n", text);
	if (jsonread(json, size, &list) == 0)
		ctl_print(stderr, list, (long long)time(NULL));
	jsonv_destroy(list);
	return CTL_USAGE;
}

static int stopped(const struct local_node *n)
{
	char name[SOCKPATH_MAX];

	name_of(n, name);
	fprintf(stderr,
		"harborctl: node %s does not answer: its process, %ld, was stopped by a signal or "
		"a "
		"debugger; kill -CONT %ld lets it go on\n",
		name, n->pid, n->pid);
	return CTL_UNAVAILABLE;
}

static int none(const struct local_nodes *l)
{
	fputs("harborctl: no node with a control socket in its usual place runs on this host",
	      stderr);
	if (l->of_others)
		fprintf(stderr, " as this user (%zu of other users)", l->of_others);
	fputs("; name a socket with --socket\n", stderr);
	return CTL_UNAVAILABLE;
}

static bool text_is(const struct jsonv *row, const char *key, const char *text)
{
	const char *is = jsonv_text(row, key, NULL);

	return is && strcmp(is, text) == 0;
}

/* The incarnation of the node that the cluster of `n` knows as `name`, "" if there is none. */
static void look_up(const struct local_node *n, const char *name, char ret_incarnation[32])
{
	struct jsonv *answer = *text_of(n, "cluster") ? ask(n, "nodes\n") : NULL;
	const struct jsonv *rows = jsonv_get(answer, "nodes");
	const char *incarnation;

	*ret_incarnation = 0;
	for (const struct jsonv *row = rows ? rows->child : NULL; row; row = row->next) {
		if (!text_is(row, "name", name) && !text_is(row, "harbor", name))
			continue;
		incarnation = jsonv_text(row, "incarnation", NULL);
		if (incarnation)
			snprintf(ret_incarnation, 32, "%s", incarnation);
	}
	jsonv_destroy(answer);
}

/* The node is on another host: through which of ours? Two clusters may have a node of that name. */
static int choose_way(const struct local_nodes *l, const char *name, char ret_path[SOCKPATH_MAX])
{
	char first[32] = "", incarnation[32];

	for (size_t i = 0; i < l->count; i++) {
		look_up(&l->items[i], name, incarnation);
		if (!*incarnation || strcmp(incarnation, first) == 0)
			continue;
		if (*first)
			return several(l, NULL,
				       "several clusters have a node of that name or "
				       "id: name a node of the right one with --socket");
		memcpy(first, incarnation, sizeof(first));
		memcpy(ret_path, l->items[i].path, SOCKPATH_MAX);
	}
	if (*first)
		return 0;
	fprintf(stderr,
		"harborctl: no node %s on this host, nor in a cluster of its nodes; "
		"those of this host are listed by: harborctl local\n",
		name);
	return CTL_UNAVAILABLE;
}

int local_choose(const char *name, char ret_path[SOCKPATH_MAX], bool *ret_forward)
{
	struct local_nodes l;
	const struct local_node *found_one = NULL;
	size_t matches = 0;
	int status = 0;

	find(&l, name);
	for (size_t i = 0; i < l.count; i++)
		if (!name || is_called(&l.items[i], name)) {
			found_one = &l.items[i];
			matches++;
		}
	*ret_forward = matches == 0;
	if (l.count == 0)
		status = none(&l);
	else if (matches == 0)
		status = choose_way(&l, name, ret_path);
	else if (matches > 1)
		status = several(&l, name,
				 "several nodes run on this host: name one with "
				 "--node or --socket");
	else if (!found_one->status && is_stopped(found_one->pid))
		status = stopped(found_one);
	else
		memcpy(ret_path, found_one->path, SOCKPATH_MAX);
	local_fini(&l);
	return status;
}

int local_choose_any(char ret_path[SOCKPATH_MAX])
{
	struct local_nodes l;
	const char *first = NULL;
	int status = 0;

	local_find(&l);
	for (size_t i = 0; i < l.count; i++) {
		const char *cluster = text_of(&l.items[i], "cluster");

		if (!*cluster && l.count > 1)
			continue;
		if (first && strcmp(first, cluster) != 0)
			status = EX_UNAVAILABLE;
		else if (!first)
			memcpy(ret_path, l.items[i].path, SOCKPATH_MAX);
		first = cluster;
	}
	if (status)
		status = several(&l, NULL,
				 "nodes of several clusters run on this host: name one of the "
				 "right one with --socket");
	else if (!first)
		status = none(&l);
	local_fini(&l);
	return status;
}

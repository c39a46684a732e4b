/* SPDX-License-Identifier: MIT */
/* The way to the shared object. What has been opened stays open until the process ends, for OpenSSL
 * leaves functions with the C library that run at its exit. */
#include "harbor/secure/secure.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/must.h"

static struct {
	const struct secure_library *l;
	struct secure_context *context; /* NULL: connections are not encrypted */
	char kind[SECURE_ID_MAX + 16];
	bool certificates;
} S;

/* Returns 0, or -EINVAL and why the shared object cannot be had. */
static int open_library(const char *file, char **ret_error)
{
	void *object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	const struct secure_library *l = object ? dlsym(object, SECURE_SYMBOL) : NULL;

	if (!l)
		*ret_error = mem_printf("encryption needs OpenSSL: %s", dlerror());
	else if (l->interface != SECURE_INTERFACE)
		*ret_error = mem_printf("%s is of another version of harbord", file);
	else
		S.l = l;
	return S.l ? 0 : -EINVAL;
}

int secure_init(const struct secure_config *c, char **ret_error)
{
	char why[SECURE_WHY_MAX] = "";
	struct secure_context *x;

	must(c->library && (c->key_count ? c->key_count <= SECURE_KEYS_MAX : c->ca_file != NULL));
	if (!S.l && open_library(c->library, ret_error) < 0)
		return -EINVAL;
	x = S.l->context_create(c, why);
	if (!x) {
		*ret_error = mem_strdup(why);
		return -EINVAL;
	}
	if (S.context)
		S.l->context_replace(S.context, x);
	S.context = x;
	S.certificates = c->key_count == 0;
	if (c->key_count)
		snprintf(S.kind, sizeof(S.kind), "key %s", c->keys[0].id);
	else
		snprintf(S.kind, sizeof(S.kind), "certificates");
	return 0;
}

void secure_fini(void)
{
	if (S.context)
		S.l->context_destroy(S.context);
	S.context = NULL;
}

bool secure_on(void)
{
	return S.context != NULL;
}

bool secure_proves_names(void)
{
	return S.context && S.certificates;
}

const char *secure_kind(void)
{
	return S.context ? S.kind : NULL;
}

uint64_t secure_expires(void)
{
	return S.context ? S.l->expires(S.context) : 0;
}

struct secure_session *secure_create(bool connects)
{
	must(S.context);
	return S.l->session_create(S.context, connects);
}

struct secure_session *secure_destroy(struct secure_session *s)
{
	if (s)
		S.l->session_destroy(s);
	return NULL;
}

enum secure_event secure_input(struct secure_session *s, struct secure_input *io)
{
	return S.l->input(s, io);
}

bool secure_seal(void *session, struct net_plain *plain, uint8_t *out, size_t room,
		 size_t *ret_size)
{
	return S.l->seal(session, plain, out, room, ret_size);
}

void secure_end(struct secure_session *s)
{
	S.l->end(s);
}

const char *secure_why(const struct secure_session *s)
{
	return S.l->why(s);
}

bool secure_names_node(const struct secure_session *s, const char *name)
{
	return S.l->names_node(s, name);
}

bool secure_names_host(const struct secure_session *s, const char *host)
{
	return S.l->names_host(s, host);
}

bool secure_holds(const struct secure_session *s, char ret_why[SECURE_WHY_MAX])
{
	return S.l->holds(s, S.context, ret_why);
}

void secure_info(const struct secure_session *s, struct secure_info *ret)
{
	S.l->info(s, ret);
}

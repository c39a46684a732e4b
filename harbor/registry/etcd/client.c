/* SPDX-License-Identifier: MIT */
#include "harbor/registry/etcd/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/file.h"
#include "core/base/secret.h"
#include "core/base/units.h"
#include "harbor/registry/etcd/answer.h"
#include "net/tlsmemory.h"

/* A page of a registry has some 50 KB; a tree of values takes many times its text. */
#define ANSWER_MAX (UINT64_C(1) << 20)
#define TOKEN_MAX 512
#define PASSWORD_MAX 256
/* A login may take so many times as long as another question. */
#define LOGIN_PATIENCE 8

/* gRPC's codes that another server, or a new token, can cure. */
#define GRPC_DEADLINE 4
#define GRPC_UNAVAILABLE 14
#define GRPC_UNAUTHENTICATED 16

struct client {
	CURL *curl;
	const char *const *endpoints;
	const char *scheme, *user;
	unsigned at, count; /* the server that answered last */
	long try_ms;
	char password[PASSWORD_MAX];
	char token[TOKEN_MAX];
	char *body;
	size_t size, capacity;
	bool too_large;
	char error[CURL_ERROR_SIZE];
	char why[300];
};

static size_t on_body(char *p, size_t one, size_t n, void *ud)
{
	struct client *c = ud;

	(void)one;
	c->too_large = c->size + n > ANSWER_MAX;
	if (c->too_large)
		return 0; /* ends it */
	if (c->size + n + 1 > c->capacity) {
		c->capacity = (c->size + n + 1) * 2;
		c->body = secret_realloc(c->body, c->capacity);
		if (!c->body)
			mem_exhausted(c->capacity);
	}
	memcpy(c->body + c->size, p, n);
	c->size += n;
	c->body[c->size] = 0;
	return n;
}

static void set_options(struct client *c, const struct registry_config *r, struct curl_blob *key,
			uint64_t try_ns)
{
	long ms = (long)(try_ns / NS_PER_MS);

	c->try_ms = ms;
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, r->ca_file ? "https" : "http");
	curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*"); /* a lease waits for no proxy */
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, ms);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, ms / 2);
	curl_easy_setopt(c->curl, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
	if (!r->ca_file)
		return;
	curl_easy_setopt(c->curl, CURLOPT_CAINFO, r->ca_file);
	curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (r->cert_file) {
		curl_easy_setopt(c->curl, CURLOPT_SSLCERT, r->cert_file);
		curl_easy_setopt(c->curl, CURLOPT_SSLKEY_BLOB, key);
	}
}

/* The first line. */
static bool read_password(struct client *c, const char *file, char **ret_error)
{
	const char *why = "it holds no password";
	size_t size;
	char *text = file_read_secret(file, &size, &why);
	size_t n = text ? strcspn(text, "\r\n") : 0;

	if (n >= sizeof(c->password))
		why = "the password is too long";
	else
		memcpy(c->password, text ? text : "", n);
	secret_free(text);
	if (n && n < sizeof(c->password))
		return true;
	*ret_error = mem_printf("%s: %s", file, why);
	return false;
}

static bool can_read(const char *file, char **ret_error)
{
	FILE *f = file ? fopen(file, "re") : NULL;

	if (f)
		fclose(f);
	else if (file)
		*ret_error = mem_printf("%s: %s", file, strerror(errno));
	return !file || f;
}

/* curl would leave a copy of the file in the heap. */
static bool read_key(const char *file, struct curl_blob *ret, char **ret_error)
{
	const char *why;

	ret->data = file_read_secret(file, &ret->len, &why);
	if (!ret->data)
		*ret_error = mem_printf("%s: %s", file, why);
	return ret->data;
}

struct client *client_create(const struct registry_config *r, uint64_t try_ns, char **ret_error)
{
	struct client *c = secret_zalloc(1, sizeof(*c));
	struct curl_blob key = { .flags = CURL_BLOB_COPY };

	if (!c)
		mem_exhausted(sizeof(*c));
	/* what curl sends and receives holds the password and tokens */
	curl_global_init_mem(CURL_GLOBAL_DEFAULT, secret_alloc, secret_free, secret_realloc,
			     secret_strdup, secret_zalloc);
	c->curl = curl_easy_init();
	c->endpoints = r->endpoints;
	while (r->endpoints[c->count])
		c->count++;
	c->scheme = r->ca_file ? "https" : "http";
	c->user = r->user;
	if ((r->password_file && !read_password(c, r->password_file, ret_error)) ||
	    !can_read(r->ca_file, ret_error) || !can_read(r->cert_file, ret_error) ||
	    (r->key_file && !read_key(r->key_file, &key, ret_error)))
		return client_destroy(c);
	set_options(c, r, &key, try_ns);
	secret_free(key.data);
	return c;
}

struct client *client_destroy(struct client *c)
{
	if (c) {
		curl_easy_cleanup(c->curl);
		explicit_bzero(c->password, sizeof(c->password));
		secret_free(c->body);
		secret_free(c);
	}
	return NULL;
}

const char *client_why(const struct client *c)
{
	return c->why;
}

static int complain(struct client *c, const char *path, const char *why)
{
	snprintf(c->why, sizeof(c->why), "etcd %s://%s%s: %s", c->scheme, c->endpoints[c->at], path,
		 why);
	return -EIO;
}

int client_misunderstood(struct client *c, const char *path)
{
	return complain(c, path, "the answer is none of etcd's");
}

/* Returns the status of HTTP, or 0: there is no answer, and `why` says so. */
static long post(struct client *c, const char *path, const char *question)
{
	cleanup(mem_freep) char *url = mem_printf("%s://%s%s", c->scheme, c->endpoints[c->at],
						  path);
	char line[TOKEN_MAX + 32];
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	long status = 0;
	CURLcode r;

	if (c->token[0]) {
		snprintf(line, sizeof(line), "Authorization: %s", c->token);
		headers = curl_slist_append(headers, line);
	}
	/* no question before the answer of the last is whole: 100-continue would be a round more */
	headers = curl_slist_append(headers, "Expect:");
	c->size = 0;
	c->too_large = false;
	c->error[0] = 0;
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(question));
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, question);
	r = curl_easy_perform(c->curl);
	curl_slist_free_all(headers);
	if (r == CURLE_OK)
		curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	else
		(void)complain(c, path,
			       c->too_large  ? "the answer is too large"
			       : c->error[0] ? c->error
					     : curl_easy_strerror(r));
	return status;
}

/* Notes what a refusal says; returns gRPC's code. */
static int refused(struct client *c, const char *path, long status)
{
	char text[160], whole[200];
	int code;

	answer_error(c->body ? c->body : "", c->size, text, sizeof(text), &code);
	snprintf(whole, sizeof(whole), "status %ld%s%s", status, *text ? ": " : "", text);
	(void)complain(c, path, whole);
	return code;
}

/* The question that holds the password: no copy of it stays in the heap. */
static char *login_question(const struct client *c)
{
	struct json j;
	char *text;

	json_init(&j);
	/* six bytes for one is the most that JSON makes of a text: it need not grow */
	(void)text_room(&j.text, 6 * (strlen(c->user) + strlen(c->password)) + 64);
	text_cut(&j.text, 0);
	json_object(&j, NULL);
	json_string(&j, "name", c->user);
	json_string(&j, "password", c->password);
	json_object_end(&j);
	text = secret_strdup(text_string(&j.text));
	explicit_bzero(j.text.bytes, j.text.capacity);
	json_fini(&j);
	return text;
}

/* Gets a token for user and password. */
static bool log_in(struct client *c)
{
	const char *path = "/v3/auth/authenticate";
	char *question = login_question(c);
	long status;
	bool ok = false;

	c->token[0] = 0;
	/* etcd checks a password at some expense: whoever gives up early and asks again only adds
	 * to that, and a token lasts */
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, LOGIN_PATIENCE * c->try_ms);
	status = question ? post(c, path, question) : 0;
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, c->try_ms);
	secret_free(question);
	if (status == 200)
		ok = answer_token(c->body ? c->body : "", c->size, c->token, sizeof(c->token));
	if (status == 200 && !ok)
		(void)client_misunderstood(c, path);
	else if (status && status != 200)
		(void)refused(c, path, status);
	return ok;
}

enum outcome { ANSWERED, REFUSED, NEXT_SERVER };

static enum outcome attempt(struct client *c, const char *path, const char *question)
{
	for (unsigned again = 0;; again++) {
		long status;
		int code;

		if (c->user && !c->token[0] && !log_in(c))
			return NEXT_SERVER;
		status = post(c, path, question);
		if (status == 200)
			return ANSWERED;
		if (!status)
			return NEXT_SERVER;
		code = refused(c, path, status);
		if (code == GRPC_UNAUTHENTICATED && c->user && !again) {
			c->token[0] = 0; /* it was too old */
			continue;
		}
		return code == GRPC_UNAVAILABLE || code == GRPC_DEADLINE || status >= 500
			       ? NEXT_SERVER
			       : REFUSED;
	}
}

int client_ask(struct client *c, const char *path, const char *question, const char **ret_body,
	       size_t *ret_size)
{
	for (unsigned i = 0; i < c->count; i++) {
		enum outcome o = attempt(c, path, question);

		if (o == REFUSED)
			return -EIO;
		if (o == ANSWERED) {
			*ret_body = c->body ? c->body : "";
			*ret_size = c->size;
			return 0;
		}
		c->at = (c->at + 1) % c->count;
		c->token[0] = 0;
	}
	return -EIO;
}

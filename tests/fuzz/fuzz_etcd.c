/* SPDX-License-Identifier: MIT */
/* What etcd answers, or whoever stands in its place, and what others may have written into its
 * keys: any bytes. What is taken as an answer is one; a record that is read is written again and
 * read as the same. The first byte says which kind the others are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/remote.h"
#include "core/base/base.h"
#include "core/base/mem.h"
#include "harbor/registry/etcd/answer.h"
#include "harbor/registry/etcd/base64.h"
#include "harbor/registry/etcd/record.h"
#include "tests/fuzz/harbor_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void on_key(const struct etcd_key *k, void *ud)
{
	unsigned *count = ud;

	INPUT_CHECK(k->key_size > 0 && k->key[k->key_size] == 0);
	INPUT_CHECK(k->value[k->value_size] == 0);
	++*count;
}

static void check_node(const char *p, size_t n)
{
	struct registry_node a, b;

	if (!record_to_node(p, n, 7, &a))
		return;
	INPUT_CHECK(a.id == 7 && (!a.name[0] || remote_label_valid(a.name)));
	cleanup(mem_freep) char *text = record_of_node(&a);
	/* bytes that are no UTF-8 are written as something else */
	INPUT_CHECK(record_to_node(text, strlen(text), 7, &b) || strlen(a.address) > 60);
}

static void check_name(const char *p, size_t n)
{
	struct registry_change a, b;

	INPUT_CHECK(!record_to_name(p, n, "no name", &a));
	if (!record_to_name(p, n, "NAME", &a))
		return;
	INPUT_CHECK(a.is_name && a.handle >> 24 && strcmp(a.name, "NAME") == 0);
	cleanup(mem_freep) char *text = record_of_name(&a);
	INPUT_CHECK(record_to_name(text, strlen(text), "NAME", &b));
	INPUT_CHECK(a.handle == b.handle && a.fence == b.fence);
}

static void check_base64(const char *p, size_t n)
{
	size_t size;
	cleanup(mem_freep) char *text = base64_encode(p, n);
	cleanup(mem_freep) char *back = base64_decode(text, strlen(text), &size);
	cleanup(mem_freep) char *any = NULL;

	INPUT_CHECK(back && size == n && memcmp(back, p, n) == 0);
	any = base64_decode(p, n, &size);
	INPUT_CHECK(!any || (size <= n && any[size] == 0));
}

static void check_error(const char *p, size_t n)
{
	char text[64], token[32];
	int code;

	answer_error(p, n, text, sizeof(text), &code);
	INPUT_CHECK(code >= 0 && code < 100);
	for (const char *c = text; *c; c++)
		INPUT_CHECK((unsigned char)*c >= ' ');
	if (answer_token(p, n, token, sizeof(token)))
		INPUT_CHECK(*token && !strpbrk(token, "\r\n "));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	cleanup(mem_freep) char *body = n ? mem_alloc(n) : NULL; /* no byte behind it is ours */
	struct registry_leader leader;
	struct etcd_result result;
	unsigned count = 0;
	uint64_t a, b;

	if (!n--)
		return 0;
	memcpy(body, bytes + 1, n);
	switch (bytes[0] % 9) {
	case 0:
		if (answer_range(body, n, &result, on_key, &count))
			INPUT_CHECK(result.revision > 0);
		break;
	case 1:
		if (answer_txn(body, n, &result, on_key, &count))
			INPUT_CHECK(result.revision > 0);
		break;
	case 2:
		if (answer_grant(body, n, &a, &b))
			INPUT_CHECK(a && b);
		break;
	case 3:
		(void)answer_keepalive(body, n, &a);
		break;
	case 4:
		check_error(body, n);
		break;
	case 5:
		check_node(body, n);
		break;
	case 6:
		check_name(body, n);
		break;
	case 7:
		check_base64(body, n);
		break;
	default:
		if (record_to_leader(body, n, &leader))
			INPUT_CHECK(remote_label_valid(leader.name));
		(void)record_to_number(body, n, &a);
		break;
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The wire of skynet.cluster, as a stream of frames in both directions: what parses is written
 * again byte for byte, and an inbox holds no more than it says and gives out only whole
 * messages. First byte: even = requests.
 *
 * A gateway of a federation parses nothing else of what another cluster sends: frames are found in
 * the stream by their two bytes of length, and the hello and the payloads of answers, in which no
 * pointer may be, are what fuzz_seri is about. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/modules/cluster/clusterwire.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void same(const uint8_t *head, size_t head_size, const char *data, size_t size,
		 const uint8_t *frame, size_t n)
{
	check(head_size + size == n + 2);
	check(memcmp(head, frame, head_size) == 0);
	check(size == 0 || memcmp(data, frame + head_size, size) == 0);
}

static void on_request(struct cluster_inbox *in, size_t *fed, const uint8_t *frame, size_t n)
{
	struct cluster_request r;
	struct cluster_half *h;
	uint8_t head[CLUSTER_HEAD_MAX];

	if (clusterwire_parse_request(frame + 2, n, &r))
		return;
	same(head, clusterwire_write_request(head, &r), r.data, r.size, frame, n);
	if (r.kind == CLUSTER_SINGLE || r.kind == CLUSTER_TRACE)
		return;
	*fed += r.size;
	if (clusterwire_gather(in, &r, &h) == INBOX_MESSAGE) {
		check(r.kind == CLUSTER_LAST && h->session == r.session && h->got == h->total);
		for (uint32_t i = 0; i < h->got; i++)
			*(volatile char *)&h->data[i] = h->data[i]; /* all of it is there */
		clusterwire_release(in, h);
	}
	check(in->count <= CLUSTER_HALVES && in->held <= CLUSTER_HELD);
	check(in->held <= 2 * *fed + 4096 * (size_t)in->count);
}

static void on_response(const uint8_t *frame, size_t n)
{
	struct cluster_response r;
	uint8_t head[CLUSTER_HEAD_MAX];

	if (clusterwire_parse_response(frame + 2, n, &r))
		return;
	same(head, clusterwire_write_response(head, &r), r.data, r.size, frame, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cluster_inbox in = { .max = CLUSTER_HELD };
	size_t fed = 0;

	for (size_t at = 1; at + 2 <= n;) {
		size_t body = (size_t)p[at] << 8 | p[at + 1];

		if (at + 2 + body > n)
			break;
		/* a copy of its own: reading past it is found */
		uint8_t *frame = malloc(body + 2);

		memcpy(frame, p + at, body + 2);
		if (p[0] % 2 == 0)
			on_request(&in, &fed, frame, body);
		else
			on_response(frame, body);
		free(frame);
		at += 2 + body;
	}
	clusterwire_fini(&in);
	check(in.held == 0 && in.count == 0);
	return 0;
}

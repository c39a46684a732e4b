/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * HTTP/1 messages (RFC 9112), strictly: what two programs could read in two ways is refused, for
 * request smuggling lives on that. Lines end with CR LF, a field is `token ":" value` without a
 * blank before the colon, and neither holds control characters.
 *
 *   GET /path HTTP/1.1 CR LF      http_request_line, http_status_line
 *   name: value CR LF             http_field
 *   CR LF
 *   5 CR LF hello CR LF           http_chunks: pieces of any size go in, spans of data come out
 *   0 CR LF ...
 *
 * Threads:   any; nothing here is shared.
 * Ownership: spans point into the caller's bytes.
 * Limits:    HTTP_CHUNK_LINE and HTTP_CHUNK_WASTE; whoever collects the data watches its size.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_CHUNK_LINE 256u	/* bytes of a line with the size of a chunk, and its extensions */
#define HTTP_CHUNK_WASTE 65536u /* bytes of extensions in one body */

struct http_span {
	const char *at;
	size_t size;
};

struct http_request_line {
	struct http_span method, target;
	unsigned version; /* 10 * major + minor */
};

struct http_status_line {
	unsigned version, code;
	struct http_span reason;
};

struct http_field {
	struct http_span name, value; /* the value without the blanks around it */
};

/* Takes the first line from *rest, without its CR LF, which the last line may lack. false: *rest is
 * empty. A CR or LF that is no end of a line stays in the line, where what parses it refuses it. */
bool http_next_line(struct http_span *rest, struct http_span *ret);
/* false: the line is none. */
bool http_request_line(struct http_span line, struct http_request_line *ret);
bool http_status_line(struct http_span line, struct http_status_line *ret);
bool http_field(struct http_span line, struct http_field *ret);
/* Whether they may stand in a line `name: value`, and are no more than that. */
bool http_is_name(struct http_span name);
bool http_is_value(struct http_span value);
/* The value that goes on in a line which begins with a TAB. false: the line is none. */
bool http_fold(struct http_span line, struct http_span *ret);

enum http_chunks_event {
	HTTP_CHUNKS_MORE, /* all bytes are used */
	HTTP_CHUNKS_DATA, /* a span of data */
	HTTP_CHUNKS_END,  /* behind the line of the last chunk; trailers and an empty line follow */
	HTTP_CHUNKS_BAD,  /* and it stays bad */
};

/* All zero: before the first chunk. */
struct http_chunks {
	uint8_t state, digits;
	uint32_t line, waste; /* bytes of this line, and of all extensions */
	uint64_t left;	      /* bytes of this chunk */
};

/* Takes bytes from *in up to the next event. */
enum http_chunks_event http_chunks_next(struct http_chunks *c, struct http_span *in,
					struct http_span *ret_data);

/* SPDX-License-Identifier: MIT */
#include "lua/modules/http/message.h"

#include <string.h>

#define MAX_DIGITS 15 /* of the size of a chunk: 2^60 bytes */

static const char token_marks[] = "!#$%&'*+-.^_`|~";

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool is_token(unsigned char c)
{
	return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr(token_marks, c));
}

/* What may stand in a value; bytes from 0x80 on are anybody's. */
static bool is_text(unsigned char c)
{
	return c == '\t' || (c >= ' ' && c != 0x7f);
}

static bool is_visible(unsigned char c)
{
	return c > ' ' && c != 0x7f;
}

static bool all(struct http_span s, bool (*is)(unsigned char c))
{
	for (size_t i = 0; i < s.size; i++)
		if (!is((unsigned char)s.at[i]))
			return false;
	return true;
}

static void skip(struct http_span *s, size_t n)
{
	s->at += n;
	s->size -= n;
}

/* Takes what stands before the first c, and that c. false: there is none. */
static bool take_until(struct http_span *s, char c, struct http_span *ret)
{
	const char *end = s->size ? memchr(s->at, c, s->size) : NULL;

	if (!end)
		return false;
	*ret = (struct http_span){ s->at, (size_t)(end - s->at) };
	skip(s, ret->size + 1);
	return true;
}

bool http_next_line(struct http_span *rest, struct http_span *ret)
{
	const char *end;

	if (!rest->size)
		return false;
	end = memmem(rest->at, rest->size, "\r\n", 2);
	*ret = (struct http_span){ rest->at, end ? (size_t)(end - rest->at) : rest->size };
	skip(rest, ret->size + (end ? 2 : 0));
	return true;
}

/* "HTTP/1.1" is 11; 0 if it is no version. */
static unsigned version(struct http_span s)
{
	if (s.size != 8 || memcmp(s.at, "HTTP/", 5) != 0 || s.at[6] != '.' ||
	    !is_digit((unsigned char)s.at[5]) || !is_digit((unsigned char)s.at[7]))
		return 0;
	return (unsigned)(s.at[5] - '0') * 10 + (unsigned)(s.at[7] - '0');
}

bool http_request_line(struct http_span line, struct http_request_line *ret)
{
	if (!take_until(&line, ' ', &ret->method) || !take_until(&line, ' ', &ret->target))
		return false;
	ret->version = version(line);
	return ret->method.size && all(ret->method, is_token) && ret->target.size &&
	       all(ret->target, is_visible) && ret->version;
}

bool http_status_line(struct http_span line, struct http_status_line *ret)
{
	struct http_span word;

	if (!take_until(&line, ' ', &word) || !(ret->version = version(word)) || line.size < 4 ||
	    line.at[3] != ' ')
		return false;
	word = (struct http_span){ line.at, 3 };
	if (!all(word, is_digit) || word.at[0] == '0')
		return false;
	ret->code = (unsigned)(word.at[0] - '0') * 100 + (unsigned)(word.at[1] - '0') * 10 +
		    (unsigned)(word.at[2] - '0');
	skip(&line, 4);
	ret->reason = line;
	return all(line, is_text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool trimmed_text(struct http_span s, struct http_span *ret)
{
	while (s.size && is_blank(s.at[0]))
		skip(&s, 1);
	while (s.size && is_blank(s.at[s.size - 1]))
		s.size--;
	*ret = s;
	return all(s, is_text);
}

bool http_field(struct http_span line, struct http_field *ret)
{
	return take_until(&line, ':', &ret->name) && ret->name.size && all(ret->name, is_token) &&
	       trimmed_text(line, &ret->value);
}

bool http_is_name(struct http_span name)
{
	return name.size && all(name, is_token);
}

bool http_is_value(struct http_span value)
{
	for (size_t i = 0; i < value.size; i++)
		if (value.at[i] == '\r' || value.at[i] == '\n' || value.at[i] == 0)
			return false;
	return true;
}

bool http_fold(struct http_span line, struct http_span *ret)
{
	return line.size && line.at[0] == '\t' && trimmed_text(line, ret);
}

/* ---- chunks ---- */

enum state { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, END, BAD };

static int hex_value(unsigned char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum state in_size(struct http_chunks *c, unsigned char byte)
{
	int value = hex_value(byte);

	if (value >= 0) {
		c->left = c->left << 4 | (unsigned)value;
		return ++c->digits > MAX_DIGITS ? BAD : SIZE;
	}
	if (!c->digits)
		return BAD;
	return byte == '\r' ? SIZE_LF : byte == ';' || is_blank((char)byte) ? EXTENSION : BAD;
}

static enum state in_extension(struct http_chunks *c, unsigned char byte)
{
	if (byte == '\r')
		return SIZE_LF;
	return is_text(byte) && ++c->waste <= HTTP_CHUNK_WASTE ? EXTENSION : BAD;
}

/* The state behind a byte that is no data. */
static enum state step(struct http_chunks *c, unsigned char byte)
{
	if (c->state <= SIZE_LF && ++c->line > HTTP_CHUNK_LINE)
		return BAD;
	switch ((enum state)c->state) {
	case SIZE:
		return in_size(c, byte);
	case EXTENSION:
		return in_extension(c, byte);
	case SIZE_LF:
		return byte != '\n' ? BAD : c->left ? DATA : END;
	case DATA_CR:
		return byte == '\r' ? DATA_LF : BAD;
	case DATA_LF:
		c->digits = 0;
		c->line = 0;
		return byte == '\n' ? SIZE : BAD;
	default:
		return (enum state)c->state;
	}
}

static void take_data(struct http_chunks *c, struct http_span *in, struct http_span *ret)
{
	ret->at = in->at;
	ret->size = c->left < in->size ? (size_t)c->left : in->size;
	c->left -= ret->size;
	skip(in, ret->size);
	if (!c->left)
		c->state = DATA_CR;
}

enum http_chunks_event http_chunks_next(struct http_chunks *c, struct http_span *in,
					struct http_span *ret_data)
{
	while (c->state < END && in->size) {
		if (c->state == DATA) {
			take_data(c, in, ret_data);
			return HTTP_CHUNKS_DATA;
		}
		c->state = (uint8_t)step(c, (unsigned char)in->at[0]);
		skip(in, 1);
	}
	return c->state == END	 ? HTTP_CHUNKS_END
	       : c->state == BAD ? HTTP_CHUNKS_BAD
				 : HTTP_CHUNKS_MORE;
}

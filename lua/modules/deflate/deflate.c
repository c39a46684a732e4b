/* SPDX-License-Identifier: MIT */
#include "lua/modules/deflate/deflate.h"

#include <limits.h>
#include <stdalign.h>

/* zlib frees without a size, an allocator of Lua's kind wants one: it stands before the bytes. */
struct block {
	alignas(max_align_t) size_t size;
};

static void *take(void *opaque, uInt items, uInt size)
{
	struct deflate_memory *m = opaque;
	size_t n = sizeof(struct block) + (size_t)items * size;
	struct block *b = m->alloc(m->ud, NULL, 0, n);

	if (!b)
		return NULL;
	b->size = n;
	return b + 1;
}

static void give_back(void *opaque, void *p)
{
	struct deflate_memory *m = opaque;
	struct block *b = (struct block *)p - 1;

	m->alloc(m->ud, b, b->size, 0);
}

static void use_memory(z_stream *z, struct deflate_memory *m)
{
	*z = (z_stream){ .zalloc = take, .zfree = give_back, .opaque = m };
}

/* zlib compresses with no window of 2^8 bytes; its matches in one of 2^9 reach back 250 bytes at
 * most, so a window of 2^8 is enough for whoever reads them. */
static int bits_of_zlib(int bits)
{
	return bits == DEFLATE_BITS_MIN ? DEFLATE_BITS_MIN + 1 : bits;
}

bool deflater_open(struct deflater *d, struct deflate_memory memory, int bits, bool takeover,
		   int level, int memory_level)
{
	*d = (struct deflater){ .memory = memory, .takeover = takeover };
	use_memory(&d->z, &d->memory);
	d->open = deflateInit2(&d->z, level, Z_DEFLATED, -bits_of_zlib(bits), memory_level,
			       Z_DEFAULT_STRATEGY) == Z_OK;
	return d->open;
}

bool deflater_begin(struct deflater *d, const void *p, size_t n)
{
	if (!d->open || n > UINT_MAX || (d->within && d->takeover))
		return false;
	if (!d->takeover)
		deflateReset(&d->z);
	d->within = true;
	d->z.next_in = (Bytef *)p;
	d->z.avail_in = (uInt)n;
	return true;
}

enum deflate_event deflater_some(struct deflater *d, uint8_t *to, size_t room, size_t *ret_written)
{
	d->z.next_out = to;
	d->z.avail_out = room > UINT_MAX ? UINT_MAX : (uInt)room;
	deflate(&d->z, Z_SYNC_FLUSH);
	*ret_written = (size_t)(d->z.next_out - to);
	if (!d->z.avail_out)
		return DEFLATE_MORE;
	d->within = false;
	return DEFLATE_END;
}

void deflater_close(struct deflater *d)
{
	if (d->open)
		deflateEnd(&d->z);
	d->open = false;
}

bool inflater_open(struct inflater *f, struct deflate_memory memory, int bits, bool takeover)
{
	*f = (struct inflater){ .memory = memory, .takeover = takeover };
	use_memory(&f->z, &f->memory);
	f->open = inflateInit2(&f->z, -bits) == Z_OK;
	return f->open;
}

bool inflater_begin(struct inflater *f, const void *p, size_t n)
{
	if (!f->open || n > UINT_MAX || (f->within && f->takeover))
		return false;
	if (!f->takeover)
		inflateReset(&f->z);
	f->within = true;
	f->in_tail = false;
	f->z.next_in = (Bytef *)p;
	f->z.avail_in = (uInt)n;
	return true;
}

/* Whether zlib stands between two blocks, at a byte: 128 and no bits left in its hands. */
static bool is_at_end(const struct inflater *f)
{
	return (f->z.data_type & 0xff) == 128;
}

static enum deflate_event bad(int result)
{
	return result == Z_MEM_ERROR ? DEFLATE_NO_MEMORY : DEFLATE_BAD;
}

/* All input that there is was read: then come the bytes that were not sent. false: they came. */
static bool read_tail(struct inflater *f)
{
	static const Bytef tail[DEFLATE_TAIL] = { 0, 0, 0xff, 0xff };

	if (f->in_tail)
		return false;
	f->in_tail = true;
	f->z.next_in = (Bytef *)tail;
	f->z.avail_in = DEFLATE_TAIL;
	return true;
}

enum deflate_event inflater_some(struct inflater *f, uint8_t *to, size_t room, size_t *ret_written)
{
	f->z.next_out = to;
	f->z.avail_out = room > UINT_MAX ? UINT_MAX : (uInt)room;
	for (;;) {
		int r = inflate(&f->z, Z_SYNC_FLUSH);

		*ret_written = (size_t)(f->z.next_out - to);
		if (r == Z_STREAM_END)
			inflateResetKeep(&f->z); /* a last block is not the last, window stays */
		else if (r != Z_OK && r != Z_BUF_ERROR)
			return bad(r);
		if (!f->z.avail_out)
			return DEFLATE_MORE;
		if (!f->z.avail_in && !read_tail(f))
			break;
	}
	if (!is_at_end(f))
		return DEFLATE_BAD;
	f->within = false;
	return DEFLATE_END;
}

void inflater_close(struct inflater *f)
{
	if (f->open)
		inflateEnd(&f->z);
	f->open = false;
}

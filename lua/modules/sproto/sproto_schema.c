/* SPDX-License-Identifier: MIT */
/* sproto: a compiled bundle becomes tables of types and protocols.
 *
 * The bundle is itself a message, of a schema that describes schemas. It is copied, and the names
 * stay in the copy: a name lies behind its own 4-byte length, which nobody needs once it was read,
 * so a name is moved one byte to the front and gets its NUL. The bytes are walked three times: to
 * count, to fill the tables, and to connect fields with the fields of types that come later.
 *
 * Whatever the bytes are, a schema that is handed out is whole: tags ascend, every type that is
 * referred to exists, a map's key is a field of its type.
 */
#include "lua/modules/sproto/sproto.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "lua/modules/sproto/sproto_wire.h"

#define SCHEMA_MAGIC 0x53704f31u
#define TYPE_MAGIC 0x53705431u

struct sproto {
	uint32_t magic;
	atomic_bool kept;
	struct sproto *next_kept;
	uint8_t *bytes;	 /* the copy of the bundle: all names */
	uint8_t *bundle; /* as it was, NULL: not known. Constant once the schema is in a slot */
	size_t bundle_size;
	struct sproto_type *types;
	struct sproto_field *fields;	   /* of all types */
	struct sproto_protocol *protocols; /* by tag */
	uint32_t type_count, field_count, protocol_count;
};

/* What a field says about other types, until they are there. */
struct link {
	int64_t type, key; /* -1: none */
	bool map;
};

struct loader {
	struct sproto *s;
	struct link *links; /* one a field */
	uint32_t fields;    /* filled so far */
};

enum { GROUP_TYPE, GROUP_PROTOCOL };
enum { TYPE_NAME, TYPE_FIELDS };
enum {
	FIELD_NAME,
	FIELD_BUILDIN,
	FIELD_TYPE,
	FIELD_TAG,
	FIELD_ARRAY,
	FIELD_KEY,
	FIELD_MAP,
	FIELD_PARTS
};
enum {
	PROTOCOL_NAME,
	PROTOCOL_TAG,
	PROTOCOL_REQUEST,
	PROTOCOL_RESPONSE,
	PROTOCOL_CONFIRM,
	PROTOCOL_PARTS
};

/* The values of one struct by tag; those above `parts` are not looked at. A tag that is absent:
 * present[tag] is false. */
static bool read_parts(const uint8_t *p, size_t n, struct wire_value *values, bool *present,
		       unsigned parts)
{
	struct wire_reader r;
	struct wire_value v;
	int rc;

	memset(present, 0, parts * sizeof(*present));
	if (!wire_open(&r, p, n))
		return false;
	while ((rc = wire_next(&r, &v)) == 1) {
		if (v.tag >= parts)
			continue;
		values[v.tag] = v;
		present[v.tag] = true;
	}
	return rc == 0;
}

/* Elements of an array of structs; -1: cut off. */
static int64_t count_blocks(const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n, *block;
	int64_t count = 0;
	size_t size;

	for (; p < end; count++)
		if (!wire_block(&p, end, &block, &size))
			return -1;
	return count;
}

static bool take_name(uint8_t *bytes, const struct wire_value *v, const char **ret)
{
	uint8_t *to;

	if (!v->block || v->size == 0 || memchr(v->block, 0, v->size))
		return false;
	to = bytes + (v->block - bytes) - 1;
	memmove(to, v->block, v->size);
	to[v->size] = 0;
	*ret = (const char *)to;
	return true;
}

static double power_of_ten(uint32_t n)
{
	double v = 1;

	while (n--)
		v *= 10;
	return v;
}

static bool is_small(const struct wire_value *v, const bool *present, unsigned part)
{
	return present[part] && !v[part].block;
}

static bool load_field(struct loader *l, const uint8_t *p, size_t n, int64_t last_tag)
{
	struct sproto_field *f = &l->s->fields[l->fields];
	struct link *link = &l->links[l->fields];
	struct wire_value v[FIELD_PARTS];
	bool present[FIELD_PARTS];

	if (!read_parts(p, n, v, present, FIELD_PARTS))
		return false;
	for (unsigned i = FIELD_BUILDIN; i < FIELD_PARTS; i++)
		if (present[i] && v[i].block)
			return false;
	if (!present[FIELD_NAME] || !take_name(l->s->bytes, &v[FIELD_NAME], &f->name) ||
	    !present[FIELD_TAG] || v[FIELD_TAG].small <= last_tag ||
	    v[FIELD_TAG].small > SPROTO_TAG_MAX)
		return false;
	f->tag = (uint16_t)v[FIELD_TAG].small;
	f->array = present[FIELD_ARRAY] && v[FIELD_ARRAY].small;
	*link = (struct link){ -1, -1, present[FIELD_MAP] && v[FIELD_MAP].small };
	if (present[FIELD_KEY])
		link->key = v[FIELD_KEY].small;
	if (!present[FIELD_BUILDIN]) {
		f->kind = SPROTO_STRUCT;
		if (!present[FIELD_TYPE])
			return false;
		link->type = v[FIELD_TYPE].small;
	} else {
		f->kind = (uint8_t)v[FIELD_BUILDIN].small;
		if (v[FIELD_BUILDIN].small >= SPROTO_STRUCT || link->map || link->key >= 0)
			return false;
		if (present[FIELD_TYPE] && f->kind == SPROTO_INTEGER) {
			if (v[FIELD_TYPE].small > SPROTO_DECIMALS_MAX)
				return false;
			f->scale = power_of_ten(v[FIELD_TYPE].small);
		}
		f->binary = present[FIELD_TYPE] && f->kind == SPROTO_STRING && v[FIELD_TYPE].small;
	}
	l->fields++;
	return true;
}

static bool load_type(struct loader *l, struct sproto_type *t, const uint8_t *p, size_t n)
{
	const uint8_t *at, *end, *block;
	struct wire_value v[2];
	bool present[2];
	int64_t last = -1;
	size_t size;

	t->magic = TYPE_MAGIC;
	if (!read_parts(p, n, v, present, 2) || !present[TYPE_NAME] ||
	    !take_name(l->s->bytes, &v[TYPE_NAME], &t->name))
		return false;
	t->fields = l->s->fields + l->fields;
	if (!present[TYPE_FIELDS])
		return true;
	for (at = v[TYPE_FIELDS].block, end = at + v[TYPE_FIELDS].size; at < end; t->count++) {
		const struct sproto_field *f = &t->fields[t->count];

		if (!wire_block(&at, end, &block, &size) || !load_field(l, block, size, last))
			return false;
		t->fields[t->count].owner = t;
		/* a gap before the field takes an entry of its own; one that an absent field leaves
		 * takes that one's */
		t->entries_max += f->tag == last + 1 ? 1 : 2;
		last = f->tag;
	}
	return true;
}

static bool type_at(const struct sproto *s, const struct wire_value *v,
		    const struct sproto_type **ret)
{
	if (v->block || v->small >= s->type_count)
		return false;
	*ret = &s->types[v->small];
	return true;
}

static bool load_protocol(struct sproto *s, struct sproto_protocol *pr, const uint8_t *p, size_t n,
			  int64_t last_tag)
{
	struct wire_value v[PROTOCOL_PARTS];
	bool present[PROTOCOL_PARTS];

	if (!read_parts(p, n, v, present, PROTOCOL_PARTS) || !present[PROTOCOL_NAME] ||
	    !take_name(s->bytes, &v[PROTOCOL_NAME], &pr->name) ||
	    !is_small(v, present, PROTOCOL_TAG) || v[PROTOCOL_TAG].small <= last_tag ||
	    v[PROTOCOL_TAG].small > SPROTO_TAG_MAX)
		return false;
	pr->tag = (uint16_t)v[PROTOCOL_TAG].small;
	pr->confirm = is_small(v, present, PROTOCOL_CONFIRM) && v[PROTOCOL_CONFIRM].small;
	return (!present[PROTOCOL_REQUEST] || type_at(s, &v[PROTOCOL_REQUEST], &pr->request)) &&
	       (!present[PROTOCOL_RESPONSE] || type_at(s, &v[PROTOCOL_RESPONSE], &pr->response));
}

/* For bsearch: a tag, an int64_t, against what has one. */
static int compare_field(const void *tag, const void *field)
{
	int64_t a = *(const int64_t *)tag, b = ((const struct sproto_field *)field)->tag;

	return (a > b) - (a < b);
}

static int compare_protocol(const void *tag, const void *protocol)
{
	int64_t a = *(const int64_t *)tag, b = ((const struct sproto_protocol *)protocol)->tag;

	return (a > b) - (a < b);
}

static const struct sproto_field *find_field(const struct sproto_type *t, int64_t tag)
{
	return bsearch(&tag, t->fields, t->count, sizeof(*t->fields), compare_field);
}

/* All types are there: fields find theirs. */
static bool connect_fields(const struct loader *l)
{
	struct sproto *s = l->s;

	for (uint32_t i = 0; i < s->field_count; i++) {
		struct sproto_field *f = &s->fields[i];
		const struct link *link = &l->links[i];

		if (f->kind != SPROTO_STRUCT)
			continue;
		if (link->type >= s->type_count)
			return false;
		f->type = &s->types[link->type];
		if (!f->array)
			continue;
		if (link->map) {
			if (f->type->count != 2)
				return false;
			f->key = link->key < 0 ? &f->type->fields[0]
					       : find_field(f->type, link->key);
			f->value = f->key == &f->type->fields[0] ? &f->type->fields[1]
								 : &f->type->fields[0];
		} else if (link->key >= 0) {
			f->key = find_field(f->type, link->key);
		}
		if ((link->map || link->key >= 0) && !f->key)
			return false;
	}
	return true;
}

/* How many types, fields and protocols there will be. */
static bool count_all(struct sproto *s, const struct wire_value *group, const bool *present)
{
	const uint8_t *at, *end, *block;
	size_t size;
	int64_t n;

	for (unsigned i = GROUP_TYPE; i <= GROUP_PROTOCOL; i++)
		if (present[i] && !group[i].block)
			return false;
	n = present[GROUP_PROTOCOL]
		    ? count_blocks(group[GROUP_PROTOCOL].block, group[GROUP_PROTOCOL].size)
		    : 0;
	if (n < 0 || n > SPROTO_TAG_MAX + 1 || !present[GROUP_TYPE])
		return false;
	s->protocol_count = (uint32_t)n;
	for (at = group[GROUP_TYPE].block, end = at + group[GROUP_TYPE].size; at < end;
	     s->type_count++) {
		struct wire_value v[2];
		bool there[2];

		if (!wire_block(&at, end, &block, &size) || !read_parts(block, size, v, there, 2) ||
		    s->type_count > SPROTO_TAG_MAX)
			return false;
		if (!there[TYPE_FIELDS])
			continue;
		if (!v[TYPE_FIELDS].block)
			return false;
		n = count_blocks(v[TYPE_FIELDS].block, v[TYPE_FIELDS].size);
		if (n < 0)
			return false;
		s->field_count += (uint32_t)n;
	}
	return s->type_count > 0;
}

static bool load_all(struct loader *l, const struct wire_value *group, const bool *present)
{
	struct sproto *s = l->s;
	const uint8_t *at = group[GROUP_TYPE].block, *end = at + group[GROUP_TYPE].size, *block;
	int64_t last = -1;
	size_t size;

	for (uint32_t i = 0; i < s->type_count; i++)
		if (!wire_block(&at, end, &block, &size) ||
		    !load_type(l, &s->types[i], block, size))
			return false;
	if (present[GROUP_PROTOCOL])
		at = group[GROUP_PROTOCOL].block, end = at + group[GROUP_PROTOCOL].size;
	for (uint32_t i = 0; i < s->protocol_count; i++) {
		if (!wire_block(&at, end, &block, &size) ||
		    !load_protocol(s, &s->protocols[i], block, size, last))
			return false;
		last = s->protocols[i].tag;
	}
	return connect_fields(l);
}

static void schema_free(struct sproto *s)
{
	s->magic = 0;
	for (uint32_t i = 0; s->types && i < s->type_count; i++)
		s->types[i].magic = 0;
	mem_free(s->types);
	mem_free(s->fields);
	mem_free(s->protocols);
	mem_free(s->bytes);
	mem_free(s->bundle);
	mem_free(s);
}

struct sproto *sproto_load(const void *bundle, size_t n)
{
	struct sproto *s;
	struct wire_value group[2];
	struct loader l = { .fields = 0 };
	bool present[2], good;

	if (n < 2 || n > UINT32_MAX) /* so counts fit in 32 bits */
		return NULL;
	s = mem_zalloc(sizeof(*s));
	s->magic = SCHEMA_MAGIC;
	atomic_init(&s->kept, false);
	s->bytes = mem_alloc(n);
	memcpy(s->bytes, bundle, n);
	good = read_parts(s->bytes, n, group, present, 2) && count_all(s, group, present);
	if (good) {
		s->types = mem_zalloc(s->type_count * sizeof(*s->types));
		s->fields = mem_zalloc((s->field_count + (size_t)1) * sizeof(*s->fields));
		s->protocols = mem_zalloc((s->protocol_count + (size_t)1) * sizeof(*s->protocols));
		l.s = s;
		l.links = mem_zalloc((s->field_count + (size_t)1) * sizeof(*l.links));
		good = load_all(&l, group, present);
		mem_free(l.links);
	}
	if (!good)
		schema_free(steal(s));
	return s;
}

void sproto_keep(struct sproto *s)
{
	/* All that are kept, so that no checker takes them for lost. Only pushed to, never
	 * walked. */
	static _Atomic(struct sproto *) all;

	/* relaxed: who saves holds the schema; who finds it in a slot comes after the slot's
	 * release */
	if (atomic_exchange_explicit(&s->kept, true, memory_order_relaxed))
		return;
	/* relaxed: next_kept is read by nobody */
	s->next_kept = atomic_exchange_explicit(&all, s, memory_order_relaxed);
}

void sproto_free(struct sproto *s)
{
	/* relaxed: see sproto_keep */
	if (s && !atomic_load_explicit(&s->kept, memory_order_relaxed))
		schema_free(s);
}

void sproto_set_bundle(struct sproto *s, const void *bundle, size_t n)
{
	/* relaxed: see sproto_keep. Others may read it already */
	if (s->bundle || atomic_load_explicit(&s->kept, memory_order_relaxed))
		return;
	s->bundle = mem_alloc(n);
	memcpy(s->bundle, bundle, n);
	s->bundle_size = n;
}

const void *sproto_bundle(const struct sproto *s, size_t *ret_size)
{
	*ret_size = s->bundle_size;
	return s->bundle;
}

bool sproto_is_schema(const void *p)
{
	return p && ((const struct sproto *)p)->magic == SCHEMA_MAGIC;
}

bool sproto_is_type(const void *p)
{
	return p && ((const struct sproto_type *)p)->magic == TYPE_MAGIC;
}

const struct sproto_type *sproto_find_type(const struct sproto *s, const char *name)
{
	for (uint32_t i = 0; i < s->type_count; i++)
		if (strcmp(s->types[i].name, name) == 0)
			return &s->types[i];
	return NULL;
}

const struct sproto_protocol *sproto_find_name(const struct sproto *s, const char *name)
{
	for (uint32_t i = 0; i < s->protocol_count; i++)
		if (strcmp(s->protocols[i].name, name) == 0)
			return &s->protocols[i];
	return NULL;
}

/* Tags come from clients, so this one is not a walk. */
const struct sproto_protocol *sproto_find_tag(const struct sproto *s, int64_t tag)
{
	return bsearch(&tag, s->protocols, s->protocol_count, sizeof(*s->protocols),
		       compare_protocol);
}

static void dump_field(const struct sproto_field *f, FILE *out)
{
	static const char *const kinds[] = { "integer", "boolean", "string", "double" };

	fprintf(out, "\t%s (%u) %s%s", f->name, (unsigned)f->tag, f->array ? "*" : "",
		f->kind == SPROTO_STRUCT ? f->type->name
		: f->binary		 ? "binary"
					 : kinds[f->kind]);
	if (f->scale != 0)
		fprintf(out, " / %.0f", f->scale);
	if (f->value)
		fprintf(out, " [%s] = %s", f->key->name, f->value->name);
	else if (f->key)
		fprintf(out, " [%s]", f->key->name);
	fputc('\n', out);
}

void sproto_dump(const struct sproto *s, FILE *f)
{
	fprintf(f, "=== %u types ===\n", (unsigned)s->type_count);
	for (uint32_t i = 0; i < s->type_count; i++) {
		fprintf(f, "%s\n", s->types[i].name);
		for (uint32_t j = 0; j < s->types[i].count; j++)
			dump_field(&s->types[i].fields[j], f);
	}
	fprintf(f, "=== %u protocols ===\n", (unsigned)s->protocol_count);
	for (uint32_t i = 0; i < s->protocol_count; i++) {
		const struct sproto_protocol *p = &s->protocols[i];

		fprintf(f, "\t%s (%u) request:%s response:%s\n", p->name, (unsigned)p->tag,
			p->request ? p->request->name : "(none)",
			p->response  ? p->response->name
			: p->confirm ? "(nil)"
				     : "(none)");
	}
	fflush(f);
}

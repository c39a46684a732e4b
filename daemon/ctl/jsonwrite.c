/* SPDX-License-Identifier: MIT */
/* A tree as text: see jsonwrite.h. Numbers stay as they were written. */
#include "daemon/ctl/jsonwrite.h"

#include <string.h>

#include "core/base/json.h"

static void put_member(FILE *out, const struct jsonv *v);

static void put_string(FILE *out, const char *text, size_t n)
{
	struct json j;

	json_init(&j);
	json_stringn(&j, NULL, text, n);
	fputs(text_string(&j.text), out);
	json_fini(&j);
}

static void put_members(FILE *out, const struct jsonv *v, char open, char close)
{
	fputc(open, out);
	for (const struct jsonv *m = v->child; m; m = m->next) {
		put_member(out, m);
		if (m->next)
			fputc(',', out);
	}
	fputc(close, out);
}

static void put_member(FILE *out, const struct jsonv *v)
{
	if (v->key) {
		put_string(out, v->key, strlen(v->key));
		fputc(':', out);
	}
	switch (v->type) {
	case JSONV_NULL:
		fputs("null", out);
		break;
	case JSONV_FALSE:
		fputs("false", out);
		break;
	case JSONV_TRUE:
		fputs("true", out);
		break;
	case JSONV_NUMBER:
		fputs(v->text, out);
		break;
	case JSONV_STRING:
		put_string(out, v->text, v->size);
		break;
	case JSONV_ARRAY:
		put_members(out, v, '[', ']');
		break;
	case JSONV_OBJECT:
		put_members(out, v, '{', '}');
		break;
	}
}

void jsonwrite(FILE *out, const struct jsonv *v)
{
	put_member(out, v);
	fputc('\n', out);
}

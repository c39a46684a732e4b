/* SPDX-License-Identifier: MIT */
/* The picture of a profile: a tree whose root is at the bottom, each function as wide as the
 * samples in which it or what it called ran. Pointing at one shows its name and share. */
#include "daemon/ctl/flamedraw.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/mem.h"

#define WIDTH 1200.0
#define HEIGHT 17 /* of a row */
#define TOP 46
#define LETTER 6.6 /* of the font at its size */
#define LEAST 0.3  /* narrower ones are not drawn */
#define DEPTH_MAX 200

struct node {
	char *name;
	uint64_t samples;
	struct node *child, *next;
};

static struct node *child_of(struct node *n, const char *name, size_t size)
{
	struct node **at = &n->child;

	/* by name, so that the picture is the same for the same profile */
	while (*at && (strncmp((*at)->name, name, size) < 0 ||
		       (strncmp((*at)->name, name, size) == 0 && strlen((*at)->name) < size)))
		at = &(*at)->next;
	if (!*at || strncmp((*at)->name, name, size) != 0 || (*at)->name[size]) {
		struct node *c = mem_zalloc(sizeof(*c));

		c->name = mem_strndup(name, size);
		c->next = *at;
		*at = c;
	}
	return *at;
}

static void add(struct node *root, const char *stack, uint64_t samples)
{
	struct node *n = root;

	root->samples += samples;
	for (int depth = 0; *stack && depth < DEPTH_MAX; depth++) {
		size_t size = strcspn(stack, ";");

		n = child_of(n, stack, size);
		n->samples += samples;
		stack += size + (stack[size] == ';');
	}
}

static int depth_of(const struct node *n)
{
	int deepest = 0;

	for (const struct node *c = n->child; c; c = c->next) {
		int d = depth_of(c);

		deepest = d > deepest ? d : deepest;
	}
	return deepest + 1;
}

static void forget(struct node *n)
{
	while (n) {
		struct node *next = n->next;

		forget(n->child);
		mem_free(n->name);
		mem_free(n);
		n = next;
	}
}

/* XML has five characters of its own, and no control characters; whole characters of UTF-8. */
static void put(FILE *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n && s[i]; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '&')
			fputs("&amp;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else
			fputc(c < 0x20 || c >= 0x7f ? '?' : c, out);
	}
}

/* Warm colours, the same for the same name; C is cooler. */
static void put_colour(FILE *out, const char *name)
{
	uint32_t h = hash32(HASH32_START, name, strlen(name));
	bool is_c = strstr(name, " [C]") != NULL;

	fprintf(out, "rgb(%u,%u,%u)", is_c ? 150 + h % 50 : 205 + h % 50, 110 + (h >> 8) % 100,
		is_c ? 180 + (h >> 16) % 50 : (h >> 16) % 60);
}

static void draw(FILE *out, const struct node *n, double x, double per_sample, int y,
		 uint64_t total)
{
	double width = (double)n->samples * per_sample;
	size_t letters = width > 2 * LETTER ? (size_t)((width - 4) / LETTER) : 0;

	if (width < LEAST)
		return;
	fprintf(out, "<g><title>");
	put(out, n->name, strlen(n->name));
	fprintf(out, " (%llu samples, %.1f %%)</title>", (unsigned long long)n->samples,
		100 * (double)n->samples / (double)total);
	fprintf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"", x,
		y, width > 0.5 ? width - 0.3 : width, HEIGHT - 1);
	put_colour(out, n->name);
	fputs("\"/>", out);
	if (letters > 2) {
		fprintf(out, "<text x=\"%.1f\" y=\"%d\">", x + 3, y + HEIGHT - 5);
		put(out, n->name, letters);
		fputs("</text>", out);
	}
	fputs("</g>\n", out);
	for (const struct node *c = n->child; c; c = c->next) {
		draw(out, c, x, per_sample, y - HEIGHT, total);
		x += (double)c->samples * per_sample;
	}
}

static void draw_all(FILE *out, const struct node *root, const char *title)
{
	int rows = depth_of(root), height = TOP + rows * HEIGHT + 8;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%d\" "
		"viewBox=\"0 0 %.0f %d\" font-family=\"monospace\" font-size=\"11\">\n"
		"<style>g:hover rect{stroke:#000;stroke-width:1}text{pointer-events:none}</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fdf6e3\"/>\n"
		"<text x=\"10\" y=\"20\" font-size=\"15\">",
		WIDTH, height, WIDTH, height);
	put(out, title, strlen(title));
	fputs("</text>\n<text x=\"10\" y=\"36\" fill=\"#666\">width: share of the samples; "
	      "the caller is below; point at a box for its name</text>\n",
	      out);
	if (root->samples)
		draw(out, root, 10, (WIDTH - 20) / (double)root->samples, height - HEIGHT - 6,
		     root->samples);
	fputs("</svg>\n", out);
}

void flame_draw(FILE *out, const struct jsonv *profile, const char *title)
{
	struct node *root = mem_zalloc(sizeof(*root));
	const struct jsonv *stacks = jsonv_get(profile, "stacks");

	root->name = mem_strdup("all");
	for (const struct jsonv *s = stacks ? stacks->child : NULL; s; s = s->next) {
		const char *stack = jsonv_text(s, "stack", NULL);
		const char *samples = jsonv_text(s, "samples", NULL);

		if (stack && samples)
			add(root, stack, strtoull(samples, NULL, 10));
	}
	draw_all(out, root, title);
	forget(root);
}

/* SPDX-License-Identifier: MIT */
/* Calls of C: see backtrace.h. The unwinder of libgcc neither allocates nor locks since it finds
 * its tables by _dl_find_object (glibc 2.35). dladdr takes the lock of the dynamic linker, which a
 * thread that crashes may hold: so the table of symbols is read here. */
#include "core/base/backtrace.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>
#include <unwind.h>

#include "core/base/base.h"

/* The distance of two frames; a thread's stack is not larger by default. */
#define FRAME_MAX ((uintptr_t)8 << 20)

struct regs {
	uintptr_t pc, frame, stack;
};

static struct regs regs_of(const void *context)
{
	const ucontext_t *u = context;

#if defined(__x86_64__)
	return (struct regs){ (uintptr_t)u->uc_mcontext.gregs[REG_RIP],
			      (uintptr_t)u->uc_mcontext.gregs[REG_RBP],
			      (uintptr_t)u->uc_mcontext.gregs[REG_RSP] };
#elif defined(__aarch64__)
	return (struct regs){ u->uc_mcontext.pc, u->uc_mcontext.regs[29], u->uc_mcontext.sp };
#else
	(void)u;
	return (struct regs){ 0, 0, 0 };
#endif
}

uintptr_t backtrace_place(const void *context)
{
	return regs_of(context).pc;
}

#if defined(__SANITIZE_ADDRESS__)
__attribute__((no_sanitize("address")))
#endif
static unsigned
walk(uintptr_t frame, uintptr_t stack, uintptr_t *ret, unsigned n)
{
	while (n < BACKTRACE_MAX && frame > stack && frame - stack < FRAME_MAX &&
	       frame % sizeof(void *) == 0) {
		const uintptr_t *f = (const uintptr_t *)frame;

		if (!f[1])
			break;
		ret[n++] = f[1];
		stack = frame;
		frame = f[0];
	}
	return n;
}

static const struct link_map *find_map(uintptr_t pc)
{
	struct dl_find_object o;

	return _dl_find_object((void *)pc, &o) == 0 ? o.dlfo_link_map : NULL;
}

struct unwinding {
	uintptr_t *ret, from; /* from: what comes before is the handler's; 0: nothing is */
	unsigned n;
};

static _Unwind_Reason_Code see(struct _Unwind_Context *c, void *ud)
{
	struct unwinding *u = ud;
	uintptr_t pc = (uintptr_t)_Unwind_GetIP(c);

	if (u->from && pc != u->from)
		return _URC_NO_REASON;
	u->from = 0;
	if (u->n == BACKTRACE_MAX)
		return _URC_END_OF_STACK;
	u->ret[u->n++] = pc;
	return _URC_NO_REASON;
}

noinline unsigned backtrace_read(const void *context, uintptr_t ret[BACKTRACE_MAX])
{
	struct unwinding u = { .ret = ret, .from = context ? regs_of(context).pc : 0 };
	struct regs r;

	if (!context || find_map(u.from))
		(void)_Unwind_Backtrace(see, &u);
	if (u.n > 1 || !context)
		return u.n;
	/* A call of what is no code: it has left where it came from on the stack. */
	r = regs_of(context);
	ret[0] = r.pc;
#if defined(__x86_64__)
	ret[1] = *(const uintptr_t *)r.stack;
	return walk(r.frame, r.stack - 1, ret, 2);
#else
	return walk(r.frame, r.stack - 1, ret, 1);
#endif
}

/* ---- for people ---- */

struct symbols {
	const ElfW(Sym) * table;
	const char *names;
	size_t count;
};

/* The number of symbols, which only the hash table knows: the last chain of the last bucket. */
static size_t count_of(const uint32_t *hash)
{
	uint32_t buckets = hash[0], first = hash[1], bloom = hash[2], last = 0;
	const uint32_t *bucket = hash + 4 + bloom * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = bucket + buckets;

	for (uint32_t i = 0; i < buckets; i++)
		last = bucket[i] > last ? bucket[i] : last;
	if (last < first)
		return 0;
	while (!(chain[last - first] & 1))
		last++;
	return last + 1;
}

static bool find_symbols(const struct link_map *m, struct symbols *ret)
{
	const uint32_t *hash = NULL;

	*ret = (struct symbols){ 0 };
	for (const ElfW(Dyn) *d = m->l_ld; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			ret->table = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_STRTAB)
			ret->names = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_GNU_HASH)
			hash = (const void *)d->d_un.d_ptr;
	}
	if (!ret->table || !ret->names || !hash)
		return false;
	ret->count = count_of(hash);
	return true;
}

static void write_symbol(struct rawtext *t, const struct link_map *m, uintptr_t offset)
{
	struct symbols s;

	if (!find_symbols(m, &s))
		return;
	for (size_t i = 0; i < s.count; i++) {
		const ElfW(Sym) *y = &s.table[i];

		if (!y->st_value || offset < y->st_value || offset >= y->st_value + y->st_size)
			continue;
		raw_puts(t, " ");
		raw_puts(t, s.names + y->st_name);
		raw_puts(t, "+0x");
		raw_hex(t, offset - y->st_value, 1);
		return;
	}
}

void backtrace_write(struct rawtext *t, uintptr_t pc)
{
	const struct link_map *m = find_map(pc);

	raw_puts(t, "0x");
	raw_hex(t, pc, 12);
	if (!m)
		return;
	raw_puts(t, " ");
	raw_puts(t, m->l_name && *m->l_name ? m->l_name : "harbord");
	raw_puts(t, "+0x");
	raw_hex(t, pc - m->l_addr, 1);
	write_symbol(t, m, pc - m->l_addr);
}

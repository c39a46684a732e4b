/* SPDX-License-Identifier: MIT */
/* The id is a note in a segment of the program, which the loader has mapped. */
#include "daemon/state/buildid.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ALIGN4(n) (((size_t)(n) + 3) & ~(size_t)3)

/* Looks through the notes of a segment. Returns whether the id was among them. */
static bool read_notes(const char *at, size_t size, char ret[BUILDID_MAX])
{
	ElfW(Nhdr) head;

	while (size >= sizeof(head)) {
		const char *name = at + sizeof(head);
		const unsigned char *id;
		size_t whole;

		memcpy(&head, at, sizeof(head));
		whole = sizeof(head) + ALIGN4(head.n_namesz) + ALIGN4(head.n_descsz);
		if (whole > size)
			return false;
		id = (const unsigned char *)name + ALIGN4(head.n_namesz);
		if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    memcmp(name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0) {
			for (size_t i = 0; i < head.n_descsz && 2 * i + 2 < BUILDID_MAX; i++)
				sprintf(ret + 2 * i, "%02x", id[i]);
			return true;
		}
		at += whole;
		size -= whole;
	}
	return false;
}

/* The first object is the program itself. */
static int look(struct dl_phdr_info *info, size_t size, void *ud)
{
	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_NOTE &&
		    read_notes((const char *)(uintptr_t)(info->dlpi_addr + p->p_vaddr), p->p_memsz,
			       ud))
			break;
	}
	return 1;
}

const char *buildid_get(char ret[BUILDID_MAX])
{
	ret[0] = 0;
	(void)dl_iterate_phdr(look, ret);
	return ret;
}

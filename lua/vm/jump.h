/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How the VM leaves C for an error or a yield: included in front of each of its files.
 *
 * The compiler's own jump is three instructions where glibc's is a hundred: the latter encrypts the
 * registers that it saves, and looks for clean-up handlers of threads that are cancelled, which
 * nothing here has. Each call of a service saves twice and jumps once.
 *
 * Sanitizers follow glibc's alone, and elsewhere nobody has measured.
 */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
typedef void *luai_jump_place[5]; /* as __builtin_setjmp wants it */
#define luai_jmpbuf luai_jump_place
#define LUAI_THROW(L, c) __builtin_longjmp((c)->b, 1)
#define LUAI_TRY(L, c, a)                            \
	{                                            \
		if (__builtin_setjmp((c)->b) == 0) { \
			a                            \
		}                                    \
	}
#endif

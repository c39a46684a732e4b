/* SPDX-License-Identifier: MIT */
/* Walks a corpus folder and feeds every file to the fuzz target, so that `make check` replays
 * what the fuzzer once found, with any compiler and any sanitizer. usage: replay_NAME FOLDER */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int main(int argc, char **argv)
{
	DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
	unsigned files = 0;

	if (!d) {
		fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
		return 1;
	}
	for (struct dirent *e; (e = readdir(d));) {
		char path[4096];
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		f = fopen(path, "rb");
		if (!f) {
			perror(path);
			return 1;
		}
		uint8_t *p = malloc(1 << 20);
		size_t n = fread(p, 1, 1 << 20, f);

		fclose(f);
		/* exact size, so that a read past the end is seen */
		p = realloc(p, n ? n : 1);
		LLVMFuzzerTestOneInput(p, n);
		free(p);
		files++;
	}
	closedir(d);
	if (!files) {
		printf("not ok 1 - corpus %s is empty\n", argv[1]);
		return 1;
	}
	printf("ok 1 - %u inputs of %s\n", files, argv[1]);
	return 0;
}

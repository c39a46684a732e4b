/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The command line of harbord. Pure: no file is touched; messages go to the given stream.
 */
#include <stdio.h>

enum options_action {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_RESTORE,
	OPTIONS_REPLAY,
	OPTIONS_VERSION,
	OPTIONS_HELP,
	OPTIONS_HELP_CONFIG,
};

struct options {
	enum options_action action;
	const char *config;    /* of argv; NULL: of the instance */
	const char *instance;  /* of argv */
	const char *node;      /* of argv; NULL: what the configuration says */
	const char *recording; /* of argv: OPTIONS_REPLAY */
	const char *backup;    /* of argv: OPTIONS_RESTORE */
};

/* 0, or EX_USAGE after one or two lines on err. */
int options_parse(int argc, char **argv, FILE *err, struct options *ret_options);
void options_help(FILE *out);

/* SPDX-License-Identifier: MIT */
/* Command line by getopt_long. A configuration is named once: as the operand or by --config. */
#include <stddef.h>
#include <sysexits.h>

#include "core/base/base.h"
#include "core/base/usage.h"
#include "daemon/node/options.h"

enum { OPTION_CHECK = USAGE_NO_LETTER, OPTION_HELP_CONFIG, OPTION_REPLAY, OPTION_RESTORE };

static const struct usage_option options[] = {
#define OPTION(letter, name, argument, help) { letter, name, argument, help },
#include "daemon/node/options.def"
};

void options_help(FILE *out)
{
	fputs("usage: harbord [OPTION]... CONFIG\n"
	      "       harbord [OPTION]... --instance NAME\n"
	      "Runs one node of a harbor cluster in the foreground.\n"
	      "\n",
	      out);
	usage_print(out, options, array_len(options));
	fputs("\n"
	      "SIGTERM and SIGINT stop the node, a second one at once. SIGHUP reads the "
	      "configuration and\n"
	      "the cluster's keys again, and reopens the files of the log.\n"
	      "Exit status: 0 asked to stop, or every service has ended, 64 wrong command line,\n"
	      "69 a needed thing is not to be had (port in use, master refuses the node),\n"
	      "70 the start service failed, 71 the system refused something, 77 no permission,\n"
	      "78 wrong configuration.\n",
	      out);
}

static int usage(FILE *err, const char *text, const char *what)
{
	fprintf(err, "harbord: %s%s%s\n", text, what ? ": " : "", what ? what : "");
	fputs("Try 'harbord --help'.\n", err);
	return EX_USAGE;
}

int options_parse(int argc, char **argv, FILE *err, struct options *ret_options)
{
	struct options o = { .action = OPTIONS_RUN };
	struct usage_getopt g;
	int c;

	usage_getopt(&g, ":", options, array_len(options));
	opterr = 0; /* the messages are ours */
	optind = 0; /* glibc: start from the beginning, whoever called getopt before */
	while ((c = getopt_long(argc, argv, g.shorts, g.longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			if (o.config)
				return usage(err, "more than one configuration", optarg);
			o.config = optarg;
			break;
		case 'i':
			o.instance = optarg;
			break;
		case 'n':
			o.node = optarg;
			break;
		case OPTION_CHECK:
			if (o.action == OPTIONS_RUN)
				o.action = OPTIONS_CHECK;
			break;
		case OPTION_RESTORE:
			o.action = OPTIONS_RESTORE;
			o.backup = optarg;
			break;
		case OPTION_REPLAY:
			o.action = OPTIONS_REPLAY;
			o.recording = optarg;
			break;
		case 'V':
			o.action = OPTIONS_VERSION;
			break;
		case 'h':
			o.action = OPTIONS_HELP;
			break;
		case OPTION_HELP_CONFIG:
			o.action = OPTIONS_HELP_CONFIG;
			break;
		case ':':
			return usage(err, "option needs a value", argv[optind - 1]);
		default:
			return usage(err, "unknown option", argv[optind - 1]);
		}
	}
	if (optind < argc && !o.config && !o.instance)
		o.config = argv[optind++];
	if (optind < argc)
		return usage(err, "unexpected operand", argv[optind]);
	if (o.node && !*o.node)
		return usage(err, "--node: the name is empty", NULL);
	if (o.config && o.instance)
		return usage(err, "--instance names the configuration already", o.config);
	if (!o.config && !o.instance &&
	    (o.action == OPTIONS_RUN || o.action == OPTIONS_CHECK || o.action == OPTIONS_RESTORE ||
	     o.action == OPTIONS_REPLAY))
		return usage(err, "no configuration given", NULL);
	*ret_options = o;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Command line by getopt_long. A configuration is named once: as the operand or by --config. */
#include <getopt.h>
#include <stddef.h>
#include <sysexits.h>

#include "daemon/node/options.h"

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "node", required_argument, NULL, 'n' },
	{ "check", no_argument, NULL, 'C' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ "help-config", no_argument, NULL, 'H' },
	{ 0 },
};

void options_help(FILE *out)
{
	fputs("usage: harbord [OPTION]... CONFIG\n"
	      "Runs one node of a harbor cluster in the foreground.\n"
	      "\n"
	      "  -c, --config FILE  the configuration, instead of the operand\n"
	      "  -n, --node NAME    name of this node, instead of node.name in the configuration\n"
	      "      --check        tell every error in the configuration and exit\n"
	      "  -V, --version      print the version and exit\n"
	      "  -h, --help         print this and exit\n"
	      "      --help-config  print every key of the configuration and exit\n"
	      "\n"
	      "SIGTERM and SIGINT stop the node, a second one at once; SIGHUP reopens the log file.\n"
	      "Exit status: 0 asked to stop, 64 wrong command line, 69 a needed thing is not to be had\n"
	      "(port in use, master refuses the node), 70 the start service failed, 77 no permission,\n"
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
	int c;

	opterr = 0; /* the messages are ours */
	optind = 0; /* glibc: start from the beginning, whoever called getopt before */
	while ((c = getopt_long(argc, argv, ":c:n:Vh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			if (o.config)
				return usage(err, "more than one configuration", optarg);
			o.config = optarg;
			break;
		case 'n':
			o.node = optarg;
			break;
		case 'C':
			if (o.action == OPTIONS_RUN)
				o.action = OPTIONS_CHECK;
			break;
		case 'V':
			o.action = OPTIONS_VERSION;
			break;
		case 'h':
			o.action = OPTIONS_HELP;
			break;
		case 'H':
			o.action = OPTIONS_HELP_CONFIG;
			break;
		case ':':
			return usage(err, "option needs a value", argv[optind - 1]);
		default:
			return usage(err, "unknown option", argv[optind - 1]);
		}
	}
	if (optind < argc && !o.config)
		o.config = argv[optind++];
	if (optind < argc)
		return usage(err, "unexpected operand", argv[optind]);
	if (o.node && !*o.node)
		return usage(err, "--node: the name is empty", NULL);
	if (!o.config && (o.action == OPTIONS_RUN || o.action == OPTIONS_CHECK))
		return usage(err, "no configuration given", NULL);
	*ret_options = o;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * A bad network between network namespaces: a TUN device in each of them, and this process, to
 * which a route sends the packets of a pair that shall suffer (network.py). It delays, loses,
 * doubles and reorders IP packets, and lets no more through than a narrow line does, in each
 * direction of each pair as it was told, by a seed.
 *
 * usage: relay SEED NUMBER=NAMESPACE...
 *
 * The node NUMBER has an IPv4 address that ends in that number; its device is called `relay`.
 * Commands come as lines of standard input, each is answered by a line:
 *
 *   path FROM TO DELAY_US JITTER_US LOST REORDERED DOUBLED KBIT    -> ok
 *   counts                                          -> packets lost reordered doubled refused
 *
 * LOST, REORDERED and DOUBLED are of a thousand packets, KBIT is kilobits a second, 0 is no bound.
 * It ends with its standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define NODES 256 /* by the last byte of an address */
#define PACKET_MAX 65536
#define WAITING_MAX (1 << 18)
#define BURST 64	   /* packets of one device before the next one's turn */
#define LATE_NS 20000000ul /* a reordered packet comes at most so much later */
/* What waits for a narrow line: more is refused, as the buffer of a router does. */
#define LINE_QUEUE (256 << 10)

struct path {
	uint64_t delay, jitter; /* ns */
	unsigned lost, reordered, doubled;
	uint64_t ns_per_byte; /* 0: no bound */
	uint64_t line_free;   /* when the line has sent all that was put on it */
	uint64_t last_due;    /* of a packet that keeps its place */
};

struct packet {
	uint64_t due, number; /* number: of those that are due at once, the first comes first */
	unsigned to;
	size_t n;
	uint8_t bytes[];
};

static struct path paths[NODES][NODES];
static int device[NODES];
static struct packet *heap[WAITING_MAX];
static size_t waiting;
static uint64_t state, numbers;
static struct {
	uint64_t packets, lost, reordered, doubled, refused;
} counts;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t chance(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (state >> 11) % n : 0;
}

static void die(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- packets that wait, the first due one at the top ---- */

static bool before(const struct packet *a, const struct packet *b)
{
	return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void put(struct packet *p)
{
	size_t i = waiting++;

	for (; i > 0 && before(p, heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = p;
}

static struct packet *take(void)
{
	struct packet *first = heap[0], *last = heap[--waiting];
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < waiting; i = child) {
		if (child + 1 < waiting && before(heap[child + 1], heap[child]))
			child++;
		if (!before(heap[child], last))
			break;
		heap[i] = heap[child];
	}
	heap[i] = last;
	return first;
}

/* ---- what becomes of a packet ---- */

static void hold(unsigned to, uint64_t due, const uint8_t *bytes, size_t n)
{
	struct packet *p;

	if (waiting == WAITING_MAX) {
		counts.refused++;
		return;
	}
	p = malloc(sizeof(*p) + n);
	if (!p)
		die("memory");
	*p = (struct packet){ .due = due, .number = numbers++, .to = to, .n = n };
	memcpy(p->bytes, bytes, n);
	put(p);
}

static uint64_t due_of(struct path *path, uint64_t now, size_t n)
{
	uint64_t due = now;

	if (path->ns_per_byte) {
		if (path->line_free < now)
			path->line_free = now;
		path->line_free += n * path->ns_per_byte;
		due = path->line_free;
	}
	due += path->delay + chance(path->jitter);
	if (chance(1000) < path->reordered) {
		counts.reordered++;
		return due + chance(LATE_NS);
	}
	if (due < path->last_due)
		due = path->last_due;
	path->last_due = due;
	return due;
}

static void arrived(const uint8_t *bytes, size_t n, uint64_t now)
{
	struct path *path;
	unsigned to;

	if (n < 20 || bytes[0] >> 4 != 4)
		return; /* IPv6 looks for its neighbours on every device */
	to = bytes[19];
	path = &paths[bytes[15]][to];
	counts.packets++;
	if (chance(1000) < path->lost) {
		counts.lost++;
		return;
	}
	if (path->ns_per_byte && path->line_free > now + LINE_QUEUE * path->ns_per_byte) {
		counts.refused++;
		return;
	}
	hold(to, due_of(path, now, n), bytes, n);
	if (chance(1000) < path->doubled) {
		counts.doubled++;
		hold(to, due_of(path, now, n), bytes, n);
	}
}

static void read_device(int fd)
{
	static uint8_t bytes[PACKET_MAX];

	for (unsigned i = 0; i < BURST; i++) {
		ssize_t n = read(fd, bytes, sizeof(bytes));

		if (n <= 0)
			return;
		arrived(bytes, (size_t)n, now_ns());
	}
}

static void send_due(void)
{
	while (waiting && heap[0]->due <= now_ns()) {
		struct packet *p = take();

		/* A packet for nobody, or for a device that is down, is lost, as in any network. */
		if (device[p->to] < 0 || write(device[p->to], p->bytes, p->n) < 0)
			counts.lost++;
		free(p);
	}
}

/* ---- commands ---- */

static void command(const char *line)
{
	unsigned from, to, lost, reordered, doubled;
	uint64_t delay, jitter, kbit;
	struct path *p;

	if (strcmp(line, "counts") == 0) {
		printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		       counts.packets, counts.lost, counts.reordered, counts.doubled,
		       counts.refused);
	} else if (sscanf(line, "path %u %u %" SCNu64 " %" SCNu64 " %u %u %u %" SCNu64, &from, &to,
			  &delay, &jitter, &lost, &reordered, &doubled, &kbit) == 8 &&
		   from < NODES && to < NODES) {
		p = &paths[from][to];
		p->delay = delay * 1000;
		p->jitter = jitter * 1000;
		p->lost = lost;
		p->reordered = reordered;
		p->doubled = doubled;
		p->ns_per_byte = kbit ? 8000000 / kbit : 0;
		p->line_free = p->last_due = 0;
		printf("ok\n");
	} else {
		printf("not a command: %s\n", line);
	}
	fflush(stdout);
}

static void read_commands(void)
{
	static char text[4096];
	static size_t used;
	ssize_t n = read(0, text + used, sizeof(text) - 1 - used);
	char *begin = text, *end;

	if (n <= 0)
		exit(0);
	used += (size_t)n;
	text[used] = '\0';
	for (; (end = strchr(begin, '\n')); begin = end + 1) {
		*end = '\0';
		command(begin);
	}
	used = strlen(begin);
	memmove(text, begin, used + 1);
	if (used == sizeof(text) - 1)
		exit(1);
}

/* ---- set-up and loop ---- */

/* The device stays in the namespace in which it was made; this process goes on to the next. */
static int make_device(const char *namespace)
{
	struct ifreq r = { .ifr_name = "relay", .ifr_flags = IFF_TUN | IFF_NO_PI };
	char path[256];
	int space, fd;

	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	space = open(path, O_RDONLY | O_CLOEXEC);
	if (space < 0 || setns(space, CLONE_NEWNET) != 0)
		die(path);
	close(space);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0)
		die("/dev/net/tun");
	return fd;
}

static void wait_for_work(struct pollfd *fds, nfds_t n)
{
	uint64_t now = now_ns(), wait = 1000000000;
	struct timespec ts;

	if (waiting)
		wait = heap[0]->due > now ? heap[0]->due - now : 0;
	ts = (struct timespec){ .tv_sec = (time_t)(wait / 1000000000),
				.tv_nsec = (long)(wait % 1000000000) };
	if (ppoll(fds, n, &ts, NULL) < 0 && errno != EINTR)
		die("poll");
}

int main(int argc, char **argv)
{
	struct pollfd fds[NODES + 1] = { { .fd = 0, .events = POLLIN } };
	nfds_t n = 1;

	if (argc < 2) {
		fprintf(stderr, "usage: relay SEED NUMBER=NAMESPACE...\n");
		return 64;
	}
	state = strtoull(argv[1], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (unsigned i = 0; i < NODES; i++)
		device[i] = -1;
	for (int i = 2; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');
		unsigned number = (unsigned)atoi(argv[i]) % NODES;

		device[number] = make_device(equals ? equals + 1 : "");
		fds[n++] = (struct pollfd){ .fd = device[number], .events = POLLIN };
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		wait_for_work(fds, n);
		if (fds[0].revents)
			read_commands();
		for (nfds_t i = 1; i < n; i++)
			if (fds[i].revents)
				read_device(fds[i].fd);
		send_due();
	}
}

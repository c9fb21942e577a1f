// SPDX-License-Identifier: Apache-2.0
// Joins two network namespaces by TUN devices and forwards between them with delay and loss.
//
// tunlink NETNS_A NETNS_B; prints "ok" when both devices (named "fb0") exist. Then every line
// "DIRECTION DELAY_US LOSS_PPM" (0: A to B, 1: B to A) on standard input changes a direction and
// is answered by "ok". Ends with its standard input. Packets of a direction never overtake.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 4096, PACKET_BYTES = 2048 };

struct slot {
	uint64_t due_ns;
	uint16_t len;
	unsigned char data[PACKET_BYTES];
};

// One direction: packets wait in a ring in the order they came.
struct direction {
	int from, to;
	uint64_t delay_ns, last_due_ns;
	uint32_t loss_ppm, random;
	unsigned head, count;
	struct slot *ring;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what, const char *object)
{
	fprintf(stderr, "tunlink: %s %s: %s\n", what, object, strerror(errno));
	exit(1);
}

static int open_tun(const char *netns)
{
	int ns = open(netns, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		die("enter", netns);
	close(ns);
	int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tun < 0)
		die("open", "/dev/net/tun");
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	strcpy(request.ifr_name, "fb0");
	if (ioctl(tun, TUNSETIFF, &request))
		die("TUNSETIFF in", netns);
	return tun;
}

// Xorshift; the seed is fixed so that runs repeat.
static int lost(struct direction *d)
{
	d->random ^= d->random << 13;
	d->random ^= d->random >> 17;
	d->random ^= d->random << 5;
	return d->random % 1000000 < d->loss_ppm;
}

static void take(struct direction *d)
{
	while (d->count < SLOTS) {
		struct slot *s = &d->ring[(d->head + d->count) % SLOTS];
		ssize_t len = read(d->from, s->data, sizeof(s->data));
		if (len <= 0)
			return;
		if (lost(d))
			continue;
		uint64_t due = now_ns() + d->delay_ns;
		s->due_ns = d->last_due_ns = due > d->last_due_ns ? due : d->last_due_ns;
		s->len = len;
		d->count++;
	}
}

static void give(struct direction *d, uint64_t now)
{
	while (d->count && d->ring[d->head].due_ns <= now) {
		struct slot *s = &d->ring[d->head];
		if (write(d->to, s->data, s->len) < 0 && errno == EAGAIN)
			return;
		d->head = (d->head + 1) % SLOTS;
		d->count--;
	}
}

static int command(struct direction *both)
{
	char line[128];
	size_t len = 0;
	while (len < sizeof(line) - 1) {
		if (read(0, line + len, 1) != 1)
			return 0;
		if (line[len++] == '\n')
			break;
	}
	line[len] = 0;
	unsigned which, ppm;
	unsigned long long delay_us;
	if (sscanf(line, "%u %llu %u", &which, &delay_us, &ppm) != 3 || which > 1) {
		fprintf(stderr, "tunlink: not understood: %s", line);
		return 0;
	}
	both[which].delay_ns = delay_us * 1000;
	both[which].loss_ppm = ppm;
	return puts("ok") >= 0;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: tunlink NETNS_A NETNS_B\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_TIMERSLACK, 1);
	int a = open_tun(argv[1]), b = open_tun(argv[2]);
	struct direction both[2] = {
		{ .from = a, .to = b, .random = 2463534242u },
		{ .from = b, .to = a, .random = 88675123u },
	};
	for (int n = 0; n < 2; n++)
		if (!(both[n].ring = malloc(SLOTS * sizeof(struct slot))))
			die("allocate", "ring");
	puts("ok");
	for (;;) {
		uint64_t now = now_ns(), next = UINT64_MAX;
		for (int n = 0; n < 2; n++) {
			take(&both[n]);
			give(&both[n], now_ns());
			if (both[n].count && both[n].ring[both[n].head].due_ns < next)
				next = both[n].ring[both[n].head].due_ns;
		}
		now = now_ns();
		uint64_t wait = next > now ? next - now : 0;
		struct timespec timeout = { wait / 1000000000, wait % 1000000000 };
		struct pollfd fds[3] = { { a, POLLIN, 0 }, { b, POLLIN, 0 }, { 0, POLLIN, 0 } };
		if (ppoll(fds, 3, next == UINT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
			die("poll", "devices");
		if (fds[2].revents && !command(both))
			return 0;
	}
}

// SPDX-License-Identifier: Apache-2.0
// A keep-alive HTTP client whose every send and receive goes through io_uring.
//
// uring_client ADDRESS PORT COUNT SEND RECEIVE PREFIX [sqpoll|async]
//   SEND: send write writev sendmsg send_zc · RECEIVE: recv read readv recvmsg recv_multi
// Sends COUNT times GET /rig/PREFIX<n>, one after another, and prints one JSON line for each in
// the format of `rig client`. No kernel stamps: an arrival is only known by its completion.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ENTRIES = 8, BUFFER_BYTES = 65536, GROUP = 7, BUFFERS = 8 };

struct ring {
	int fd, sqpoll, async;
	unsigned *sq_tail, *sq_mask, *sq_array, *sq_flags;
	unsigned *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static char provided[BUFFERS][BUFFER_BYTES];

static void die(const char *what)
{
	fprintf(stderr, "uring_client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned long long now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void setup(struct ring *r)
{
	struct io_uring_params p = { .flags = r->sqpoll ? IORING_SETUP_SQPOLL : 0, .sq_thread_idle = 2000 };
	r->fd = syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (r->fd < 0)
		die("io_uring_setup");
	size_t sq_bytes = p.sq_off.array + p.sq_entries * sizeof(unsigned);
	size_t cq_bytes = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
	char *sq = mmap(0, sq_bytes, prot, flags, r->fd, IORING_OFF_SQ_RING);
	char *cq = mmap(0, cq_bytes, prot, flags, r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(0, p.sq_entries * sizeof(struct io_uring_sqe), prot, flags, r->fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || (void *)r->sqes == MAP_FAILED)
		die("map the rings");
	r->sq_tail = (unsigned *)(sq + p.sq_off.tail);
	r->sq_mask = (unsigned *)(sq + p.sq_off.ring_mask);
	r->sq_array = (unsigned *)(sq + p.sq_off.array);
	r->sq_flags = (unsigned *)(sq + p.sq_off.flags);
	r->cq_head = (unsigned *)(cq + p.cq_off.head);
	r->cq_tail = (unsigned *)(cq + p.cq_off.tail);
	r->cq_mask = (unsigned *)(cq + p.cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
}

static void submit(struct ring *r, const struct io_uring_sqe *sqe)
{
	unsigned tail = *r->sq_tail, index = tail & *r->sq_mask;
	r->sqes[index] = *sqe;
	if (r->async)
		r->sqes[index].flags |= IOSQE_ASYNC;
	r->sq_array[index] = index;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_SEQ_CST);
	if (!r->sqpoll) {
		if (syscall(SYS_io_uring_enter, r->fd, 1, 0, 0, NULL, 0) != 1)
			die("submit");
	} else if (__atomic_load_n(r->sq_flags, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP) {
		syscall(SYS_io_uring_enter, r->fd, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
	}
}

static struct io_uring_cqe complete(struct ring *r)
{
	while (*r->cq_head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE))
		if (syscall(SYS_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0 && errno != EINTR)
			die("wait");
	struct io_uring_cqe cqe = r->cqes[*r->cq_head & *r->cq_mask];
	__atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
	return cqe;
}

static void check(struct io_uring_cqe cqe, const char *what)
{
	if (cqe.res < 0) {
		errno = -cqe.res;
		die(what);
	}
}

static void provide(struct ring *r, int first, int count)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_PROVIDE_BUFFERS, .fd = count, .addr = (uintptr_t)provided[first],
		.len = BUFFER_BYTES, .off = first, .buf_group = GROUP };
	submit(r, &sqe);
	check(complete(r), "provide buffers");
}

static void transmit(struct ring *r, int sock, const char *op, char *data, size_t len)
{
	struct iovec iov = { data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct io_uring_sqe sqe = { .fd = sock, .addr = (uintptr_t)data, .len = len };
	if (!strcmp(op, "send"))
		sqe.opcode = IORING_OP_SEND;
	else if (!strcmp(op, "send_zc"))
		sqe.opcode = IORING_OP_SEND_ZC;
	else if (!strcmp(op, "write"))
		sqe.opcode = IORING_OP_WRITE;
	else if (!strcmp(op, "writev"))
		sqe.opcode = IORING_OP_WRITEV, sqe.addr = (uintptr_t)&iov, sqe.len = 1;
	else if (!strcmp(op, "sendmsg"))
		sqe.opcode = IORING_OP_SENDMSG, sqe.addr = (uintptr_t)&msg, sqe.len = 1;
	else
		errno = EINVAL, die(op);
	submit(r, &sqe);
	struct io_uring_cqe cqe = complete(r);
	check(cqe, op);
	if ((size_t)cqe.res != len)
		errno = EMSGSIZE, die("short write");
	if (cqe.flags & IORING_CQE_F_MORE)
		complete(r); // the zero-copy notification
}

static int multishot_armed;

static size_t receive(struct ring *r, int sock, const char *op, char *data)
{
	struct iovec iov = { data, BUFFER_BYTES };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct io_uring_sqe sqe = { .fd = sock, .addr = (uintptr_t)data, .len = BUFFER_BYTES };
	int multi = !strcmp(op, "recv_multi");
	if (multi)
		sqe = (struct io_uring_sqe){ .opcode = IORING_OP_RECV, .fd = sock, .ioprio = IORING_RECV_MULTISHOT,
			.flags = IOSQE_BUFFER_SELECT, .buf_group = GROUP };
	else if (!strcmp(op, "recv"))
		sqe.opcode = IORING_OP_RECV;
	else if (!strcmp(op, "read"))
		sqe.opcode = IORING_OP_READ;
	else if (!strcmp(op, "readv"))
		sqe.opcode = IORING_OP_READV, sqe.addr = (uintptr_t)&iov, sqe.len = 1;
	else if (!strcmp(op, "recvmsg"))
		sqe.opcode = IORING_OP_RECVMSG, sqe.addr = (uintptr_t)&msg, sqe.len = 1;
	else
		errno = EINVAL, die(op);
	if (!multi || !multishot_armed)
		submit(r, &sqe);
	struct io_uring_cqe cqe = complete(r);
	check(cqe, op);
	if (multi) {
		multishot_armed = !!(cqe.flags & IORING_CQE_F_MORE);
		if (cqe.res > 0)
			memcpy(data, provided[cqe.flags >> IORING_CQE_BUFFER_SHIFT], cqe.res);
		// Running out of buffers ends the multishot; it is armed again with the next request.
	}
	return cqe.res;
}

// Length of the whole response once its head is complete, else 0.
static size_t whole(char *data, size_t len)
{
	data[len] = 0;
	char *end = strstr(data, "\r\n\r\n"), *length = strcasestr(data, "content-length:");
	return end && length ? end + 4 - data + strtoul(length + 15, NULL, 10) : 0;
}

static int dial(const char *address, int port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1, one = 1;
	if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		errno = EINVAL, die(address);
	int sock = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
	if (connect(sock, is_v4 ? (void *)&v4 : (void *)&v6, is_v4 ? sizeof(v4) : sizeof(v6)))
		die("connect");
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return sock;
}

static void local_name(int sock, char *text, size_t size)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	char host[INET6_ADDRSTRLEN];
	getsockname(sock, (void *)&name, &len);
	int v4 = name.ss_family == AF_INET;
	struct sockaddr_in *four = (void *)&name;
	struct sockaddr_in6 *six = (void *)&name;
	inet_ntop(name.ss_family, v4 ? (void *)&four->sin_addr : (void *)&six->sin6_addr, host, sizeof(host));
	snprintf(text, size, v4 ? "%s:%d" : "[%s]:%d", host, ntohs(v4 ? four->sin_port : six->sin6_port));
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fprintf(stderr, "usage: uring_client ADDRESS PORT COUNT SEND RECEIVE PREFIX [sqpoll|async]\n");
		return 2;
	}
	struct ring r = { .sqpoll = argc > 7 && !strcmp(argv[7], "sqpoll"), .async = argc > 7 && !strcmp(argv[7], "async") };
	int sock = dial(argv[1], atoi(argv[2])), multi = !strcmp(argv[5], "recv_multi");
	char local[64], request[512], response[BUFFER_BYTES * 2 + 1], piece[BUFFER_BYTES];
	local_name(sock, local, sizeof(local));
	setup(&r);
	for (int n = 0; n < atoi(argv[3]); n++) {
		if (multi && n % (BUFFERS / 2) == 0)
			provide(&r, n % BUFFERS, BUFFERS / 2);
		int len = snprintf(request, sizeof(request), "GET /rig/%s%d HTTP/1.1\r\nHost: rig\r\nx-rig: think=1ms,size=40\r\n\r\n", argv[6], n);
		unsigned long long write_call = now_ns();
		transmit(&r, sock, argv[4], request, len);
		unsigned long long write_ret = now_ns(), read_call = write_ret, first_ret = 0;
		size_t have = 0, want = 0;
		while (!want || have < want) {
			size_t got = receive(&r, sock, argv[5], piece);
			if (!got || have + got >= sizeof(response))
				errno = EPIPE, die("response cut short");
			first_ret = first_ret ? first_ret : now_ns();
			memcpy(response + have, piece, got);
			have += got;
			want = whole(response, have);
		}
		unsigned long long last_ret = now_ns();
		printf("{\"id\":\"%s%d\",\"local\":\"%s\",\"nth\":%d,\"status\":200,\"request_bytes\":%d,\"response_bytes\":%zu,"
		       "\"writes\":[{\"call_ns\":%llu,\"ret_ns\":%llu,\"bytes\":%d}],"
		       "\"reads\":[{\"poll_ns\":%llu,\"call_ns\":%llu,\"ret_ns\":%llu,\"bytes\":0},"
		       "{\"poll_ns\":%llu,\"call_ns\":%llu,\"ret_ns\":%llu,\"bytes\":%zu}]}\n",
		       argv[6], n, local, n, len, have, write_call, write_ret, len,
		       first_ret, read_call, first_ret, last_ret, read_call, last_ret, have);
	}
	close(sock);
	return 0;
}

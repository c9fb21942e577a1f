/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Which bytes are reported how. A turn is a series of bytes in one direction until the other
 * direction moves. Of each turn the first FB_SEGMENTS_PER_TURN segments become records with up to
 * `head` bytes copied in all; what follows is summed up in `rest` and reported when the direction
 * turns, the connection ends or user space asks.
 */
#ifndef FOREBAY_SEGMENT_H
#define FOREBAY_SEGMENT_H

#include "socket.h"

/* Everything of a segment record but its head and tail bytes. */
struct fb_passage {
	__u32 seq, len;
	__u32 skip; /* bytes in front of the copied ones */
	__u32 tid;
	__u64 app_ns, net_ns, net_last_ns;
	__u64 run_delay_ns;
	__u8 direction, flags;
};

/* Reports the sum of a direction. `keep`: only a look, the sum goes on growing. */
static __always_inline void send_rest(struct fb_sock *s, int direction, const struct tcp_sock *tp,
				      int keep)
{
	struct fb_half *h = &s->half[direction & 1];
	struct fb_rest *rest = &s->rest[direction & 1];
	struct fb_segment *r;

	if (!h->rest_len)
		return;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		ring_lost();
		if (!keep)
			h->rest_len = 0;
		return;
	}
	__builtin_memset(r, 0, sizeof(*r));
	start_record(&r->r, FB_SEGMENT, s->cookie);
	r->seq = rest->seq;
	r->len = h->rest_len;
	r->app_ns = rest->app_ns;
	r->net_ns = rest->net_ns;
	r->app_last_ns = rest->app_last_ns;
	r->net_last_ns = rest->net_last_ns;
	if (tp)
		read_tcp(tp, &r->tcp);
	r->direction = direction;
	r->flags = FB_REST | (rest->turn ? FB_TURN : 0) | (keep ? FB_SNAPSHOT : 0);
	r->tail_len = rest->tail_len;
	r->turns = h->turns;
	__builtin_memcpy(r->tail, rest->tail, FB_TAIL_MAX);
	send_record(r);
	if (!keep)
		h->rest_len = 0;
}

/* Notes that `direction` moves. Returns FB_TURN if the other one had moved before. */
static __always_inline int turn_to(struct fb_sock *s, int direction, const struct tcp_sock *tp)
{
	struct fb_half *h = &s->half[direction & 1];

	if (s->last == direction + 1)
		return 0;
	s->last = direction + 1;
	h->turns++;
	if (h->report != FB_QUIET) {
		send_rest(s, !direction, tp, 0);
		send_rest(s, direction, tp, 0);
		h->segments_left = FB_SEGMENTS_PER_TURN;
		if (h->report == FB_TURNS)
			h->head_left = h->head;
		else if (!h->head)
			copy_again(h); /* "no more bytes" was said of the turn before */
	}
	return FB_TURN;
}

/* Whether the next segment of this direction becomes a record of its own. */
static __always_inline int reported(const struct fb_half *h)
{
	return h->report == FB_CHUNKS || (h->report == FB_TURNS && h->segments_left);
}

/* How many of its first bytes to copy. */
static __always_inline __u32 head_wanted(const struct fb_half *h, __u32 len)
{
	__u32 left = h->report == FB_CHUNKS ? h->head : h->head_left;

	/* Pipelined messages lie behind each other's bodies, each mostly in a write of its own. */
	if (h->report == FB_TURNS && h->head && left < FB_HEAD_SEGMENT)
		left = FB_HEAD_SEGMENT;
	return len < left ? len : left;
}

/* How many of its last bytes to copy, by what the last FB_TAIL_MAX are. */
static __always_inline __u32 ending_wanted(const struct fb_usual *u, __u32 len, __u64 last)
{
	if (!((last ^ u->bytes) & u->mask))
		return 0;
	return len < FB_ENDING_MAX ? len : FB_ENDING_MAX;
}

/* Adds a segment to the sum. The caller fills `tail` afterwards. */
static __always_inline void add_to_rest(struct fb_half *h, struct fb_rest *rest,
					const struct fb_passage *p)
{
	if (!h->rest_len) {
		rest->seq = p->seq;
		rest->app_ns = p->app_ns;
		rest->net_ns = p->net_ns;
		rest->turn = !!p->flags;
	}
	h->rest_len = p->seq + p->len - rest->seq;
	rest->app_last_ns = p->app_ns;
	rest->net_last_ns = p->net_last_ns;
	rest->tail_len = 0;
}

/* A quiet direction is never flushed by turns: it reports on its own clock. */
static __always_inline int rest_is_due(const struct fb_half *h, const struct fb_rest *rest)
{
	return h->report == FB_QUIET && rest->app_last_ns + rest->net_last_ns >
						rest->app_ns + rest->net_ns + 2ull * FB_REST_NS;
}

static __always_inline void mark(struct fb_sock *s, int direction, __u32 seq, __u64 now)
{
	struct fb_mark *m = bpf_ringbuf_reserve(&ring, sizeof(*m), 0);

	if (!m) {
		ring_lost();
		return;
	}
	start_record(&m->r, FB_MARK, s->cookie);
	m->at_ns = now;
	m->seq = seq;
	m->direction = direction;
	__builtin_memset(m->pad, 0, sizeof(m->pad));
	send_record(m);
}

/* Bytes copied of a segment come in these sizes: the verifier wants a constant reservation. */
#define FB_HEAD_TINY 64
#define FB_HEAD_SMALL 256
#define FB_HEAD_MIDDLE 1024
#define FB_HEAD_LARGE 2048

/* Calls `send` with the smallest of these that `head` bytes fit into, as a constant. */
#define FB_SEND_SIZED(send, head, ...)                                                             \
	do {                                                                                       \
		if (!(head))                                                                       \
			send(__VA_ARGS__, head, 0);                                                \
		else if ((head) <= FB_HEAD_TINY)                                                   \
			send(__VA_ARGS__, head, FB_HEAD_TINY);                                     \
		else if ((head) <= FB_HEAD_SMALL)                                                  \
			send(__VA_ARGS__, head, FB_HEAD_SMALL);                                    \
		else if ((head) <= FB_HEAD_MIDDLE)                                                 \
			send(__VA_ARGS__, head, FB_HEAD_MIDDLE);                                   \
		else if ((head) <= FB_HEAD_LARGE)                                                  \
			send(__VA_ARGS__, head, FB_HEAD_LARGE);                                    \
		else                                                                               \
			send(__VA_ARGS__, head, FB_HEAD_MAX);                                      \
	} while (0)

/* Chooses the last `n` bytes to be copied. */
static __always_inline __u32 copy_ending(struct fb_passage *p, __u32 n)
{
	p->skip = p->len - n;
	if (p->skip)
		p->flags |= FB_ENDING;
	return n;
}

static __always_inline void fill_segment(struct fb_segment *r, const struct fb_sock *s,
					 const struct tcp_sock *tp, const struct fb_passage *p)
{
	start_record(&r->r, FB_SEGMENT, s->cookie);
	r->seq = p->seq;
	r->len = p->len;
	r->app_ns = p->app_ns;
	r->net_ns = p->net_ns;
	r->app_last_ns = p->app_ns;
	r->net_last_ns = p->net_last_ns;
	read_tcp(tp, &r->tcp);
	r->tcp.tid = p->tid;
	r->tcp.run_delay_ns = p->run_delay_ns;
	r->direction = p->direction;
	r->flags = p->flags;
	r->tail_len = 0;
	r->pad[0] = 0;
	r->turns = s->half[p->direction & 1].turns;
	r->pad2[0] = r->pad2[1] = 0;
}

/*
 * Whether bytes were read that no hook saw (splice and the like). The program that sees such reads is
 * attached by user space when this was counted once: most hosts never need it.
 */
static __always_inline int read_unseen(struct fb_half *in, const struct tcp_sock *tp)
{
	__u32 seen = in->known ? in->next_seq : in->pending_seq;

	if (in->copy_on_arrival || (!in->known && !in->pending_ns) ||
	    (__s32)(tp->copied_seq - seen) <= 0)
		return 0;
	__sync_fetch_and_add(&losses.unseen_reads, 1);
	return 1;
}

/* Takes a segment off the turn's budget. */
static __always_inline void spend(struct fb_half *h, __u32 copied)
{
	if (h->report != FB_TURNS)
		return;
	h->head_left -= copied < h->head_left ? copied : h->head_left;
	if (h->segments_left)
		h->segments_left--;
}

#endif

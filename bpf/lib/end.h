/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The end of a socket, by whichever hook tells it. */
#ifndef FOREBAY_END_H
#define FOREBAY_END_H

#include "reader.h"

/* Reports what a socket had not reported yet, and its end; forgets it. */
static __always_inline void forget_socket(struct sock *sk, const struct tcp_sock *tp)
{
	struct fb_sock *s = bpf_sk_storage_get(&sockets, sk, 0, 0);
	struct fb_close *c;

	if (!s || !s->cookie)
		return;
	__sync_fetch_and_add(&losses.sockets, -1);
	if (s->ignored || !s->opened)
		goto forget;
	/* A FIN that was read counts as one byte. */
	if (tp->copied_seq != s->half[FB_IN].next_seq + 1)
		read_unseen(&s->half[FB_IN], tp);
	send_rest(s, FB_OUT, tp, 0);
	send_rest(s, FB_IN, tp, 0);
	c = bpf_ringbuf_reserve(&ring, sizeof(*c), 0);
	if (!c) {
		ring_lost();
		goto forget;
	}
	__builtin_memset(c, 0, sizeof(*c));
	start_record(&c->r, FB_CLOSE, s->cookie);
	c->at_ns = bpf_ktime_get_ns();
	c->fin_seq = tp->rcv_nxt;
	read_tcp(tp, &c->tcp);
	send_record(c);
forget:
	bpf_sk_storage_delete(&sockets, sk);
}

#endif

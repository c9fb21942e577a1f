// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       tp_btf/inet_sock_set_state
 * Fires when: a socket changes its TCP state
 * Cost bound: two records per connection and end
 * Writes:     the socket's memory (which end it is), FB_OPEN, FB_CLOSE (half)
 * Absent on:  none known; without it every connection counts as opened before the agent
 */
#include "../lib/end.h"

static __always_inline void half_closed(struct fb_sock *s, const struct tcp_sock *tp)
{
	struct fb_close *c = bpf_ringbuf_reserve(&ring, sizeof(*c), 0);

	if (!c) {
		ring_lost();
		return;
	}
	__builtin_memset(c, 0, sizeof(*c));
	start_record(&c->r, FB_CLOSE, s->cookie);
	c->at_ns = bpf_ktime_get_ns();
	c->half = 1;
	c->fin_seq = tp->rcv_nxt - 1; /* the FIN itself is counted already */
	read_tcp(tp, &c->tcp);
	send_record(c);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, struct sock *sk, int from, int to)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct fb_sock *s;

	if (!tp)
		return 0;
	if (to == TCP_SYN_SENT_STATE) {
		s = remember(sk, bpf_get_socket_cookie(sk), FB_END_CLIENT);
		if (s)
			see_owner(s);
		return 0;
	}
	if (to == TCP_ESTABLISHED_STATE && from == TCP_SYN_RECV_STATE) {
		s = remember(sk, bpf_get_socket_cookie(sk), FB_END_SERVER);
		if (s && !s->opened)
			announce(sk, tp, s, 0);
		return 0;
	}
	if (to == TCP_CLOSE_STATE) {
		if (ends_unseen)
			forget_socket(sk, tp);
		return 0;
	}
	s = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!s || s->ignored)
		return 0;
	if (to == TCP_ESTABLISHED_STATE && !s->opened)
		announce(sk, tp, s, 0);
	if (to == TCP_CLOSE_WAIT_STATE)
		half_closed(s, tp);
	return 0;
}

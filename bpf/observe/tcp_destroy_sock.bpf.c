// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       tp_btf/tcp_destroy_sock
 * Fires when: the kernel lets go of a TCP socket
 * Cost bound: up to three records per connection and end
 * Writes:     FB_SEGMENT (what was not reported yet), FB_CLOSE
 * Absent on:  none known; without it connections end by age
 */
#include "../lib/reader.h"

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroy_sock, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct fb_close *c;
	struct fb_sock *s;

	if (!tp)
		return 0;
	s = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!s || !s->cookie)
		return 0;
	__sync_fetch_and_add(&losses.sockets, -1);
	if (s->ignored || !s->opened)
		goto forget;
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
	return 0;
}

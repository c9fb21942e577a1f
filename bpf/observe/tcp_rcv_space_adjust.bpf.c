// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       tp_btf/tcp_rcv_space_adjust
 * Fires when: the reader took bytes off the receive queue, by whatever means
 * Cost bound: one socket-storage look-up; a record only for bytes no other hook saw
 * Writes:     FB_SEGMENT (in) without bytes: splice, MSG_TRUNC, zero-copy, or every read on
 *             kernels without skb_copy_datagram_iovec
 * Attached:   when bytes were first found read unseen (read_unseen in lib/segment.h), or at once on
 *             kernels without skb_copy_datagram_iovec
 * Absent on:  none known
 */
#include "../lib/reader.h"

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(tcp_rcv_space_adjust, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct fb_passage p = { .direction = FB_IN };
	struct fb_segment *r;
	struct fb_half *in;
	struct fb_sock *s;
	__u32 end;

	if (!tp)
		return 0;
	s = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!s || s->ignored)
		return 0;
	in = &s->half[FB_IN];
	end = tp->copied_seq;
	if (in->known && (__s32)(end - in->next_seq) <= 0)
		return 0;
	see_owner(s);
	if (s->ignored)
		return 0;
	/* From the next arrival on this socket's bytes are copied when they arrive. */
	in->copy_on_arrival = 1;
	p.seq = in->known ? in->next_seq : in->pending_ns ? in->pending_seq : end;
	if (end == p.seq) {
		in->known = 1;
		in->next_seq = end;
		return 0;
	}
	p.net_ns = in->pending_seq == p.seq ? in->pending_ns : 0;
	be_read(s, tp, &p, end);
	if (!reported(in)) {
		sum_up_read(s, &p);
		s->rest[FB_IN].tail_len = s->rest[FB_IN].tail_seq == end ? FB_TAIL_MAX : 0;
		if (rest_is_due(in, &s->rest[FB_IN]))
			send_rest(s, FB_IN, tp, 0);
		return 0;
	}
	send_rest(s, FB_IN, tp, 0);
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		ring_lost();
		return 0;
	}
	fill_segment(r, s, tp, &p);
	if (s->rest[FB_IN].tail_seq == end) {
		__builtin_memcpy(r->tail, s->rest[FB_IN].tail, FB_TAIL_MAX);
		r->tail_len = FB_TAIL_MAX;
	}
	send_record(r);
	spend(in, 0);
	return 0;
}

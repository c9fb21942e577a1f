// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       tp_btf/skb_copy_datagram_iovec
 * Fires when: bytes of a received packet are copied to the reader, under the socket lock
 * Cost bound: one socket-storage look-up and one record per copied packet
 * Writes:     FB_SEGMENT (in) with the bytes as the application reads them
 * Absent on:  kernels whose tracing programs can't read packet bytes (before about 6.12); there
 *             bytes are copied at ingress and tcp_rcv_space_adjust tells the time of the read.
 *             Never fires for splice, MSG_TRUNC and TCP_ZEROCOPY_RECEIVE.
 */
#include "../lib/reader.h"

static __always_inline __u32 copy_in(struct bpf_dynptr *bytes, __u32 offset, void *to, __u32 n,
				     const __u32 cap)
{
	if (n > cap)
		n = cap;
	asm volatile("" : "+r"(n));
	if (n == 0 || n > cap || bpf_dynptr_read(to, n, bytes, offset, 0))
		return 0;
	return n;
}

static __always_inline void send_as(struct sk_buff *skb, struct fb_sock *s,
				    const struct tcp_sock *tp, const struct fb_passage *p,
				    __u32 offset, __u32 head, const __u32 cap)
{
	struct fb_segment *r = bpf_ringbuf_reserve(&ring, sizeof(*r) + cap, 0);
	struct bpf_dynptr bytes;

	if (!r) {
		ring_lost();
		return;
	}
	fill_segment(r, s, tp, p);
	if (!bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &bytes)) {
		if (cap)
			r->r.head_len = copy_in(&bytes, offset + p->skip, r->head, head, cap);
		if (r->r.head_len < p->len) {
			__u32 n = p->len < FB_TAIL_MAX ? p->len : FB_TAIL_MAX;

			r->tail_len = copy_in(&bytes, offset + p->len - n, r->tail, n, FB_TAIL_MAX);
		}
	}
	send_record(r);
}

static __always_inline __u32 bytes_wanted(struct sk_buff *skb, const struct fb_sock *s,
					  struct fb_passage *p, __u32 offset)
{
	const struct fb_half *in = &s->half[FB_IN];
	struct bpf_dynptr bytes;
	__u64 last = 0;

	if (!in->ends)
		return head_wanted(in, p->len);
	if (!bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &bytes))
		bpf_dynptr_read(&last, sizeof(last), &bytes, offset + p->len - FB_TAIL_MAX, 0);
	return copy_ending(p, ending_wanted(&s->usual[FB_IN], p->len, last));
}

static __always_inline void send(struct sk_buff *skb, struct fb_sock *s, const struct tcp_sock *tp,
				 const struct fb_passage *p, __u32 offset, __u32 head)
{
	FB_SEND_SIZED(send_as, head, skb, s, tp, p, offset);
}

static __always_inline void sum_up(struct sk_buff *skb, struct fb_sock *s,
				   const struct tcp_sock *tp, struct fb_passage *p, __u32 offset)
{
	struct fb_half *in = &s->half[FB_IN];
	struct fb_rest *rest = &s->rest[FB_IN];
	struct bpf_dynptr bytes;

	sum_up_read(s, p);
	if (in->report != FB_QUIET && p->len >= FB_TAIL_MAX &&
	    !bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &bytes) &&
	    !bpf_dynptr_read(rest->tail, FB_TAIL_MAX, &bytes, offset + p->len - FB_TAIL_MAX, 0))
		rest->tail_len = FB_TAIL_MAX;
	if (rest_is_due(in, rest))
		send_rest(s, FB_IN, tp, 0);
}

static __always_inline void read(struct sk_buff *skb, struct sock *sk, struct fb_sock *s,
				 const struct tcp_sock *tp, int len)
{
	struct fb_half *in = &s->half[FB_IN];
	struct fb_passage p = { .seq = tp->copied_seq, .direction = FB_IN };
	struct tcp_skb_cb *cb = bpf_core_cast(skb->cb, struct tcp_skb_cb);
	__u32 end = p.seq + len, offset = p.seq - cb->seq, head;

	if (offset + len > skb->len)
		return; /* a peek further into the queue */
	p.net_ns = arrival(sk, in, p.seq);
	if (in->known && (__s32)(p.seq - in->next_seq) < 0) {
		if ((__s32)(end - in->next_seq) <= 0)
			return; /* peeked at before: that was the read */
		offset += in->next_seq - p.seq;
		p.seq = in->next_seq;
	}
	be_read(s, tp, &p, end);
	if (!reported(in)) {
		sum_up(skb, s, tp, &p, offset);
		return;
	}
	send_rest(s, FB_IN, tp, 0);
	head = in->copy_on_arrival ? 0 : bytes_wanted(skb, s, &p, offset);
	send(skb, s, tp, &p, offset, head);
	spend(in, head);
}

SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(skb_copy_datagram_iovec, struct sk_buff *skb, int len)
{
	struct sock *sk = skb->sk;
	struct tcp_sock *tp;
	struct fb_sock *s;

	if (!sk || len <= 0 || !is_tcp(sk))
		return 0;
	tp = bpf_core_cast(sk, struct tcp_sock);
	s = in_use(sk, tp, bpf_sk_storage_get(&sockets, sk, 0, 0));
	if (s)
		read(skb, sk, s, tp, len);
	return 0;
}

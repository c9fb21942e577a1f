// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       cgroup_skb/ingress at the cgroup2 root
 * Fires when: a packet reached its socket's IP layer, before the socket lock and the backlog
 * Cost bound: one socket-storage look-up per data packet, a small record only behind unread bytes
 * Writes:     the arrival time in the socket's memory, FB_MARK, FB_SEGMENT (copy on arrival)
 * Absent on:  hosts without cgroup v2 (no fallback: without it nothing is observed)
 */
#include "../lib/packet.h"

/* With a deferred accept the first request arrives at the listener. */
static __always_inline void hold(struct __sk_buff *skb)
{
	struct fb_tuple t;
	__u64 now = bpf_ktime_get_ns();

	if (packet_tuple(skb, &t))
		bpf_map_update_elem(&deferred, &t, &now, BPF_NOEXIST);
}

/* Keeps a packet's last bytes for the record of their read: what is summed up, or lies behind a
 * hole, is not copied on arrival, but its end may be a message's. */
static __always_inline void keep_tail(struct __sk_buff *skb, struct fb_sock *s, __u32 end,
				     __u32 len, __u32 offset)
{
	struct fb_rest *rest = &s->rest[FB_IN];

	rest->tail_len = 0;
	if (s->half[FB_IN].report != FB_QUIET && len >= FB_TAIL_MAX &&
	    !bpf_skb_load_bytes(skb, offset + len - FB_TAIL_MAX, rest->tail, FB_TAIL_MAX))
		rest->tail_seq = end;
}

static __always_inline void copy(struct __sk_buff *skb, struct fb_sock *s,
				 const struct tcp_sock *tp, struct fb_passage *p, __u32 offset)
{
	struct fb_half *in = &s->half[FB_IN];
	__u32 head;

	p->flags = turn_to(s, FB_IN, tp) | FB_COPIED;
	if (!reported(in)) {
		keep_tail(skb, s, p->seq + p->len, p->len, offset);
		return;
	}
	head = packet_bytes_wanted(skb, s, p, offset);
	send_packet(skb, s, tp, p, offset, head);
	spend(in, head);
}

static __always_inline void arrive(struct __sk_buff *skb, struct fb_sock *s,
				   const struct tcp_sock *tp, const struct fb_payload *load)
{
	struct fb_half *in = &s->half[FB_IN];
	struct fb_passage p = { .seq = tp->rcv_nxt, .direction = FB_IN };
	__u32 end = load->seq + load->len;

	if ((__s32)(end - p.seq) <= 0)
		return; /* known bytes again */
	/* Bytes behind a hole arrive, for the reader, with the packet that fills it. */
	if ((__s32)(load->seq - p.seq) > 0) {
		if (in->copy_on_arrival && !in->rest_len)
			keep_tail(skb, s, end, load->len, load->offset);
		return;
	}
	if (read_unseen(in, tp)) {
		in->copy_on_arrival = 1;
		in->known = 1;
		in->next_seq = tp->copied_seq;
	}
	p.len = end - p.seq;
	p.net_ns = p.net_last_ns = bpf_ktime_get_ns();
	s->arrived_ns = p.net_ns;
	if (tp->copied_seq == p.seq) {
		in->pending_seq = p.seq;
		in->pending_ns = p.net_ns;
	} else if (reported(in)) {
		mark(s, FB_IN, p.seq, p.net_ns);
	}
	if (in->copy_on_arrival)
		copy(skb, s, tp, &p, load->offset + (p.seq - load->seq));
}

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *skb)
{
	struct fb_payload load;
	struct tcp_sock *tp;
	struct bpf_sock *sk;
	struct fb_sock *s;

	find_payload(skb, &load);
	if (!load.len)
		return 1;
	sk = skb->sk ? bpf_sk_fullsock(skb->sk) : NULL;
	if (!sk)
		return 1;
	s = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!s) {
		if (sk->state == TCP_LISTEN_STATE) {
			hold(skb);
			return 1;
		}
		s = remember(sk, bpf_get_socket_cookie(skb), FB_END_UNKNOWN);
		if (!s)
			return 1;
	}
	if (s->ignored)
		return 1;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 1;
	if (!s->opened)
		announce((struct sock *)tp, tp, s, 1);
	take_orders(s);
	arrive(skb, s, tp, &load);
	return 1;
}

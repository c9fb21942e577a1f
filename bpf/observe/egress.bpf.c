// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       cgroup_skb/egress at the cgroup2 root
 * Fires when: a packet leaves TCP for the IP layer, before the queueing discipline
 * Cost bound: one socket-storage look-up and one record per data packet; pure ACKs return at once
 * Writes:     FB_SEGMENT (out), FB_OPEN
 * Absent on:  hosts without cgroup v2 (no fallback: without it nothing is observed)
 */
#include "../lib/packet.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline void sum_up(struct __sk_buff *skb, struct fb_sock *s,
				   const struct tcp_sock *tp, struct fb_passage *p, __u32 offset)
{
	struct fb_half *out = &s->half[FB_OUT];
	struct fb_rest *rest = &s->rest[FB_OUT];

	p->app_ns = out->pending_ns;
	add_to_rest(out, rest, p);
	if (out->report != FB_QUIET && p->len >= FB_TAIL_MAX &&
	    !bpf_skb_load_bytes(skb, offset + p->len - FB_TAIL_MAX, rest->tail, FB_TAIL_MAX))
		rest->tail_len = FB_TAIL_MAX;
	if (rest_is_due(out, rest))
		send_rest(s, FB_OUT, tp, 0);
}

/*
 * Without tcp_sendmsg_locked: a packet that nothing was left behind ends a write. Bytes that
 * wait behind others belong to the write before, however many calls brought them.
 */
static __always_inline void guess_write(struct fb_half *out, const struct tcp_sock *tp,
					const struct fb_passage *p)
{
	if (!out->pending_ns || out->drained) {
		out->pending_seq = p->seq;
		out->pending_ns = p->net_ns;
	}
	out->drained = (__s32)(tp->write_seq - (p->seq + p->len)) <= 0;
}

/*
 * TCP reads the clock when it begins to send; that is now, unless it sends several packets at once:
 * then each but the first asks the clock anew. A clock from before the write is not of this sending.
 */
static __always_inline __u64 departure(struct fb_sock *s, const struct fb_half *out,
				       const struct tcp_sock *tp)
{
	__u64 clock_ns;

	if (writes_unseen || !bpf_core_field_exists(tp->tcp_clock_cache))
		return bpf_ktime_get_ns();
	clock_ns = tp->tcp_clock_cache;
	if (clock_ns == s->clock_ns || clock_ns < out->pending_ns)
		return bpf_ktime_get_ns();
	s->clock_ns = clock_ns;
	return clock_ns;
}

static __always_inline void leave(struct __sk_buff *skb, struct fb_sock *s,
				  const struct tcp_sock *tp, struct fb_payload *load)
{
	struct fb_half *out = &s->half[FB_OUT];
	struct fb_passage p = { .seq = load->seq, .direction = FB_OUT };
	__u32 end = load->seq + load->len, head;

	if (!out->known) {
		out->known = 1;
		out->next_seq = p.seq;
	}
	if ((__s32)(end - out->next_seq) <= 0)
		return; /* retransmission of what has been reported */
	if ((__s32)(p.seq - out->next_seq) < 0) {
		load->offset += out->next_seq - p.seq;
		p.seq = out->next_seq;
	}
	p.len = end - p.seq;
	out->next_seq = end;
	p.net_ns = p.net_last_ns = departure(s, out, tp);
	p.tid = s->out_tid;
	p.run_delay_ns = s->out_run_delay_ns;
	p.flags = turn_to(s, FB_OUT, tp);
	if (writes_unseen)
		guess_write(out, tp, &p);
	if (!reported(out)) {
		sum_up(skb, s, tp, &p, load->offset);
		return;
	}
	send_rest(s, FB_OUT, tp, 0);
	p.app_ns = out->pending_seq == p.seq ? out->pending_ns : 0;
	head = packet_bytes_wanted(skb, s, &p, load->offset);
	send_packet(skb, s, tp, &p, load->offset, head);
	spend(out, head);
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
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
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 1;
	s = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!s) {
		s = remember(sk, bpf_get_socket_cookie(skb), FB_END_UNKNOWN);
		if (!s)
			return 1;
	}
	if (s->ignored)
		return 1;
	if (!s->opened)
		announce((struct sock *)tp, tp, s, 1);
	take_orders(s);
	leave(skb, s, tp, &load);
	return 1;
}

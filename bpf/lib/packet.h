/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* TCP payload of a packet that starts at its IP header. */
#ifndef FOREBAY_PACKET_H
#define FOREBAY_PACKET_H

#include "segment.h"
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

struct fb_payload {
	__u32 seq;
	__u32 len;    /* 0: nothing of interest */
	__u32 offset; /* of the payload in the packet */
};

static __always_inline void find_payload(struct __sk_buff *skb, struct fb_payload *p)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	struct tcphdr *tcp;
	__u32 ip_len;

	p->len = 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;

		if ((void *)(ip + 1) > data_end || ip->protocol != PROTOCOL_TCP)
			return;
		ip_len = ip->ihl * 4;
		if (ip_len < sizeof(*ip) || ip_len > 60)
			return;
	} else {
		struct ipv6hdr *ip = data;

		/* Extension headers in front of TCP are not followed. */
		if ((void *)(ip + 1) > data_end || ip->nexthdr != PROTOCOL_TCP)
			return;
		ip_len = sizeof(*ip);
	}
	tcp = data + ip_len;
	if ((void *)(tcp + 1) > data_end)
		return;
	p->offset = ip_len + tcp->doff * 4;
	if (skb->len <= p->offset)
		return;
	p->len = skb->len - p->offset;
	p->seq = bpf_ntohl(tcp->seq);
}

/* The key under which a first request waits for its socket. */
static __always_inline int packet_tuple(struct __sk_buff *skb, struct fb_tuple *t)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	struct tcphdr *tcp;

	__builtin_memset(t, 0, sizeof(*t));
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;

		if ((void *)(ip + 1) > data_end || ip->ihl != 5)
			return 0;
		map_v4(t->peer, ip->saddr);
		map_v4(t->local, ip->daddr);
		tcp = (void *)(ip + 1);
	} else {
		struct ipv6hdr *ip = data;

		if ((void *)(ip + 1) > data_end)
			return 0;
		__builtin_memcpy(t->peer, &ip->saddr, 16);
		__builtin_memcpy(t->local, &ip->daddr, 16);
		tcp = (void *)(ip + 1);
	}
	if ((void *)(tcp + 1) > data_end)
		return 0;
	t->peer_port = bpf_ntohs(tcp->source);
	t->local_port = bpf_ntohs(tcp->dest);
	return 1;
}

/* Copies `n` <= `cap` bytes; the barrier keeps the compiler from splitting the bound. */
static __always_inline __u32 copy_bytes(struct __sk_buff *skb, __u32 offset, void *to, __u32 n,
					const __u32 cap)
{
	if (n > cap)
		n = cap;
	asm volatile("" : "+r"(n));
	if (n == 0 || n > cap || bpf_skb_load_bytes(skb, offset, to, n))
		return 0;
	return n;
}

static __always_inline void send_packet_as(struct __sk_buff *skb, struct fb_sock *s,
					   const struct tcp_sock *tp, const struct fb_passage *p,
					   __u32 offset, __u32 head, const __u32 cap)
{
	struct fb_segment *r = bpf_ringbuf_reserve(&ring, sizeof(*r) + cap, 0);

	if (!r) {
		ring_lost();
		return;
	}
	fill_segment(r, s, tp, p);
	if (cap)
		r->r.head_len = copy_bytes(skb, offset + p->skip, r->head, head, cap);
	if (r->r.head_len < p->len && p->len >= FB_TAIL_MAX &&
	    !bpf_skb_load_bytes(skb, offset + p->len - FB_TAIL_MAX, r->tail, FB_TAIL_MAX))
		r->tail_len = FB_TAIL_MAX;
	else if (r->r.head_len < p->len)
		r->tail_len = copy_bytes(skb, offset, r->tail, p->len, FB_TAIL_MAX);
	send_record(r);
}

/* How many bytes of a packet's payload to copy, and which. */
static __always_inline __u32 packet_bytes_wanted(struct __sk_buff *skb, const struct fb_sock *s,
						 struct fb_passage *p, __u32 offset)
{
	const struct fb_half *h = &s->half[p->direction & 1];
	__u64 last = 0;

	if (!h->ends)
		return head_wanted(h, p->len);
	/* Of a shorter one the tail is all there is: what is read instead does no harm. */
	bpf_skb_load_bytes(skb, offset + p->len - FB_TAIL_MAX, &last, sizeof(last));
	return copy_ending(p, ending_wanted(&s->usual[p->direction & 1], p->len, last));
}

/* Reports a packet's payload, with up to `head` of its bytes. */
static __always_inline void send_packet(struct __sk_buff *skb, struct fb_sock *s,
					const struct tcp_sock *tp, const struct fb_passage *p,
					__u32 offset, __u32 head)
{
	FB_SEND_SIZED(send_packet_as, head, skb, s, tp, p, offset);
}

#endif

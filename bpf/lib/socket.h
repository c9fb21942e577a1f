/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What is remembered of a socket: made once, announced once, told to user space. */
#ifndef FOREBAY_SOCKET_H
#define FOREBAY_SOCKET_H

#include "ring.h"
#include "tcp.h"

static __always_inline int is_tcp(const struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return (family == FAMILY_INET || family == FAMILY_INET6) && sk->sk_protocol == PROTOCOL_TCP;
}

static __always_inline void map_v4(__u8 *to, __be32 address)
{
	__builtin_memset(to, 0, 10);
	to[10] = 0xff;
	to[11] = 0xff;
	__builtin_memcpy(to + 12, &address, 4);
}

static __always_inline void read_tuple(const struct sock *sk, struct fb_tuple *t)
{
	if (sk->__sk_common.skc_family == FAMILY_INET) {
		map_v4(t->local, sk->__sk_common.skc_rcv_saddr);
		map_v4(t->peer, sk->__sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO(&t->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&t->peer, sk, __sk_common.skc_v6_daddr);
	}
	t->local_port = sk->__sk_common.skc_num;
	t->peer_port = bpf_ntohs(sk->__sk_common.skc_dport);
	t->netns_pad = 0;
}

/* Announces a socket. Needs its sequence numbers, so not before it is established. */
static __always_inline void announce(const struct sock *sk, const struct tcp_sock *tp,
				     struct fb_sock *s, int old)
{
	struct fb_open *o = bpf_ringbuf_reserve(&ring, sizeof(*o), 0);
	struct fb_tuple t;

	if (!o) {
		ring_lost();
		return;
	}
	s->opened = 1;
	start_record(&o->r, FB_OPEN, s->cookie);
	read_tuple(sk, &t);
	__builtin_memcpy(o->local, t.local, 16);
	__builtin_memcpy(o->peer, t.peer, 16);
	o->local_port = t.local_port;
	o->peer_port = t.peer_port;
	o->at_ns = bpf_ktime_get_ns();
	o->cgroup_id = 0;
	o->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	o->out_base = out_base(tp, s->end);
	o->in_base = in_base(tp);
	o->end = s->end;
	o->old = old;
	__builtin_memset(o->pad, 0, sizeof(o->pad));
	send_record(o);
}

static __always_inline void reset_half(struct fb_half *h)
{
	h->head = FB_HEAD_DEFAULT;
	h->head_left = FB_HEAD_DEFAULT;
	h->segments_left = FB_SEGMENTS_PER_TURN;
}

/* As many sockets are tracked as user space has memory for. */
static __always_inline __u32 sockets_bound(void)
{
	__u32 most = *(volatile __u32 *)&sockets_max;

	return most && most < FB_SOCKETS_MAX ? most : FB_SOCKETS_MAX;
}

/* Counts a socket that is not tracked. */
static __always_inline void refuse(__u64 cookie)
{
	__u32 place = cookie % FB_REFUSED_MAX;
	__u32 *last = bpf_map_lookup_elem(&refused, &place);

	if (!last || *last == (__u32)cookie)
		return;
	*last = cookie;
	__sync_fetch_and_add(&losses.socket_table_full, 1);
}

/* Makes the memory of a socket. NULL when the table is full (counted). */
static __always_inline struct fb_sock *remember(void *sk, __u64 cookie, __u8 end)
{
	struct fb_sock *s;

	if (losses.sockets >= sockets_bound()) {
		refuse(cookie);
		return NULL;
	}
	s = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s || s->cookie)
		return s;
	__sync_fetch_and_add(&losses.sockets, 1);
	s->cookie = cookie;
	s->end = end;
	s->half[FB_IN].copy_on_arrival = copy_on_arrival;
	reset_half(&s->half[FB_IN]);
	reset_half(&s->half[FB_OUT]);
	return s;
}

/* Bytes of whatever comes, until user space has seen it. */
static __always_inline void copy_again(struct fb_half *h)
{
	h->head = FB_HEAD_DEFAULT;
	h->ends = 0;
}

/* "Every segment, no more bytes" is said of one turn: a later one may begin another message. */
static __always_inline void take_half_order(struct fb_half *h, __u8 report, __u16 head, __u16 turn,
					    int ends)
{
	h->report = report;
	h->head = head > FB_HEAD_MAX ? FB_HEAD_MAX : head;
	h->ends = ends;
	if (report == FB_CHUNKS && !head && h->turns != turn)
		copy_again(h);
	h->head_left = h->head;
	h->segments_left = report == FB_QUIET ? 0 : FB_SEGMENTS_PER_TURN;
}

/* Takes what user space wants, if it wrote anything since the last look. */
static __always_inline void take_orders(struct fb_sock *s)
{
	__u32 now = *(volatile __u32 *)&orders_generation;
	struct fb_order *o;

	if (s->orders == now)
		return;
	s->orders = now;
	o = bpf_map_lookup_elem(&orders, &s->cookie);
	if (!o)
		return;
	s->usual[FB_IN] = o->usual_in;
	s->usual[FB_OUT] = o->usual_out;
	take_half_order(&s->half[FB_IN], o->report_in, o->head_in, o->turn_in,
			!!o->usual_in.mask);
	take_half_order(&s->half[FB_OUT], o->report_out, o->head_out, o->turn_out,
			!!o->usual_out.mask);
	bpf_map_delete_elem(&orders, &s->cookie);
}

/* Says who uses the socket, when that changes. Call in the user's own context. */
static __always_inline void see_owner(struct fb_sock *s)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 pid = task->tgid;
	struct fb_owner *o;

	if (s->pid == pid)
		return;
	if (pid == agent_pid) {
		s->ignored = 1;
		return;
	}
	o = bpf_ringbuf_reserve(&ring, sizeof(*o), 0);
	if (!o) {
		ring_lost();
		return;
	}
	s->pid = pid;
	start_record(&o->r, FB_OWNER, s->cookie);
	o->at_ns = bpf_ktime_get_ns();
	o->cgroup_id = bpf_get_current_cgroup_id();
	o->pid = pid;
	o->pad = 0;
	BPF_CORE_READ_STR_INTO(&o->comm, task, group_leader, comm);
	send_record(o);
}

#endif

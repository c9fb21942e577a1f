/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What the hooks on the reading and writing thread share. */
#ifndef FOREBAY_READER_H
#define FOREBAY_READER_H

#include "segment.h"

/* `s` for a hook in its user's context; NULL when it is not to be observed. */
static __always_inline struct fb_sock *in_use(struct sock *sk, const struct tcp_sock *tp,
					      struct fb_sock *s)
{
	if (!s || s->ignored)
		return NULL;
	if (!s->opened && sk->__sk_common.skc_state == TCP_ESTABLISHED_STATE)
		announce(sk, tp, s, 1);
	see_owner(s);
	if (s->ignored)
		return NULL;
	take_orders(s);
	return s;
}

/* The thread that reads or writes, and how long it has waited for a CPU in its life. */
static __always_inline void see_thread(__u32 *tid, __u64 *run_delay_ns)
{
	struct task_struct *task = bpf_get_current_task_btf();

	*tid = task->pid;
	*run_delay_ns = task->sched_info.run_delay;
}

/* When bytes are read: the passage of `len` bytes at `seq` so far as every reader tells it. */
static __always_inline void be_read(struct fb_sock *s, const struct tcp_sock *tp,
				    struct fb_passage *p, __u32 end)
{
	struct fb_half *in = &s->half[FB_IN];

	in->known = 1;
	in->next_seq = end;
	p->len = end - p->seq;
	p->app_ns = bpf_ktime_get_ns();
	p->net_last_ns = end == tp->rcv_nxt ? s->arrived_ns : p->net_ns;
	see_thread(&p->tid, &p->run_delay_ns);
	p->flags = turn_to(s, FB_IN, tp);
}

/* Sums a read up: what is summed arrived no later than the last arrival. */
static __always_inline void sum_up_read(struct fb_sock *s, struct fb_passage *p)
{
	if (!p->net_ns)
		p->net_ns = s->arrived_ns;
	p->net_last_ns = s->arrived_ns;
	add_to_rest(&s->half[FB_IN], &s->rest[FB_IN], p);
}

/* When the bytes at `seq` arrived; 0 if another record tells. */
static __always_inline __u64 arrival(const struct sock *sk, struct fb_half *in, __u32 seq)
{
	struct fb_tuple t = {};
	__u64 *held, at;

	if (in->pending_seq == seq && in->pending_ns)
		return in->pending_ns;
	if (in->known)
		return 0;
	read_tuple(sk, &t);
	held = bpf_map_lookup_elem(&deferred, &t);
	if (!held)
		return 0;
	at = *held;
	bpf_map_delete_elem(&deferred, &t);
	return at;
}

#endif

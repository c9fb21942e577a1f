// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       tp_btf/tcp_sendmsg_locked
 * Fires when: an application's bytes enter TCP, under the socket lock, once per packet's worth
 * Cost bound: one socket-storage look-up; a small record only behind unsent bytes
 * Writes:     the time of the write in the socket's memory, FB_MARK, FB_OWNER
 * Absent on:  kernels before about 6.16: then a write is as old as its packet
 */
#include "../lib/reader.h"

/*
 * A write that blocks, or that a non-blocking program must repeat because the send buffer was
 * full, began when it was first tried: the wait since then is the stack's, not the program's.
 * Such a write shows by having handed over less than it had.
 */
static __always_inline int continues(struct fb_sock *s, __u32 write_seq, __u32 count)
{
	__u32 taken = write_seq - s->write_seq;
	int more = taken < s->write_left;

	s->write_left = more ? s->write_left - taken : count;
	s->write_seq = write_seq;
	return more;
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(tcp_sendmsg_locked, struct sock *sk, struct msghdr *msg)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct fb_half *out;
	struct fb_sock *s;
	__u64 now;

	if (!tp)
		return 0;
	s = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!s)
		s = remember(sk, bpf_get_socket_cookie(sk), FB_END_UNKNOWN);
	s = in_use(sk, tp, s);
	if (!s || continues(s, tp->write_seq, msg->msg_iter.count))
		return 0;
	out = &s->half[FB_OUT];
	now = bpf_ktime_get_ns();
	see_thread(&s->out_tid, &s->out_run_delay_ns);
	if (!out->known || out->next_seq == tp->write_seq) {
		out->pending_seq = tp->write_seq;
		out->pending_ns = now;
	} else if (reported(out)) {
		mark(s, FB_OUT, tp->write_seq, now);
	}
	return 0;
}

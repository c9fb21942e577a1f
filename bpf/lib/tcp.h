/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Reads of struct tcp_sock. All take a pointer the verifier lets us dereference. */
#ifndef FOREBAY_TCP_H
#define FOREBAY_TCP_H

#include "../maps.h"

/* 0 when the kernel's configuration can't be read: then these times stay 0. */
extern int CONFIG_HZ __kconfig __weak;

static __always_inline __u32 jiffies_us(__u32 jiffies)
{
	return CONFIG_HZ > 0 ? jiffies * (1000000u / (__u32)CONFIG_HZ) : 0;
}

/* tcpi_busy_time and its two parts: chrono_stat[] plus the one that runs now (net/ipv4/tcp.c,
 * tcp_get_info_chrono_stats). Types: 1 busy, 2 rwnd limited, 3 sndbuf limited. */
static __always_inline void read_chrono(const struct tcp_sock *tp, struct fb_tcp *out)
{
	__u32 running = BPF_CORE_READ_BITFIELD(tp, chrono_type);
	__u32 since = running ? (__u32)bpf_jiffies64() - tp->chrono_start : 0;

	out->busy_us = jiffies_us(tp->chrono_stat[0] + (running == 1 ? since : 0));
	out->rwnd_limited_us = jiffies_us(tp->chrono_stat[1] + (running == 2 ? since : 0));
	out->sndbuf_limited_us = jiffies_us(tp->chrono_stat[2] + (running == 3 ? since : 0));
}

static __always_inline void read_tcp(const struct tcp_sock *tp, struct fb_tcp *out)
{
	out->srtt_us = tp->srtt_us >> 3;
	out->min_rtt_us = tp->rtt_min.s[0].v;
	out->retransmits = tp->total_retrans;
	out->lost = tp->lost_out;
	read_chrono(tp, out);
}

/* Sequence number of the first byte ever sent. A client's bytes_acked also counts its SYN, a
 * server's does not (its socket is made after the SYN-ACK). */
static __always_inline __u32 out_base(const struct tcp_sock *tp, __u8 end)
{
	return tp->snd_una - (__u32)tp->bytes_acked + (end == FB_END_CLIENT ? 1 : 0);
}

static __always_inline __u32 in_base(const struct tcp_sock *tp)
{
	return tp->rcv_nxt - (__u32)tp->bytes_received;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Reserving and sending records. User space drains on a timer: a wake-up per record would cost
 * more than everything else here together, so every submit says BPF_RB_NO_WAKEUP.
 */
#ifndef FOREBAY_RING_H
#define FOREBAY_RING_H

#include "../maps.h"

static __always_inline void ring_lost(void)
{
	__sync_fetch_and_add(&losses.ring_full, 1);
}

static __always_inline void start_record(struct fb_record *r, enum fb_kind kind, __u64 cookie)
{
	r->kind = kind;
	r->head_len = 0;
	r->pad = 0;
	r->cookie = cookie;
}

static __always_inline void send_record(void *record)
{
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

#endif

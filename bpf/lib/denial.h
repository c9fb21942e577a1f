/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Counting what was judged, and telling of what was refused. */
#ifndef FOREBAY_DENIAL_H
#define FOREBAY_DENIAL_H

#include "verdict.h"

static __always_inline void count(__u32 which)
{
	__u64 *sum = bpf_map_lookup_elem(&tally, &which);

	if (sum)
		*sum += 1;
}

/* How many denials to tell of now; 0: held back. Two CPUs at once may both tell, of one each. */
static __always_inline __u64 to_tell(const struct question *q, __u32 reason, __u64 now)
{
	struct fb_denied first = { .told_ns = now }, *d;
	struct fb_denied_key key = {
		.workload = q->workload,
		.reason = reason,
		.revision = q->revision,
		.side = q->side,
	};

	__builtin_memcpy(key.peer, q->peer.address, 16);
	d = bpf_map_lookup_elem(&denied, &key);
	if (!d) {
		bpf_map_update_elem(&denied, &key, &first, BPF_ANY);
		return 1;
	}
	if (now - d->told_ns < denial_interval_ns) {
		__sync_fetch_and_add(&d->count, 1);
		return 0;
	}
	d->told_ns = now;
	return __sync_lock_test_and_set(&d->count, 0) + 1;
}

static __always_inline void tell_denial(const struct question *q, __u32 reason, __u64 cgroup_id)
{
	__u64 now = bpf_ktime_get_ns(), times = to_tell(q, reason, now);
	struct fb_denial *d;

	if (!times) {
		count(FB_HELD_BACK);
		return;
	}
	d = bpf_ringbuf_reserve(&denials, sizeof(*d), 0);
	if (!d) {
		count(FB_RING_FULL);
		return;
	}
	d->at_ns = now;
	d->cgroup_id = cgroup_id;
	d->count = times;
	__builtin_memcpy(d->peer, q->peer.address, 16);
	d->workload = q->workload;
	d->reason = reason;
	d->revision = q->revision;
	d->port = q->port;
	d->protocol = q->protocol;
	d->side = q->side;
	bpf_ringbuf_submit(d, BPF_RB_NO_WAKEUP);
}

/* Counts a verdict and tells of it if it refuses; whether it lets pass. */
static __always_inline int settle(const struct question *q, __u32 verdict, __u64 cgroup_id)
{
	if (!(verdict & FB_DENY)) {
		count(verdict == FB_NOT_GOVERNED ? FB_UNMANAGED : FB_ALLOWED);
		return 1;
	}
	count(FB_DENIED);
	tell_denial(q, verdict & ~FB_DENY, cgroup_id);
	return 0;
}

#endif

// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       iter/bpf_sk_storage_map
 * Fires when: user space asks, because a request waits for its end
 * Cost bound: one look at each remembered socket (about 5 us each)
 * Writes:     FB_SEGMENT snapshots of what was not reported yet; changes nothing
 * Absent on:  none known; without it the end of a large response shows with the next request
 */
#include "../lib/segment.h"

SEC("iter/bpf_sk_storage_map")
int flush(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct fb_sock *s = ctx->value;

	if (!s || !ctx->sk || s->ignored)
		return 0;
	send_rest(s, FB_OUT, NULL, 1);
	send_rest(s, FB_IN, NULL, 1);
	return 0;
}

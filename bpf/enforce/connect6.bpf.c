// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       cgroup/connect6
 * Fires when: a socket under the cgroup connects over IPv6, v4-mapped included
 * Cost bound: one walk up to 16 control groups, four lookups
 * Writes:     denials, tally
 * Absent on:  kernels before 4.17; without it such connects are not judged where they begin
 */
#include "../lib/sender.h"

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	struct question q = { .revision = current_revision() };
	__be32 words[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };

	set_peer6(&q.peer, words);
	return judge_sender(ctx, &q);
}

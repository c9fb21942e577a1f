// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       cgroup/sendmsg6
 * Fires when: an unconnected UDP socket under the cgroup sends over IPv6, v4-mapped included
 * Cost bound: one walk up to 16 control groups, four lookups, at most one write
 * Writes:     denials, tally; sent: whose answers may come in
 * Absent on:  kernels before 4.18; without it such datagrams are not judged where they begin
 */
#include "../lib/sender.h"

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	struct question q = { .revision = current_revision() };
	__be32 words[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };

	set_peer6(&q.peer, words);
	if (!judge_sender(ctx, &q))
		return 0;
	expect_answer(ctx, &q);
	return 1;
}

// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       cgroup/sendmsg4
 * Fires when: an unconnected UDP socket under the cgroup sends over IPv4
 * Cost bound: one walk up to 16 control groups, four lookups, at most one write
 * Writes:     denials, tally; sent: whose answers may come in
 * Absent on:  kernels before 4.18; without it such datagrams are not judged where they begin
 */
#include "../lib/sender.h"

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	struct question q = { .revision = current_revision() };

	set_peer4(&q.peer, ctx->user_ip4);
	if (!judge_sender(ctx, &q))
		return 0;
	expect_answer(ctx, &q);
	return 1;
}

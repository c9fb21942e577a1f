// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       cgroup/connect4
 * Fires when: a socket under the cgroup connects over IPv4
 * Cost bound: one walk up to 16 control groups, four lookups
 * Writes:     denials, tally
 * Absent on:  kernels before 4.17; without it such connects are not judged where they begin
 */
#include "../lib/sender.h"

char LICENSE[] SEC("license") = "GPL";

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	struct question q = { .revision = current_revision() };

	set_peer4(&q.peer, ctx->user_ip4);
	return judge_sender(ctx, &q);
}

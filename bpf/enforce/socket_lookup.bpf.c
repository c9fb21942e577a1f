// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       sk_lookup
 * Fires when: TCP or UDP arrives in the network namespace for which no connection stands
 * Cost bound: five lookups; connections that stand never come here
 * Writes:     denials, tally
 * Absent on:  kernels before 5.9; without it nothing is refused on arrival
 */
#include "../lib/denial.h"

/* An answer comes this long after what it answers, as connection tracking has it. */
static const __u64 answer_ns = 120000000000;

/* The answer to a datagram of an unconnected socket. */
static __always_inline int is_answer(struct bpf_sk_lookup *ctx, const struct question *q)
{
	struct fb_sent_key key = {
		.workload = q->workload,
		.local_port = ctx->local_port,
		.peer_port = ctx->remote_port,
	};

	__u64 *at;

	if (q->protocol != PROTOCOL_UDP)
		return 0;
	__builtin_memcpy(key.peer, q->peer.address, 16);
	at = bpf_map_lookup_elem(&sent, &key);
	return at && bpf_ktime_get_ns() - *at < answer_ns;
}

SEC("sk_lookup")
int socket_lookup(struct bpf_sk_lookup *ctx)
{
	struct question q = { .revision = current_revision(), .side = FB_INGRESS };
	struct fb_address_key local;
	struct fb_peer *own;

	if (!q.revision)
		return SK_PASS;
	if (ctx->family == FAMILY_INET) {
		set_peer4(&q.peer, ctx->remote_ip4);
		set_peer4(&local, ctx->local_ip4);
	} else {
		__be32 theirs[4] = { ctx->remote_ip6[0], ctx->remote_ip6[1], ctx->remote_ip6[2],
				     ctx->remote_ip6[3] };
		__be32 ours[4] = { ctx->local_ip6[0], ctx->local_ip6[1], ctx->local_ip6[2],
				   ctx->local_ip6[3] };

		set_peer6(&q.peer, theirs);
		set_peer6(&local, ours);
	}
	set_traffic(&q, ctx->protocol, ctx->local_port);
	own = find_peer(&local, q.revision);
	/* Loopback, or the network of a node: no policy is about it. */
	if (own && (own->workload == FB_ANYONE || (!own->workload && own->node)))
		return SK_PASS;
	/* The address of a workload's namespace is new: its verdict does not stand yet. */
	q.workload = own && own->workload ? own->workload : FB_UNDECIDED;
	if (is_answer(ctx, &q)) {
		count(FB_ANSWERED);
		return SK_PASS;
	}
	return settle(&q, judge(&q), 0) ? SK_PASS : SK_DROP;
}

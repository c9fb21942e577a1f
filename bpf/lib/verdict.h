/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The verdict: `forebay_core::policy::Table::judge`, step by step. At most four lookups, whatever
 * the number of policies and peers.
 */
#ifndef FOREBAY_VERDICT_H
#define FOREBAY_VERDICT_H

#include "../enforce/maps.h"

enum {
	PROTOCOL_ICMP = 1,
	PROTOCOL_UDP = 17,
	PROTOCOL_SCTP = 132,
	PROTOCOL_MPTCP = 262,
};

/* What is judged. */
struct question {
	struct fb_address_key peer;
	__u32 workload;
	__u32 revision; /* read once, first */
	__u16 port;	/* host byte order */
	__u8 protocol;
	__u8 side;
};

static __always_inline __u32 current_revision(void)
{
	return *(volatile __u32 *)&revision;
}

/* What policies can't name is as ICMP is: only rules without ports are about it. */
static __always_inline void set_traffic(struct question *q, __u32 protocol, __u16 port)
{
	if (protocol == PROTOCOL_MPTCP)
		protocol = PROTOCOL_TCP;
	if (protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP) {
		q->protocol = protocol;
		q->port = port;
	} else {
		q->protocol = PROTOCOL_ICMP;
		q->port = 0;
	}
}

static __always_inline void set_peer4(struct fb_address_key *key, __be32 address)
{
	__builtin_memset(key->address, 0, 10);
	key->address[10] = key->address[11] = 0xff;
	__builtin_memcpy(key->address + 12, &address, 4);
	key->bits = 128;
}

static __always_inline void set_peer6(struct fb_address_key *key, const __be32 words[4])
{
	__builtin_memcpy(key->address, words, 16);
	key->bits = 128;
}

/* The subject of tables in force; none: no policy is about it. */
static __always_inline struct fb_subject *find_subject(const struct question *q)
{
	__u32 slot = q->revision & 1, workload = q->workload;
	void *inner = q->revision ? bpf_map_lookup_elem(&subjects, &slot) : NULL;

	return inner ? bpf_map_lookup_elem(inner, &workload) : NULL;
}

static __always_inline struct fb_peer *find_peer(const struct fb_address_key *key, __u32 revision)
{
	__u32 slot = revision & 1;
	void *inner = revision ? bpf_map_lookup_elem(&peers, &slot) : NULL;

	return inner ? bpf_map_lookup_elem(inner, key) : NULL;
}

static __always_inline __u32 find_verdict(const struct question *q, __u32 table)
{
	struct fb_port_key key = {
		.bits = 64,
		.table = bpf_htonl(table),
		.protocol = bpf_htons(q->protocol),
		.port = bpf_htons(q->port),
	};
	__u32 slot = q->revision & 1, *verdict;
	void *inner = bpf_map_lookup_elem(&ports, &slot);

	verdict = inner ? bpf_map_lookup_elem(inner, &key) : NULL;
	return verdict ? *verdict : FB_DENY | FB_BROKEN;
}

static __always_inline __u32 judge_subject(const struct question *q, const struct fb_subject *s)
{
	__u32 side = q->side & 1, slot = q->revision & 1, table, *other;
	struct fb_peer *peer = find_peer(&q->peer, q->revision);
	struct fb_pair pair;
	void *inner;

	if (!peer)
		return FB_DENY | FB_BROKEN;
	if (peer->workload == FB_ANYONE || peer->workload == q->workload)
		return FB_ITSELF;
	if (peer->node && peer->node == s->node &&
	    (side == FB_INGRESS || s->flags & FB_NODE_LOCAL_EGRESS))
		return FB_NODE_LOCAL;
	if (s->flags & FB_IS_PENDING)
		return FB_DENY | FB_PENDING;
	pair.set = side == FB_INGRESS ? s->set[1] : s->set[0];
	table = side == FB_INGRESS ? s->table[1] : s->table[0];
	pair.class = peer->class;
	inner = bpf_map_lookup_elem(&pairs, &slot);
	if (!inner)
		return FB_DENY | FB_BROKEN;
	other = bpf_map_lookup_elem(inner, &pair);
	return find_verdict(q, other ? *other : table);
}

static __always_inline __u32 judge(const struct question *q)
{
	struct fb_subject *s = find_subject(q);

	return s ? judge_subject(q, s) : FB_NOT_GOVERNED;
}

#endif

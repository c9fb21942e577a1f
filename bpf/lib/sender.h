/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the hooks of senders share: whose socket it is, and the refusal. A socket keeps the control
 * group of its birth, so that one is asked and then those above it, not the caller's.
 */
#ifndef FOREBAY_SENDER_H
#define FOREBAY_SENDER_H

#include "denial.h"

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

static __always_inline __u32 workload_of(void *known, __u64 cgroup_id)
{
	__u32 *workload = bpf_map_lookup_elem(known, &cgroup_id);

	return workload ? *workload : FB_NOBODY;
}

/* By the socket's own control group, from 6.2 on. */
static __always_inline __u32 by_socket(void *known, struct bpf_sock *of, __u64 *cgroup_id)
{
	struct sock *sk = bpf_rdonly_cast(of, bpf_core_type_id_kernel(struct sock));
	struct cgroup *group = sk->sk_cgrp_data.cgroup;
	struct cgroup_subsys_state *above;
	__u32 workload;
	int level;

	*cgroup_id = group->kn->id;
	for (level = 0; level < FB_DEPTH_MAX; level++) {
		workload = workload_of(known, group->kn->id);
		if (workload)
			return workload;
		above = group->self.parent;
		if (!above)
			break;
		group = above->cgroup;
	}
	return FB_NOBODY;
}

/* By the caller's, which is the same unless the socket was handed over. */
static __always_inline __u32 by_task(void *known, __u64 *cgroup_id)
{
	__u32 workload;
	__u64 id;
	int level;

	*cgroup_id = bpf_get_current_cgroup_id();
	for (level = FB_DEPTH_MAX; level > 0; level--) {
		id = bpf_get_current_ancestor_cgroup_id(level);
		workload = id ? workload_of(known, id) : FB_NOBODY;
		if (workload)
			return workload;
	}
	return FB_NOBODY;
}

static __always_inline __u32 find_sender(struct bpf_sock *sk, __u32 revision, __u64 *cgroup_id)
{
	__u32 slot = revision & 1;
	void *known = revision ? bpf_map_lookup_elem(&cgroups, &slot) : NULL;

	if (!known)
		return FB_NOBODY;
	if (bpf_ksym_exists(bpf_rdonly_cast))
		return by_socket(known, sk, cgroup_id);
	return by_task(known, cgroup_id);
}

/* 1: goes on; 0: the call fails with EPERM or `refusal_errno`. */
static __always_inline int judge_sender(struct bpf_sock_addr *ctx, struct question *q)
{
	__u64 cgroup_id = 0;

	q->side = FB_EGRESS;
	q->workload = find_sender(ctx->sk, q->revision, &cgroup_id);
	set_traffic(q, ctx->protocol, bpf_ntohs(ctx->user_port));
	if (!q->workload) {
		count(FB_UNMANAGED);
		return 1;
	}
	if (settle(q, judge(q), cgroup_id))
		return 1;
	if (refusal_errno && bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_set_retval))
		bpf_set_retval(-(int)refusal_errno);
	return 0;
}

/* Notes whom an unconnected socket sends to, so that sk_lookup lets answers in. */
static __always_inline void expect_answer(struct bpf_sock_addr *ctx, const struct question *q)
{
	struct fb_sent_key key = {
		.workload = q->workload,
		.local_port = ctx->sk->src_port,
		.peer_port = ctx->user_port,
	};
	__u64 now = bpf_ktime_get_ns(), *at;

	if (!q->workload)
		return;
	__builtin_memcpy(key.peer, q->peer.address, 16);
	at = bpf_map_lookup_elem(&sent, &key);
	if (!at || now - *at > FB_SENT_NS)
		bpf_map_update_elem(&sent, &key, &now, BPF_ANY);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The kernel's own types, only the fields that are read. Offsets are relocated at load time
 * (CO-RE), so the order and the missing fields do not matter.
 */
#ifndef FOREBAY_KERNEL_H
#define FOREBAY_KERNEL_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#define RELOCATED __attribute__((preserve_access_index))

struct ns_common {
	unsigned int inum;
} RELOCATED;

struct net {
	struct ns_common ns;
} RELOCATED;

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr___kernel {
	union {
		__u8 u6_addr8[16];
	} in6_u;
} RELOCATED;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr___kernel skc_v6_daddr;
	struct in6_addr___kernel skc_v6_rcv_saddr;
} RELOCATED;

struct kernfs_node {
	__u64 id;
} RELOCATED;

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
} RELOCATED;

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
} RELOCATED;

struct sock_cgroup_data {
	struct cgroup *cgroup;
} RELOCATED;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	struct sock_cgroup_data sk_cgrp_data;
} RELOCATED;

struct minmax_sample {
	__u32 t;
	__u32 v;
} RELOCATED;

struct minmax {
	struct minmax_sample s[3];
} RELOCATED;

struct tcp_sock {
	__u32 lost_out;
	__u32 copied_seq;
	struct minmax rtt_min;
	__u8 chrono_type : 2;
	__u32 chrono_start;
	__u32 chrono_stat[3];
	__u32 write_seq;
	__u32 rcv_nxt;
	__u32 snd_una;
	__u32 srtt_us;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u32 total_retrans;
	__u64 tcp_clock_cache;
} RELOCATED;

struct sk_buff {
	struct sock *sk;
	unsigned int len;
	char cb[48];
} RELOCATED;

struct tcp_skb_cb {
	__u32 seq;
} RELOCATED;

struct sched_info {
	unsigned long long run_delay;
} RELOCATED;

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct task_struct *group_leader;
	struct sched_info sched_info;
} RELOCATED;

struct iov_iter {
	unsigned long count;
} RELOCATED;

struct msghdr {
	struct iov_iter msg_iter;
} RELOCATED;

struct bpf_iter_meta {
	struct seq_file *seq;
} RELOCATED;

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
} RELOCATED;

enum {
	TCP_ESTABLISHED_STATE = 1,
	TCP_SYN_SENT_STATE = 2,
	TCP_SYN_RECV_STATE = 3,
	TCP_CLOSE_STATE = 7,
	TCP_CLOSE_WAIT_STATE = 8,
	TCP_LISTEN_STATE = 10,
	FAMILY_INET = 2,
	FAMILY_INET6 = 10,
	PROTOCOL_TCP = 6,
};

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags,
			       struct bpf_dynptr *ptr__uninit) __ksym __weak;

#endif

/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every map and global of the enforce object: who writes, who reads, bound.
 *
 * The tables exist twice, in slots 0 and 1. User space fills the slot that is not in use, then sets
 * `revision`; its lowest bit is the slot. A program reads `revision` once, first, so that it sees
 * tables of one policy only.
 */
#ifndef FOREBAY_ENFORCE_MAPS_H
#define FOREBAY_ENFORCE_MAPS_H

#include "../lib/kernel.h"
#include "wire.h"

/* Sizes and no types: of inner maps, BTF has the types' names alone. */
struct fb_peers_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, FB_PEERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, sizeof(struct fb_address_key));
	__uint(value_size, sizeof(struct fb_peer));
};

struct fb_subjects_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FB_SUBJECTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct fb_subject));
};

struct fb_cgroups_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FB_CGROUPS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, sizeof(__u64));
	__uint(value_size, sizeof(__u32));
};

struct fb_pairs_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FB_PAIRS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, sizeof(struct fb_pair));
	__uint(value_size, sizeof(__u32));
};

struct fb_ports_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, FB_PORTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, sizeof(struct fb_port_key));
	__uint(value_size, sizeof(__u32));
};

/* Written by user space, read by all hooks: who has an address, and its class. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct fb_peers_map);
} peers __weak SEC(".maps");

/* Written by user space, read by all hooks: workloads that policy can be about. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct fb_subjects_map);
} subjects __weak SEC(".maps");

/* Written by user space, read by the hooks of senders: the workload of a control group. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct fb_cgroups_map);
} cgroups __weak SEC(".maps");

/* Written by user space, read by all hooks: port tables of sets and classes, where not as most. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct fb_pairs_map);
} pairs __weak SEC(".maps");

/* Written by user space, read by all hooks: verdicts by table, protocol and port. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct fb_ports_map);
} ports __weak SEC(".maps");

/* Written by the hooks, drained by user space. Records that do not fit are counted. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, FB_DENIALS_BYTES);
} denials __weak SEC(".maps");

/* Denials that are told once for a time. */
struct fb_denied_key {
	__u32 workload;
	__u32 reason;
	__u32 revision;
	__u8 side;
	__u8 pad[3];
	__u8 peer[16];
};

struct fb_denied {
	__u64 told_ns;
	__u64 count; /* since then */
};

/* Written by the hooks. The oldest goes first when full; `tally` keeps the sums. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FB_DENIED_MAX);
	__type(key, struct fb_denied_key);
	__type(value, struct fb_denied);
} denied __weak SEC(".maps");

/* Whom a workload's unconnected sockets have sent to: their answers find no connection. */
struct fb_sent_key {
	__u32 workload;
	__u16 local_port;
	__be16 peer_port;
	__u8 peer[16];
};

/* Written by sendmsg4 and 6, read by sk_lookup. The oldest goes first when full. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FB_SENT_MAX);
	__type(key, struct fb_sent_key);
	__type(value, __u64);
} sent __weak SEC(".maps");

/* Counted by the hooks, by enum fb_tally, read by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FB_TALLIES);
	__type(key, __u32);
	__type(value, __u64);
} tally __weak SEC(".maps");

/* Written by user space, answered by `judge`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FB_ROWS_MAX);
	__type(key, __u32);
	__type(value, struct fb_row);
} rows __weak SEC(".maps");

/* Written by user space: which tables hold; 0: none yet. */
__u32 revision __weak;
/* Written by user space: what a refused connect or send gets; 0: EPERM. */
__u32 refusal_errno __weak;
/* Written by user space: denials of one reason and peer are told this often. */
__u64 denial_interval_ns __weak;
/* Written by user space: how many of `rows` are questions. */
__u32 rows_asked __weak;
/* Anchors: types reach user space only if something points to them. */
struct fb_denial *anchor_denial __weak;
enum fb_side anchor_side __weak;
enum fb_who anchor_who __weak;
enum fb_reason anchor_reason __weak;
enum fb_verdict anchor_verdict __weak;
enum fb_subject_flags anchor_subject_flags __weak;
enum fb_tally anchor_tally __weak;
enum fb_enforce_bounds anchor_enforce_bounds __weak;

#endif

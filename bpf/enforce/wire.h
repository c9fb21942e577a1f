/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * All of enforcement that crosses to user space: the tables that policy is compiled to, and
 * denials. `forebay_core::policy::table` says what each means; numbers are the same there.
 *
 * Addresses are 16 bytes, IPv4 as v4-mapped. Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef FOREBAY_ENFORCE_WIRE_H
#define FOREBAY_ENFORCE_WIRE_H

enum fb_side {
	FB_EGRESS = 0,
	FB_INGRESS = 1,
};

/* Whoever has an address, beside numbers of workloads. */
enum fb_who {
	FB_NOBODY = 0,
	FB_UNDECIDED = 0xfffffffe, /* a subject that no verdict stands for yet */
	FB_ANYONE = 0xffffffff,	   /* loopback */
};

/* Reasons that are no rule; a rule's are FB_FIRST_RULE and up. */
enum fb_reason {
	FB_DEFAULT = 0,
	FB_ITSELF = 1,
	FB_NODE_LOCAL = 2,
	FB_NOT_GOVERNED = 3,
	FB_PENDING = 4,
	FB_BROKEN = 5,
	FB_FIRST_RULE = 16,
};

enum fb_verdict {
	FB_DENY = 0x80000000, /* the rest is the reason */
};

/* How a subject is judged. */
enum fb_subject_flags {
	FB_IS_PENDING = 1,	  /* only loopback and its own node */
	FB_NODE_LOCAL_EGRESS = 2, /* may always reach its own node */
};

enum fb_enforce_bounds {
	FB_PEERS_MAX = 1 << 20,	   /* prefixes of addresses */
	FB_SUBJECTS_MAX = 1 << 16, /* workloads of this node */
	FB_CGROUPS_MAX = 1 << 16,  /* their control groups */
	FB_PAIRS_MAX = 1 << 20,	   /* sets and classes that are not as most */
	FB_PORTS_MAX = 1 << 20,	   /* blocks of ports */
	FB_DEPTH_MAX = 16,	   /* control groups above a socket's that are asked */
	FB_DENIALS_BYTES = 1 << 18,
	FB_DENIED_MAX = 4096,	   /* reasons and peers whose denials are counted apart */
	FB_SENT_MAX = 16384,	   /* answers that unconnected sockets may get */
	FB_SENT_NS = 2000000000,   /* renewed this often */
	FB_ROWS_MAX = 4096,	   /* questions at once */
};

struct fb_address_key {
	__u32 bits;
	__u8 address[16];
};

struct fb_peer {
	__u32 class;
	__u32 workload;
	__u32 node; /* 0: none */
};

/* Arrays are by enum fb_side. */
struct fb_subject {
	__u32 node; /* 0: not known */
	__u32 flags;
	__u32 set[2];
	__u32 table[2]; /* for what `pairs` does not have */
};

struct fb_pair {
	__u32 set;
	__u32 class;
};

/* Big-endian, because a prefix begins with the highest bits. */
struct fb_port_key {
	__u32 bits;
	__be32 table;
	__be16 protocol;
	__be16 port;
};

/* Something was refused. */
struct fb_denial {
	__u64 at_ns;
	__u64 cgroup_id; /* 0: refused on arrival */
	__u64 count;	 /* denials for this reason and peer since the last record of them */
	__u8 peer[16];
	__u32 workload;
	__u32 reason;
	__u32 revision;
	__u16 port;
	__u8 protocol;
	__u8 side;
};

/* What happened to beginnings of exchanges, one counter each. */
enum fb_tally {
	FB_ALLOWED = 0,
	FB_DENIED = 1,
	FB_UNMANAGED = 2, /* of nobody whom the tables know */
	FB_HELD_BACK = 3, /* denials without a record of their own */
	FB_RING_FULL = 4, /* records lost */
	FB_ANSWERED = 5,  /* let in as answers to what was sent */
	FB_TALLIES = 6,
};

/* A question of user space, and what the hooks' code says of it. */
struct fb_row {
	__u8 peer[16];
	__u32 workload;
	__u16 port;
	__u8 protocol;
	__u8 side;
	__u32 verdict;
	__u32 pad;
};

#endif

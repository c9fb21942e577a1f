/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Every map and global of the observe object: who writes, who reads, bound. */
#ifndef FOREBAY_MAPS_H
#define FOREBAY_MAPS_H

#include "lib/kernel.h"
#include "wire.h"

/* Sum of the segments of one direction that were not reported one by one. Its length is the
 * half's `rest_len`: looked at for every message, while this is mostly not touched. */
struct fb_rest {
	__u64 app_ns, net_ns, app_last_ns, net_last_ns;
	__u32 seq;
	__u8 tail[8];
	__u8 tail_len;
	__u8 turn;
	__u8 pad[2];
	__u32 tail_seq; /* just after `tail`, where it was copied before the read */
};

/* One direction of a socket. */
struct fb_half {
	__u32 next_seq;	   /* first byte not yet accounted for */
	__u32 pending_seq; /* byte that pending_ns is about */
	__u64 pending_ns;  /* out: write that began at pending_seq; in: its arrival */
	__u16 head;	   /* bytes wanted of a turn or chunk */
	__u16 head_left;   /* of this turn */
	__u16 segments_left;
	__u8 report; /* enum fb_report */
	__u8 known;  /* next_seq is valid */
	__u16 turns; /* so far, modulo 2^16 */
	union {
		/* In: reads of this socket can't be seen with their bytes. */
		__u8 copy_on_arrival;
		/* Out: nothing was left behind the last packet; only where writes are unseen. */
		__u8 drained;
	};
	__u8 ends;	/* the last bytes decide if any are copied (fb_sock.usual) */
	__u32 rest_len; /* of the sum; 0: nothing to report */
};

/*
 * What the kernel half remembers of a socket. Reader, writer and arrivals are often on different
 * CPUs, and each line of memory that two of them touch travels between them: a storage's value
 * begins 8 bytes into a line of 64, so all up to half[FB_IN] lies in the first line, all up to
 * write_left in the second, and the sums, which short messages never touch, behind them.
 */
struct fb_sock {
	__u64 cookie;
	__u64 arrived_ns; /* last arrival that moved the stream forward */
	__u32 orders;	  /* generation of orders taken */
	__u8 end;	  /* enum fb_end */
	__u8 opened;	  /* FB_OPEN was sent */
	__u8 ignored;	  /* the agent's own */
	__u8 last;	  /* direction that moved last + 1, 0 = none yet */
	struct fb_half half[2]; /* by enum fb_direction */
	__u64 clock_ns;	  /* TCP's clock when it was last taken for a departure */
	__u64 out_run_delay_ns;
	__u32 out_tid;
	__u32 pid;
	__u32 write_seq;  /* where the write in progress stood last */
	__u32 write_left; /* bytes it still had to hand over then */
	struct fb_rest rest[2]; /* by enum fb_direction */
	struct fb_usual usual[2]; /* as ordered; apart from the halves, which every packet touches */
};

/* Written by all hooks, read by user space on a timer. Records that do not fit are counted. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, FB_RING_BYTES);
} ring __weak SEC(".maps");

/* Written by all hooks. Bound: `sockets_max`, kept by count in `losses.sockets`. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct fb_sock);
} sockets __weak SEC(".maps");

/* Written by all hooks: the socket last refused at each place (low half of its cookie), so that a
 * refused one counts once and not with each packet. Two that share a place count anew in turns. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FB_REFUSED_MAX);
	__type(key, __u32);
	__type(value, __u32);
} refused __weak SEC(".maps");

/* Written by user space, taken (and deleted) by the socket's next event. Key: socket cookie. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FB_ORDERS_MAX);
	__type(key, __u64);
	__type(value, struct fb_order);
} orders __weak SEC(".maps");

/* Addresses of a connection as its packets carry them: peer first. */
struct fb_tuple {
	__u8 peer[16];
	__u8 local[16];
	__u16 peer_port;
	__u16 local_port;
	__u32 netns_pad;
};

/* First requests that arrived before their socket existed (deferred accept, fast open).
 * Written at arrival, taken at the first read. Oldest goes first when full. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FB_DEFERRED_MAX);
	__type(key, struct fb_tuple);
	__type(value, __u64);
} deferred __weak SEC(".maps");

/* Counted by the hooks, read by user space. */
struct fb_losses losses __weak;
/* Bumped by user space after it wrote orders. */
__u32 orders_generation __weak;
/* Written by user space: sockets that its memory allows; 0 or beyond FB_SOCKETS_MAX: that many. */
__u32 sockets_max __weak;
/* Anchors: a ring record's type reaches user space only if something points to it. */
struct fb_open *anchor_open __weak;
struct fb_owner *anchor_owner __weak;
struct fb_segment *anchor_segment __weak;
struct fb_mark *anchor_mark __weak;
struct fb_close *anchor_close __weak;
enum fb_kind anchor_kind __weak;
enum fb_end anchor_end __weak;
enum fb_report anchor_report __weak;
enum fb_segment_flags anchor_flags __weak;
enum fb_bounds anchor_bounds __weak;
/* Set before load: the agent's own process, whose sockets are left alone. */
const volatile __u32 agent_pid __weak = 0;
/* Set before load: reads can't be seen with their bytes on this kernel, copy at arrival. */
const volatile __u8 copy_on_arrival __weak = 0;
/* Set before load: no hook sees writes; a write begins with its first packet. */
const volatile __u8 writes_unseen __weak = 0;
/* Set before load: no hook sees sockets go; they end with their last state. */
const volatile __u8 ends_unseen __weak = 0;

#endif

/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The one contract between the kernel half and user space: every struct, enum and bound that
 * crosses. User space gets these types from this object's BTF, never by hand.
 *
 * All times are CLOCK_MONOTONIC nanoseconds (bpf_ktime_get_ns), 0 = not seen. Sequence numbers
 * are TCP's, host byte order.
 */
#ifndef FOREBAY_WIRE_H
#define FOREBAY_WIRE_H

/* What a record in the ring is. */
enum fb_kind {
	FB_OPEN = 1,	/* struct fb_open */
	FB_OWNER = 2,	/* struct fb_owner */
	FB_SEGMENT = 3, /* struct fb_segment, head bytes follow */
	FB_MARK = 4,	/* struct fb_mark */
	FB_CLOSE = 5,	/* struct fb_close */
};

enum fb_direction {
	FB_IN = 0,
	FB_OUT = 1,
};

/* Which end of a connection a socket is. */
enum fb_end {
	FB_END_UNKNOWN = 0,
	FB_END_CLIENT = 1,
	FB_END_SERVER = 2,
};

/* How a direction is reported; set by user space through the `orders` map. */
enum fb_report {
	FB_TURNS = 0,  /* the first segments of each turn, with head bytes */
	FB_CHUNKS = 1, /* every segment */
	FB_QUIET = 2,  /* sums only */
};

/* Flags of a segment. */
enum fb_segment_flags {
	FB_TURN = 1,	 /* the other direction moved before this */
	FB_REST = 2,	 /* sums up all segments since the last record of this direction */
	FB_SNAPSHOT = 4, /* a REST that goes on growing; a later record may cover the same range */
	FB_COPIED = 8,	 /* head bytes only, times follow in another record (arrival-side copy) */
	FB_ENDING = 16,	 /* the head bytes are the segment's last ones */
};

enum fb_bounds {
	FB_HEAD_MAX = 4096,	   /* bytes copied of one segment */
	FB_TAIL_MAX = 8,	   /* last bytes copied of one segment */
	FB_HEAD_DEFAULT = 4096,	   /* bytes copied of one turn until user space decides */
	FB_HEAD_SEGMENT = 256,	   /* of each of its segments when those are used up */
	FB_ENDING_MAX = 4096,	   /* last bytes copied of a segment that does not end as usual */
	FB_SEGMENTS_PER_TURN = 64, /* segments reported one by one in one turn */
	FB_SOCKETS_MAX = 32768,	   /* sockets tracked at once */
	FB_REFUSED_MAX = 16384,	   /* sockets beyond that bound that are counted once each */
	FB_ORDERS_MAX = 8192,	   /* orders not yet taken by their socket */
	FB_DEFERRED_MAX = 1024,	   /* first requests waiting for their deferred accept */
	FB_RING_BYTES = 8 << 20,   /* ring buffer */
	FB_REST_NS = 1000000000,   /* a quiet direction reports its sum this often */
};

/* Every record starts with this. */
struct fb_record {
	__u16 kind;	/* enum fb_kind */
	__u16 head_len; /* bytes that follow a struct fb_segment */
	__u32 pad;
	__u64 cookie;
};

/* A socket was seen for the first time. */
struct fb_open {
	struct fb_record r;
	__u64 at_ns;
	__u64 cgroup_id;
	__u8 local[16]; /* IPv4 as v4-mapped */
	__u8 peer[16];
	__u16 local_port;
	__u16 peer_port;
	__u32 netns;	/* inode number */
	__u32 out_base; /* sequence number of the first byte ever sent */
	__u32 in_base;
	__u8 end;	/* enum fb_end */
	__u8 old;	/* the connection was there before the agent */
	__u8 pad[6];
};

/* A process was seen using the socket. */
struct fb_owner {
	struct fb_record r;
	__u64 at_ns;
	__u64 cgroup_id;
	__u32 pid;
	__u32 pad;
	char comm[16]; /* of the thread group leader */
};

/* TCP's state; counters are cumulative. */
struct fb_tcp {
	__u32 srtt_us;
	__u32 min_rtt_us;
	__u32 retransmits;
	__u32 lost;
	__u32 busy_us; /* sending, held by neither of the next two; steps of a jiffy */
	__u32 rwnd_limited_us;
	__u32 sndbuf_limited_us;
	__u32 tid; /* thread that read or wrote, 0 outside its context */
	__u64 run_delay_ns;
};

/* Bytes that passed the socket. */
struct fb_segment {
	struct fb_record r;
	__u32 seq;
	__u32 len;
	__u64 app_ns; /* write began (out) or read (in) */
	__u64 net_ns; /* left TCP (out) or arrived (in) */
	__u64 app_last_ns;
	__u64 net_last_ns;
	struct fb_tcp tcp;
	__u8 direction; /* enum fb_direction */
	__u8 flags;	/* enum fb_segment_flags */
	__u8 tail_len;
	__u8 pad[1];
	__u16 turns; /* of this direction so far, modulo 2^16 */
	__u8 pad2[2];
	__u8 tail[8];
	__u8 head[];
};

/* Out: a write began behind unsent bytes. In: an arrival behind unread bytes. */
struct fb_mark {
	struct fb_record r;
	__u64 at_ns;
	__u32 seq;
	__u8 direction;
	__u8 pad[3];
};

/* The peer sent FIN (half) or the connection is gone. */
struct fb_close {
	struct fb_record r;
	__u64 at_ns;
	struct fb_tcp tcp;
	__u32 fin_seq; /* half: just after the peer's last byte; else what was expected next */
	__u8 half;
	__u8 pad[3];
};

/* The last 8 bytes of segments that end as usual, in memory order. */
struct fb_usual {
	__u64 bytes;
	__u64 mask; /* bits that are the same in all of them; 0: not known */
};

/* What user space wants of a socket. The kernel takes it at the socket's next event.
 * With FB_CHUNKS and no head, bytes are copied only of segments that do not end as usual. */
struct fb_order {
	__u16 head_in;
	__u16 head_out;
	__u16 turn_in; /* turns of each direction when the order was given */
	__u16 turn_out;
	__u8 report_in;
	__u8 report_out;
	__u8 pad[6];
	struct fb_usual usual_in;
	struct fb_usual usual_out;
};

/* Losses and what else the kernel half counts since it was loaded. */
struct fb_losses {
	__u64 ring_full;	 /* records */
	__u64 socket_table_full; /* sockets not tracked */
	__u64 sockets;		 /* sockets tracked now */
	__u64 unseen_reads;	 /* times bytes were found read that no hook saw */
};

#endif

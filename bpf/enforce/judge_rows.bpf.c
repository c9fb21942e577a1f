// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       tc, never attached: run by user space
 * Fires when: user space asks, with questions in `rows`
 * Cost bound: four lookups for each of at most 4096 rows
 * Writes:     the verdicts into `rows`
 * Absent on:  kernels before 5.17 (bpf_loop); without it tables can't be tested in this kernel
 */
#include "../lib/verdict.h"

static long judge_row(__u64 index, void *unused)
{
	struct question q = { .revision = current_revision() };
	__u32 place = index;
	struct fb_row *row = bpf_map_lookup_elem(&rows, &place);

	if (!row)
		return 1;
	__builtin_memcpy(q.peer.address, row->peer, 16);
	q.peer.bits = 128;
	q.workload = row->workload;
	q.side = row->side;
	set_traffic(&q, row->protocol, row->port);
	row->verdict = judge(&q);
	return 0;
}

SEC("tc")
int judge_rows(struct __sk_buff *skb)
{
	bpf_loop(rows_asked, judge_row, NULL, 0);
	return 0;
}

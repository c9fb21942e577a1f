// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Hook:       tp_btf/tcp_destroy_sock
 * Fires when: the kernel lets go of a TCP socket
 * Cost bound: up to three records per connection and end
 * Writes:     FB_SEGMENT (what was not reported yet), FB_CLOSE
 * Absent on:  none known; without it inet_sock_set_state tells the end
 */
#include "../lib/end.h"

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroy_sock, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (tp)
		forget_socket(sk, tp);
	return 0;
}

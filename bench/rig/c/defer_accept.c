// SPDX-License-Identifier: Apache-2.0
// Gives a program a listening socket with TCP_DEFER_ACCEPT as its standard input.
//
// defer_accept PORT PROGRAM ARGUMENTS…; listens on 127.0.0.1.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: defer_accept PORT PROGRAM ARGUMENTS...\n");
		return 2;
	}
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])) };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int sock = socket(AF_INET, SOCK_STREAM, 0), one = 1, seconds = 5;
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (setsockopt(sock, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)) ||
	    bind(sock, (void *)&address, sizeof(address)) || listen(sock, 128) || dup2(sock, 0) < 0) {
		perror("defer_accept");
		return 1;
	}
	close(sock);
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}

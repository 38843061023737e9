/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small server with the classic bug: every request gets a session object,
 * and one way out of the handler forgets to free it. It talks to nobody; the
 * requests are made up.
 */
#include <stdint.h>
#include "examples/demo.h"

enum {
	SESSION_MIN = 2 * 1024,
	SESSION_MAX = 64 * 1024,
	FORGET_ONE_IN = 8,
};

struct session {
	uint64_t user;
	size_t size; /* bytes of state */
	char state[];
};

struct server {
	struct demo demo;
	uint64_t requests;
	uint64_t checksum;
	double lost_bytes; /* what the bug has cost; a real server would not know */
	unsigned short random[3];
};

static struct session *cache_session(struct server *server, uint64_t user)
{
	size_t size = SESSION_MIN + nrand48(server->random) % (SESSION_MAX - SESSION_MIN);
	struct session *session = demo_alloc(&server->demo, sizeof(*session) + size);

	session->user = user;
	session->size = size;
	memset(session->state, (int)user, size);
	return session;
}

static uint64_t render_page(const struct session *session)
{
	uint64_t sum = session->user;

	for (size_t i = 0; i < session->size; i += 64)
		sum = sum * 31 + (unsigned char)session->state[i];
	return sum;
}

static bool client_hung_up(const struct server *server)
{
	return server->requests % FORGET_ONE_IN == 0;
}

static void handle_request(struct server *server)
{
	struct session *session = cache_session(server, server->requests++);

	if (client_hung_up(server)) {
		/* The bug: this way out does not free the session. */
		server->lost_bytes += session->size;
		return;
	}
	server->checksum += render_page(session);
	free(session);
}

int main(int argc, char **argv)
{
	struct server server = {
		.demo = { .name = "leaky",
			  .purpose = "a server that forgets to free some of its sessions",
			  .rate_help = "how fast it leaks, in MB per second",
			  .rate_mb_s = 6,
			  .tick_ms = 10,
			  .max_mb = 1500 },
		.random = { 1, 2, 3 },
	};

	demo_begin(&server.demo, argc, argv);
	while (demo_tick(&server.demo)) {
		while (server.lost_bytes < server.demo.due_bytes)
			handle_request(&server);
	}
	printf("leaky: served %llu requests, lost %.0f MB\n", (unsigned long long)server.requests,
	       server.lost_bytes / DEMO_MB);
	return demo_end(&server.demo);
}

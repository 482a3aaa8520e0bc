/* nanomsg.c - nanomsg inproc: each consumer binds a pull socket, each producer's push socket is connected to all of them. */
#include "peers.h"

#ifdef HAVE_NANOMSG
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct hub {
    unsigned serial;
    size_t consumers;
} hub;

static void *hub_open(const bench_case *c)
{
    static unsigned serial;
    hub *h = bench_alloc(sizeof(*h));
    h->serial = ++serial;
    h->consumers = c->consumers ? c->consumers : 1;
    return h;
}

static void *hub_attach(void *transport, bool receiver, size_t index)
{
    const hub *h = transport;
    int *socket = bench_alloc(sizeof(*socket)), wait = BENCH_WAIT_MS;
    char name[48];
    *socket = nn_socket(AF_SP, receiver ? NN_PULL : NN_PUSH);
    bench_check(*socket >= 0, "nn_socket");
    bench_check(nn_setsockopt(*socket, NN_SOL_SOCKET, NN_RCVTIMEO, &wait, sizeof(wait)) == 0, "nn_setsockopt");
    if (receiver) {
        snprintf(name, sizeof(name), "inproc://bench%u-%u", h->serial, (unsigned)index);
        bench_check(nn_bind(*socket, name) >= 0, "nn_bind");
        return socket;
    }
    for (size_t i = 0; i < h->consumers; i++) { /* connecting before the other has bound is allowed */
        snprintf(name, sizeof(name), "inproc://bench%u-%u", h->serial, (unsigned)i);
        bench_check(nn_connect(*socket, name) >= 0, "nn_connect");
    }
    return socket;
}

static void hub_detach(void *end)
{
    nn_close(*(int *)end);
    free(end);
}

static void hub_send(void *end, const void *data, size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bench_check(nn_send(*(int *)end, data, size, 0) == (int)size, "nn_send");
}

static size_t hub_receive(void *end, size_t max)
{
    size_t got = 0;
    for (; got < max; got++) {
        void *data = NULL;
        int size = nn_recv(*(int *)end, &data, NN_MSG, got ? NN_DONTWAIT : 0);
        if (size < 0) {
            bench_check(errno == EAGAIN || errno == ETIMEDOUT || errno == EINTR, "nn_recv");
            break;
        }
        bench_read(data, (size_t)size);
        nn_freemsg(data);
    }
    return got;
}

const bench_transport peer_nanomsg = {
    .open = hub_open, .close = free, .attach = hub_attach, .detach = hub_detach, .send = hub_send, .receive = hub_receive
};
#else
const bench_transport peer_nanomsg = { .open = NULL };
#endif

/* zmq.c - ZeroMQ inproc: each consumer binds a PULL socket, each producer's PUSH is connected to all of them. */
#include "peers.h"

#ifdef HAVE_ZMQ
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

typedef struct hub {
    void *context;
    size_t consumers;
} hub;

static void *hub_open(const bench_case *c)
{
    hub *h = bench_alloc(sizeof(*h));
    h->context = zmq_ctx_new();
    h->consumers = c->consumers ? c->consumers : 1;
    bench_check(h->context != NULL, "zmq_ctx_new");
    return h;
}

static void hub_close(void *transport)
{
    hub *h = transport;
    zmq_ctx_term(h->context);
    free(h);
}

static void *hub_attach(void *transport, bool receiver, size_t index)
{
    const hub *h = transport;
    void *socket = zmq_socket(h->context, receiver ? ZMQ_PULL : ZMQ_PUSH);
    bench_check(socket != NULL, "zmq_socket");
    int mark = BENCH_CAPACITY / 2, wait = BENCH_WAIT_MS, linger = 0; /* inproc: the marks of both ends add up */
    bench_check(zmq_setsockopt(socket, receiver ? ZMQ_RCVHWM : ZMQ_SNDHWM, &mark, sizeof(mark)) == 0, "zmq_setsockopt");
    bench_check(zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof(wait)) == 0, "zmq_setsockopt");
    bench_check(zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger)) == 0, "zmq_setsockopt");
    char name[32];
    if (receiver) {
        snprintf(name, sizeof(name), "inproc://pull%u", (unsigned)index);
        bench_check(zmq_bind(socket, name) == 0, "zmq_bind");
        return socket;
    }
    for (size_t i = 0; i < h->consumers; i++) {
        snprintf(name, sizeof(name), "inproc://pull%u", (unsigned)i);
        bench_check(zmq_connect(socket, name) == 0, "zmq_connect");
    }
    return socket;
}

static void hub_detach(void *end)
{
    zmq_close(end);
}

static void hub_send(void *end, const void *data, size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        while (zmq_send(end, data, size, 0) < 0)
            bench_check(errno == EINTR, "zmq_send");
    }
}

static size_t hub_receive(void *end, size_t max)
{
    size_t got = 0;
    for (; got < max; got++) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        int size = zmq_msg_recv(&message, end, got ? ZMQ_DONTWAIT : 0);
        if (size < 0) {
            bench_check(errno == EAGAIN || errno == EINTR, "zmq_msg_recv");
            zmq_msg_close(&message);
            break;
        }
        bench_read(zmq_msg_data(&message), (size_t)size);
        zmq_msg_close(&message);
    }
    return got;
}

const bench_transport peer_zmq = {
    .open = hub_open, .close = hub_close, .attach = hub_attach, .detach = hub_detach, .send = hub_send, .receive = hub_receive
};
#else
const bench_transport peer_zmq = { .open = NULL };
#endif

/* nng.c - nng inproc: each consumer listens with a pull socket, each producer's push socket is connected to all of them. */
#include "peers.h"

#ifdef HAVE_NNG
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/supplemental/util/platform.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct hub {
    unsigned serial; /* addresses are those of the process */
    size_t consumers;
} hub;

static void check(int status, const char *what)
{
    if (status != 0)
        fprintf(stderr, "%s: %s\n", what, nng_strerror(status));
    bench_check(status == 0, what);
}

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
    nng_socket *socket = bench_alloc(sizeof(*socket));
    char name[48];
    check(receiver ? nng_pull0_open(socket) : nng_push0_open(socket), "nng open");
    if (receiver) {
        check(nng_socket_set_int(*socket, NNG_OPT_RECVBUF, 2048), "nng receive buffer"); /* of either side; both add up */
        check(nng_socket_set_ms(*socket, NNG_OPT_RECVTIMEO, BENCH_WAIT_MS), "nng receive time");
        snprintf(name, sizeof(name), "inproc://bench%u-%u", h->serial, (unsigned)index);
        check(nng_listen(*socket, name, NULL, 0), "nng_listen");
        return socket;
    }
    check(nng_socket_set_int(*socket, NNG_OPT_SENDBUF, 2048), "nng send buffer");
    for (size_t i = 0; i < h->consumers; i++) {
        int status;
        snprintf(name, sizeof(name), "inproc://bench%u-%u", h->serial, (unsigned)i);
        while ((status = nng_dial(*socket, name, NULL, 0)) == NNG_ECONNREFUSED) /* that consumer is not there yet */
            nng_msleep(1);
        check(status, "nng_dial");
    }
    return socket;
}

static void hub_detach(void *end)
{
    nng_close(*(nng_socket *)end);
    free(end);
}

static void hub_send(void *end, const void *data, size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(nng_send(*(nng_socket *)end, (void *)(uintptr_t)data, size, 0), "nng_send"); /* only read without NNG_FLAG_ALLOC */
}

static size_t hub_receive(void *end, size_t max)
{
    size_t got = 0;
    for (; got < max; got++) {
        nng_msg *message;
        int status = nng_recvmsg(*(nng_socket *)end, &message, got ? NNG_FLAG_NONBLOCK : 0);
        if (status == NNG_EAGAIN || status == NNG_ETIMEDOUT)
            break;
        check(status, "nng_recvmsg");
        bench_read(nng_msg_body(message), nng_msg_len(message));
        nng_msg_free(message);
    }
    return got;
}

const bench_transport peer_nng = {
    .open = hub_open, .close = free, .attach = hub_attach, .detach = hub_detach, .send = hub_send, .receive = hub_receive
};
#else
const bench_transport peer_nng = { .open = NULL };
#endif

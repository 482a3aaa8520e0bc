/* tbb.c - the transport around tbb.cpp. */
#include "peers.h"

#ifdef HAVE_TBB
void *peer_tbb_open(size_t capacity);
void peer_tbb_close(void *transport);
void peer_tbb_send(void *transport, const void *data, size_t size);
void *peer_tbb_take(void *transport, bool wait, size_t *ret_size);
void peer_tbb_free(void *data);

static void *queue_open(const bench_case *c)
{
    (void)c;
    return peer_tbb_open(BENCH_CAPACITY);
}

static void queue_send(void *end, const void *data, size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++)
        peer_tbb_send(end, data, size);
}

static size_t queue_receive(void *end, size_t max)
{
    size_t got = 0;
    for (; got < max; got++) {
        size_t size;
        void *data = peer_tbb_take(end, got == 0, &size);
        if (!data)
            break;
        bench_read(data, size);
        peer_tbb_free(data);
    }
    return got;
}

const bench_transport peer_tbb = { .open = queue_open, .close = peer_tbb_close, .send = queue_send, .receive = queue_receive };
#else
const bench_transport peer_tbb = { .open = NULL };
#endif

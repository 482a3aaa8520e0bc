// tbb.cpp - oneTBB: its bounded concurrent queue, in which send and receive block.
#include <tbb/concurrent_queue.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace
{

struct item {
    std::size_t size;
    unsigned char *data()
    {
        return reinterpret_cast<unsigned char *>(this + 1);
    }
};

using queue = tbb::concurrent_bounded_queue<item *>;

} // namespace

/* What tbb.c makes a transport of. */
extern "C" {
void *peer_tbb_open(std::size_t capacity);
void peer_tbb_close(void *transport);
void peer_tbb_send(void *transport, const void *data, std::size_t size);
void *peer_tbb_take(void *transport, bool wait, std::size_t *ret_size);
void peer_tbb_free(void *data);
}

void *peer_tbb_open(std::size_t capacity)
{
    queue *q = new queue;
    q->set_capacity(static_cast<queue::size_type>(capacity));
    return q;
}

void peer_tbb_close(void *transport)
{
    queue *q = static_cast<queue *>(transport);
    for (item *i = nullptr; q->try_pop(i);)
        std::free(i);
    delete q;
}

void peer_tbb_send(void *transport, const void *data, std::size_t size)
{
    item *i = static_cast<item *>(std::malloc(sizeof(item) + size));
    if (i == nullptr)
        std::abort();
    i->size = size;
    std::memcpy(i->data(), data, size);
    static_cast<queue *>(transport)->push(i);
}

/* pop() of TBB cannot be given a time, so that a waiting receiver at the end of a run would wait for ever: it asks for a while and naps. */
void *peer_tbb_take(void *transport, bool wait, std::size_t *ret_size)
{
    queue *q = static_cast<queue *>(transport);
    item *i = nullptr;
    for (unsigned tries = 0; !q->try_pop(i); tries++) {
        if (!wait || tries > 2000)
            return nullptr;
        std::this_thread::yield();
    }
    *ret_size = i->size;
    return i->data();
}

void peer_tbb_free(void *data)
{
    std::free(static_cast<item *>(data) - 1);
}

// tbb_blocking.cpp - oneTBB's bounded concurrent queue with plain values; its push and pop block.
#include <tbb/concurrent_queue.h>

#include <cstddef>
#include <cstdint>

using queue = tbb::concurrent_bounded_queue<std::uint64_t>;

/* What blocking.c makes a queue of. */
extern "C" {
void *peer_tbb_blocking_open(std::size_t capacity);
void peer_tbb_blocking_close(void *opened);
void peer_tbb_blocking_push(void *opened, std::uint64_t from, std::uint64_t count);
std::uint64_t peer_tbb_blocking_pop(void *opened, std::uint64_t count);
}

void *peer_tbb_blocking_open(std::size_t capacity)
{
    queue *q = new queue;
    q->set_capacity(static_cast<queue::size_type>(capacity));
    return q;
}

void peer_tbb_blocking_close(void *opened)
{
    delete static_cast<queue *>(opened);
}

void peer_tbb_blocking_push(void *opened, std::uint64_t from, std::uint64_t count)
{
    queue *q = static_cast<queue *>(opened);
    for (std::uint64_t i = 0; i < count; i++)
        q->push(from + i);
}

std::uint64_t peer_tbb_blocking_pop(void *opened, std::uint64_t count)
{
    queue *q = static_cast<queue *>(opened);
    std::uint64_t sum = 0, value = 0;
    for (std::uint64_t i = 0; i < count; i++) {
        q->pop(value);
        sum += value;
    }
    return sum;
}

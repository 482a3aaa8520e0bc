/** rings.h - rings of 64-bit values that ours is compared with. One that is not installed answers BENCH_ABSENT. */
#ifndef BENCH_RINGS_H
#define BENCH_RINGS_H

#include "../harness.h"

#define BENCH_RING_CAPACITY 1024u
#define BENCH_RING_BATCH 32u

bench_run_fn peer_spsc_ring_single, peer_spsc_ring_batch, peer_spsc_ring_threads; /**< one producer, one consumer: the limit */
bench_run_fn peer_mutex_queue_single, peer_mutex_queue_batch, peer_mutex_queue_threads;
bench_run_fn peer_ck_ring_single, peer_ck_ring_threads; /**< has no batches for several threads */
bench_run_fn peer_rte_ring_single, peer_rte_ring_batch, peer_rte_ring_threads;

static inline void bench_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

#endif

/*
 * memory.c - the explorer's allocator. Nothing is handed out twice within a schedule, so that a late access to freed memory always hits
 * memory that is known to be free; each block has a margin behind it that must stay as it was.
 *
 * The blocks of a schedule lie one behind the other in one region, at a fixed address if the system allows, so that addresses, and what
 * the library makes of them, are the same each time a schedule is run.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REGION ((size_t)1 << 28)
#define MAX_BLOCKS 32768u
#define MARGIN 16u
#define FRESH 0xa5
#define FREED 0xdd
#define PAINT 4096u /* bytes of a large block that are painted at each end of its life */

static char *region;
static size_t used;
static ex_block blocks[MAX_BLOCKS]; /* in the order of their addresses */
static uint32_t block_count, live;
static uint32_t refuse_after;

void explore_refuse_memory(uint32_t after)
{
    refuse_after = after;
}

void ex_memory_begin(void)
{
    if (region == NULL) {
        region = mmap((void *)(uintptr_t)UINT64_C(0x300000000000), REGION, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (region == MAP_FAILED) {
            perror("explore: mmap");
            exit(2);
        }
    }
    used = 0;
    block_count = live = 0;
    refuse_after = 0;
}

static void paint(const ex_block *block, int with)
{
    memset((void *)block->start, with, block->size < PAINT ? block->size : PAINT);
}

void *ex_malloc(size_t size)
{
    ex_thread *me = ex.current;
    ex_block *block;
    size_t room;

    if (refuse_after != 0 && (refuse_after == 1 || --refuse_after == 0)) {
        refuse_after = 1;
        return NULL;
    }
    room = (size + MARGIN + 15) / 16 * 16;
    if (size > REGION / 2 || block_count == MAX_BLOCKS || used + room > REGION) {
        explore_fail("the scenario needs more memory than the explorer has");
    }
    me->now.cc[me->index] = ++me->now.hb[me->index];
    block = &blocks[block_count++];
    *block = (ex_block){ (uintptr_t)region + used, size, false, me->index, me->now.hb[me->index], ex.steps, NULL };
    used += room;
    live++;
    paint(block, FRESH);
    memset((void *)(block->start + size), FRESH, MARGIN);
    return (void *)block->start;
}

ex_block *ex_block_of(uintptr_t address)
{
    static uint32_t last; /* mostly it is asked for the same one again */
    uint32_t low = 0, high = block_count;

    if (address < (uintptr_t)region || address >= (uintptr_t)region + used) {
        return NULL;
    }
    if (last < block_count && blocks[last].start <= address && address - blocks[last].start < blocks[last].size) {
        return &blocks[last];
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (blocks[middle].start <= address) {
            low = middle;
        } else {
            high = middle;
        }
    }
    last = low;
    return &blocks[low];
}

void ex_free(void *address)
{
    ex_thread *me = ex.current;
    ex_block *block = ex_block_of((uintptr_t)address);

    if (address == NULL) {
        return;
    }
    if (block == NULL || block->start != (uintptr_t)address) {
        explore_fail("%p is freed, and is no block", address);
    }
    if (block->freed) {
        explore_fail("double free: a block of %zu bytes, freed by %s in step %u", block->size, ex_thread_name(block->thread), block->step);
    }
    if (block->clock > me->now.hb[block->thread]) {
        explore_fail("data race: freed by %s, for which its allocation by %s did not happen before", ex_thread_name(me->index),
                     ex_thread_name(block->thread));
    }
    for (size_t i = 0; i < MARGIN; i++) {
        if (((const uint8_t *)block->start)[block->size + i] != FRESH) {
            explore_fail("a block of %zu bytes was written %zu bytes behind its end", block->size, i + 1);
        }
    }
    me->now.cc[me->index] = ++me->now.hb[me->index];
    ex_range_end(block->places, block->start, block->size);
    block->freed = true;
    block->thread = me->index;
    block->step = ex.steps;
    live--;
    paint(block, FREED);
}

void explore_block_gone(explore_site *site, const volatile void *place, size_t size)
{
    ex_block *block = ex_block_of((uintptr_t)place);

    site->hits++;
    if (block != NULL) {
        ex.current->now.cc[ex.current->index] = ++ex.current->now.hb[ex.current->index];
        ex_range_end(block->places, (uintptr_t)place, size);
    }
}

void explore_block_born(const volatile void *place, size_t size)
{
    ex_block *block = ex_block_of((uintptr_t)place);

    if (block != NULL) {
        ex.current->now.cc[ex.current->index] = ++ex.current->now.hb[ex.current->index];
        ex_range_begin(block->places, (uintptr_t)place, size);
    }
}

void ex_memory_check_leaks(void)
{
    for (uint32_t i = 0; i < block_count && live > 0; i++) {
        if (!blocks[i].freed) {
            explore_fail("leak: %u blocks are left, the first of %zu bytes, made by %s in step %u", live, blocks[i].size,
                         ex_thread_name(blocks[i].thread), blocks[i].step);
        }
    }
}

/*
 * heap.h - the allocator of an instance, with its budget.
 *
 * All memory of an instance comes from here. The heap counts the bytes that are out; an allocation that would pass the budget is
 * refused before the allocator is asked. Small blocks that live for a short time do not come here one by one: memory/block.h deals them
 * out of chunks that it takes from here. When an allocation is refused, the heap asks that layer to give back what it does not need
 * (nb_heap_set_relief) and tries once more.
 *
 * Lifetime. Messages outlive their instance, so the heap outlives it too. The counter of bytes includes the heap's own size until
 * nb_heap_close(); whoever brings it to zero frees the heap. So the one atomic counter is budget, leak check and reference count.
 *
 * Ordering. `bytes` is changed by read-modify-writes only. nb_free() and nb_heap_close() subtract with acquire-release: the release
 * makes the freeing thread's last accesses happen before the free of the heap by whoever subtracts last (which acquires).
 */
#ifndef NB_BASE_HEAP_H
#define NB_BASE_HEAP_H

#include <stdatomic.h>

#include <nimbus/base.h>

typedef struct nb_heap nb_heap;

/* Gives memory back to the heap, if there is any to spare. Whether it did. Called without a lock of the heap's. */
typedef bool nb_heap_relief(nb_heap *heap);

/* The first two members are memory/'s, which reads them for every block; all else is heap.c's. */
struct nb_heap {
    uint64_t serial; /* of the slabs; never used again. NB_HEAP_BARE: there are none */
    void *slabs;
    nb_heap_relief *relief;
    nimbus_allocator allocator;
    size_t budget;
    atomic_size_t bytes;
};

#define NB_HEAP_BARE UINT64_MAX

/* allocator NULL: malloc and free. budget 0: no bound. NULL: out of memory. */
nb_heap *nb_heap_open(const nimbus_allocator *allocator, size_t budget);

/* The owner is done; blocks that are still out keep the heap alive. */
void nb_heap_close(nb_heap *heap);

/* Before the heap is shared, or when nobody allocates any more; NULL: none. */
void nb_heap_set_relief(nb_heap *heap, nb_heap_relief *relief);

/* Uninitialised memory for any object; NULL: nb_heap_failure() says why. size > 0. */
void *nb_alloc(nb_heap *heap, size_t size);

/* The same, all bytes zero. */
void *nb_alloc_zero(nb_heap *heap, size_t size);

/* count * size bytes, checked for overflow. */
void *nb_alloc_array(nb_heap *heap, size_t count, size_t size);

/* The same as nb_alloc, for who can do without: nobody is asked to give back anything. */
void *nb_alloc_spare(nb_heap *heap, size_t size);

/* block may be NULL. size is what was asked for. */
void nb_free(nb_heap *heap, void *block, size_t size);

/* Charges or gives back memory that the heap did not make (adopted bodies). False: over the budget, nothing charged. */
bool nb_heap_charge(nb_heap *heap, size_t size);
void nb_heap_uncharge(nb_heap *heap, size_t size);

/* After a NULL: NIMBUS_E_FULL if the budget refused size bytes, else NIMBUS_E_NO_MEMORY. */
nimbus_status nb_heap_failure(const nb_heap *heap, size_t size);

size_t nb_heap_bytes(const nb_heap *heap);
size_t nb_heap_budget(const nb_heap *heap);

/* A copy of text, ending in NUL; free it with nb_text_free. text NULL gives NULL. */
char *nb_text_copy(nb_heap *heap, const char *text);
void nb_text_free(nb_heap *heap, char *text);

#endif

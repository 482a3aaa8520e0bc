/*
 * list.h - a doubly linked list through members of its elements.
 *
 * A link that is in no list points to itself, so that removing it twice is harmless and nb_link_in() can be asked.
 */
#ifndef NB_BASE_LIST_H
#define NB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nb_link {
    struct nb_link *prev, *next;
} nb_link;

typedef nb_link nb_list; /* the head: next is the first element, prev the last */

#define NB_CONTAINER(pointer, type, member) ((type *)((uintptr_t)(pointer) - offsetof(type, member)))

static inline void nb_link_init(nb_link *link)
{
    link->prev = link->next = link;
}

static inline bool nb_link_in(const nb_link *link)
{
    return link->next != link;
}

static inline bool nb_list_empty(const nb_list *list)
{
    return list->next == list;
}

static inline void nb_link_after(nb_link *at, nb_link *link)
{
    link->prev = at;
    link->next = at->next;
    at->next->prev = link;
    at->next = link;
}

static inline void nb_list_push(nb_list *list, nb_link *link)
{
    nb_link_after(list->prev, link);
}

static inline void nb_list_push_front(nb_list *list, nb_link *link)
{
    nb_link_after(list, link);
}

static inline void nb_link_remove(nb_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    nb_link_init(link);
}

/* NULL: empty. */
static inline nb_link *nb_list_first(const nb_list *list)
{
    return nb_list_empty(list) ? NULL : list->next;
}

static inline nb_link *nb_list_pop(nb_list *list)
{
    nb_link *first = nb_list_first(list);

    if (first != NULL) {
        nb_link_remove(first);
    }
    return first;
}

/* Moves all elements of from to the end of to. */
static inline void nb_list_append_all(nb_list *to, nb_list *from)
{
    if (!nb_list_empty(from)) {
        from->next->prev = to->prev;
        to->prev->next = from->next;
        from->prev->next = to;
        to->prev = from->prev;
        nb_link_init(from);
    }
}

#endif

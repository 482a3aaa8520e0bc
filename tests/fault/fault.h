/**
 * fault.h - a scenario is run once for each allocation it makes, which fails; and once more for each, all later ones failing too.
 *
 * A scenario makes its calls through the macros below. A call that answers NIMBUS_E_NO_MEMORY must have met a failed allocation; it is
 * repeated with memory at hand and must then go well, so that the scenario always comes to its end and shows that the instance is usable.
 */
#ifndef NIMBUS_TESTS_FAULT_FAULT_H
#define NIMBUS_TESTS_FAULT_FAULT_H

#include "../support/support.h"

typedef struct fault {
    test_heap heap;
    nimbus_runtime *nb;
    nimbus_error err;
    size_t refused; /* calls that answered NIMBUS_E_NO_MEMORY */
    uint64_t n;
    bool persistent;
} fault;

typedef void fault_scenario(fault *f);

/* Runs the scenario until no allocation of it was failed: each once, or each and all after it. */
void fault_each(fault_scenario *scenario);

/* Opens a driven instance with a manual clock, the first time perhaps in vain. */
void fault_open(fault *f);

/* Closes it; nothing may be left. */
void fault_close(fault *f);

/* Whether a status is the one of a failed allocation; if so, counts it and checks that there was one since before. */
bool fault_met(fault *f, nimbus_status status, uint64_t before, const char *text, const char *file, int line);

/* A call with a status: status holds what it answered in the end. */
#define TRY(f, status, call)                                                                                                               \
    do {                                                                                                                                   \
        uint64_t before_ = heap_failed(&(f)->heap);                                                                                        \
        (status) = (call);                                                                                                                 \
        if (fault_met((f), (status), before_, #call, __FILE__, __LINE__)) {                                                                \
            heap_pause(&(f)->heap);                                                                                                        \
            (status) = (call);                                                                                                             \
            heap_resume(&(f)->heap);                                                                                                       \
            test_true((status) != NIMBUS_E_NO_MEMORY, #call " with memory", __FILE__, __LINE__);                                           \
        }                                                                                                                                  \
    } while (0)

#define TRY_OK(f, call)                                                                                                                    \
    do {                                                                                                                                   \
        nimbus_status status_;                                                                                                             \
        TRY((f), status_, call);                                                                                                           \
        test_status(status_, NIMBUS_OK, #call, __FILE__, __LINE__);                                                                        \
    } while (0)

/* A set-up call that gives a handle and uses f->err. */
#define MAKE(f, handle, call)                                                                                                              \
    do {                                                                                                                                   \
        uint64_t before_ = heap_failed(&(f)->heap);                                                                                        \
        (handle) = (call);                                                                                                                 \
        test_true(((handle) == NULL) == ((f)->err.status != NIMBUS_OK), #call " gives a handle or an error", __FILE__, __LINE__);          \
        if (fault_met((f), (f)->err.status, before_, #call, __FILE__, __LINE__)) {                                                         \
            (f)->err = (nimbus_error){ 0 };                                                                                                \
            heap_pause(&(f)->heap);                                                                                                        \
            (handle) = (call);                                                                                                             \
            heap_resume(&(f)->heap);                                                                                                       \
        }                                                                                                                                  \
        test_status((f)->err.status, NIMBUS_OK, #call, __FILE__, __LINE__);                                                                \
    } while (0)

/* A set-up call that gives a status and uses f->err. */
#define SET_UP(f, call)                                                                                                                    \
    do {                                                                                                                                   \
        uint64_t before_ = heap_failed(&(f)->heap);                                                                                        \
        nimbus_status status_ = (call);                                                                                                    \
        test_status((f)->err.status, status_, #call ": err.status", __FILE__, __LINE__);                                                   \
        if (fault_met((f), status_, before_, #call, __FILE__, __LINE__)) {                                                                 \
            (f)->err = (nimbus_error){ 0 };                                                                                                \
            heap_pause(&(f)->heap);                                                                                                        \
            status_ = (call);                                                                                                              \
            heap_resume(&(f)->heap);                                                                                                       \
        }                                                                                                                                  \
        test_status(status_, NIMBUS_OK, #call, __FILE__, __LINE__);                                                                        \
    } while (0)

#endif

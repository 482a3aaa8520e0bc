/*
 * fiber.c - the threads of a scenario: stacks that are switched by hand.
 *
 * makecontext() makes a stack, and swapping contexts would switch it, with two system calls each time. So a fiber is entered by its
 * context once, and from then on by _longjmp() to where it last called _setjmp(), or to its base for another thread.
 */
#include "engine.h"

#include <stdlib.h>
#include <sys/mman.h>

#define STACK_SIZE ((size_t)256 * 1024)
#define GUARD_SIZE ((size_t)16 * 1024)

static char *stacks;

/* Stacks lie at a fixed address if the system allows, so that addresses of locals are the same in each run of the program. */
void ex_fibers_init(void)
{
    size_t size = (STACK_SIZE + GUARD_SIZE) * EX_THREADS;
    char *wish = (char *)(uintptr_t)UINT64_C(0x200000000000);

    stacks = mmap(wish, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stacks == MAP_FAILED) {
        perror("explore: mmap");
        exit(2);
    }
    for (uint32_t i = 0; i < EX_THREADS; i++) {
        mprotect(stacks + i * (STACK_SIZE + GUARD_SIZE), GUARD_SIZE, PROT_NONE);
    }
}

/* Of a fiber, or of the main thread, which is in a schedule now. */
bool ex_on_stack(uintptr_t address)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    return (address >= (uintptr_t)stacks && address - (uintptr_t)stacks < (STACK_SIZE + GUARD_SIZE) * EX_THREADS) ||
           (address > here && address - here < STACK_SIZE);
}

/* The base is entered again for each thread that is to run on this stack, whatever the last one left there. */
static void fiber_main(void)
{
    _setjmp(ex.current->base);
    ex.current->run(ex.current->arg);
    ex_thread_done();
}

static _Noreturn void enter(ex_thread *to)
{
    ex.current = to;
    if (!to->started) {
        to->started = true;
        to->fresh = false;
        setcontext(&to->context);
        abort();
    }
    if (to->fresh) {
        to->fresh = false;
        _longjmp(to->base, 1);
    }
    _longjmp(to->place, 1);
}

void ex_fiber_prepare(ex_thread *thread, void (*run)(void *), void *arg)
{
    thread->run = run;
    thread->arg = arg;
    thread->fresh = true;
    if (!thread->started) {
        getcontext(&thread->context);
        thread->context.uc_stack.ss_sp = stacks + thread->index * (STACK_SIZE + GUARD_SIZE) + GUARD_SIZE;
        thread->context.uc_stack.ss_size = STACK_SIZE;
        thread->context.uc_link = NULL;
        makecontext(&thread->context, fiber_main, 0);
    }
}

void ex_fiber_switch(ex_thread *to)
{
    if (_setjmp(ex.current->place) == 0) {
        enter(to);
    }
}

void ex_fiber_leave(ex_thread *to)
{
    if (to == NULL) {
        ex.current = &ex.threads[0];
        _longjmp(ex.main_place, 1);
    }
    enter(to);
}

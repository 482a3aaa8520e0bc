/*
 * rare.h - what the compiler is told of how often something happens, in functions that every message goes through. Elsewhere it is noise.
 */
#ifndef NB_BASE_RARE_H
#define NB_BASE_RARE_H

/* A condition that is nearly never true. */
#define NB_RARE(condition) __builtin_expect((condition), 0)

/* A function that is kept out of one that is called for each message. */
#define NB_APART __attribute__((noinline))

/* The same, and compiled for size: only for what is an error, or as slow as one. */
#define NB_SELDOM __attribute__((noinline, cold))

#endif

/* life.h - what life.c needs of runtime.c. */
#ifndef NB_RUNTIME_LIFE_H
#define NB_RUNTIME_LIFE_H

#include "runtime/runtime.h"

/* Frees an instance without objects whose threads have been stopped. */
void nb_runtime_free(nimbus_runtime *nb);

#endif

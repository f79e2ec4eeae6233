/* SPDX-License-Identifier: Apache-2.0 */
/* Orders from faultin, over a socket; each is answered with 0 or an errno. When the other
 * side closes it, however it ends, nobody wants records any more. */
#ifndef FAULTIN_CONTROL_H
#define FAULTIN_CONTROL_H

#include "shared.h"

/* A thread reads orders from this socket from here on, and posts EVENT_ORDER with each;
 * with NULL when the other side has gone. Returns 0, or an errno. */
int control_begin(int fd);
/* The order was carried out. */
void control_answer(int error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What faultin has the guard do. */
#ifndef FAULTIN_ORDERS_H
#define FAULTIN_ORDERS_H

#include "policy.h"

/* Carries out an order: 0, or an errno. */
int orders_obey(const struct order *order);

#endif

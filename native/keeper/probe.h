/* SPDX-License-Identifier: Apache-2.0 */
/* Whether tasks can be traced here: tries it on a child of its own. Prints why not, and
 * returns 1; or 0. */
#ifndef FAULTIN_PROBE_H
#define FAULTIN_PROBE_H

int probe(void);

#endif

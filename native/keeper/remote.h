/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a record lacks, for faultin: where the kernel has nobody to take the fault. */
#ifndef FAULTIN_REMOTE_H
#define FAULTIN_REMOTE_H

int remote_main(char **words);

#endif

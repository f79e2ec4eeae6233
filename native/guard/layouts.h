/* SPDX-License-Identifier: Apache-2.0 */
/* How programs of 64 bits lay out what names other memory. */
#ifndef FAULTIN_LAYOUTS_H
#define FAULTIN_LAYOUTS_H

#include "../../bpf/wire.h"

#define NAME_MAX_BYTES 128 /* struct sockaddr_storage: of a longer name the kernel takes so much */

struct user_iovec {
	u64 base, len;
};

/* uapi: struct user_msghdr, 64 bits */
struct user_msghdr {
	u64 name;
	u32 namelen, pad;
	u64 iov, iovlen, control, controllen;
	u32 flags, pad2;
};

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text as Python decodes it. */
#ifndef FAULTIN_UTF8_H
#define FAULTIN_UTF8_H

#include "../bpf/wire.h"

#pragma GCC visibility push(hidden)
/* Whether bytes are UTF-8: RFC 3629, so no surrogates, nothing overlong. */
int is_utf8(const u8 *s, u64 size);
#pragma GCC visibility pop

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "messages.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "copy.h"
#include "registers.h"

void messages_one(struct guarded *guarded)
{
	const u64 *args = guarded->made.args;

	if (guarded->made.nr != SYS_sendmmsg || !(u32)args[2])
		return;
	guarded->passed = (struct entered){ SYS_sendmsg, { args[0], args[1], args[3] } };
	guarded->messages = true;
}

s64 messages_sent(struct task *task, s64 ret)
{
	u32 size = ret;

	if (ret < 0)
		return ret;
	if (copy_out(task->pid, &size, sizeof(size),
		     task->guarded->made.args[1] + offsetof(struct mmsghdr, msg_len)))
		ret = 1;
	else
		ret = -EFAULT;
	registers_return(task->pid, ret);
	return ret;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "decide.h"

#include "condition.h"

static void take(struct task *task, const struct step *step, u64 *resolve)
{
	task->guarded->decision = (struct decision){ step->rule, step->action, WHY_RULE, step->error };
	*resolve = step->resolve;
}

static void take_default(struct task *task, u64 *resolve)
{
	task->guarded->decision =
		(struct decision){ RULE_NONE, the_policy->action, WHY_DEFAULT, the_policy->error };
	*resolve = 0;
}

enum decided decide(struct task *task, u64 *resolve)
{
	const struct guarded_call *call = policy_call(task->guarded->passed.nr);
	u32 i;

	for (i = 0; call && i < call->count; i++) {
		const struct step *step = policy_step(call->first + i);

		if (step->asks)
			return DECIDE_ASK;
		if (step->code && !condition_holds(task, policy_code(step->code)))
			continue;
		take(task, step, resolve);
		return DECIDED;
	}
	take_default(task, resolve);
	return DECIDED;
}

void decide_told(struct task *task, u32 step, u64 *resolve)
{
	if (step >= the_policy->steps)
		take_default(task, resolve);
	else
		take(task, policy_step(step), resolve);
}

void decide_denied(struct task *task, enum why why, s32 error)
{
	task->guarded->decision = (struct decision){ RULE_NONE, ACTION_DENY, why, error };
}

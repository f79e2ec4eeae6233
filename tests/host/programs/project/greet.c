// SPDX-License-Identifier: Apache-2.0
// The greeting: one line on standard output.

#include <stdio.h>

#include "greet.h"

int greet(const char *whom)
{
	return printf("hello, %s\n", whom);
}

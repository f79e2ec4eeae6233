// SPDX-License-Identifier: Apache-2.0
// The program that make builds while it is traced.

#include "greet.h"

int main(void)
{
	return greet("world") < 0;
}

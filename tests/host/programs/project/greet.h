// SPDX-License-Identifier: Apache-2.0
// Who is greeted, and how.

#pragma once

int greet(const char *whom);

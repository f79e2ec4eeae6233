/* SPDX-License-Identifier: Apache-2.0 */
/* Tries one door after the other, and says after each whether the arena is as it was. */
#ifndef GUARD_TRIES_H
#define GUARD_TRIES_H

#include "arena.h"

#define PAGE 4096

static struct arena_place place;

struct try {
	const char *name;
	long (*run)(void);
};

/* Whether it is where it was, as it was, after a try. */
static void say_still_there(const char *what)
{
	struct arena_place after = arena();
	char name[64];

	snprintf(name, sizeof(name), "%s.arena", what);
	say(name, after.addr == place.addr && after.size == place.size && after.sealed ? "ok" : "LOST");
}

/* Whether the kernel reads what the guard has put there. */
static void say_served(const char *what)
{
	int bad = open("/tmp/forbidden", O_RDONLY), refused = bad < 0 && errno == EACCES;
	int good = open("/dev/null", O_RDONLY);
	char name[64];

	snprintf(name, sizeof(name), "%s.served", what);
	say(name, refused && good >= 0 ? "ok" : bad < 0 ? strerrorname_np(errno) : "OPEN");
	close(good);
	close(bad);
}

static int try_all(const struct try *tries, size_t count)
{
	size_t i;

	place = arena();
	if (!place.addr || !place.sealed)
		return 2;
	for (i = 0; i < count; i++) {
		say_failed(tries[i].name, tries[i].run());
		say_still_there(tries[i].name);
		say_served(tries[i].name);
	}
	return 0;
}

#endif

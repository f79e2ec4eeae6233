/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text for expect.h: objects, strings, bytes. Small, and never freed: the program is short-lived. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

static void *must(void *memory)
{
	if (!memory)
		die("out of memory");
	return memory;
}

void object_add(struct object *object, const char *key, const char *json)
{
	size_t more = strlen(key) + strlen(json) + sizeof(", \"\": ");

	object->text = must(realloc(object->text, object->len + more));
	object->len += (size_t)sprintf(object->text + object->len, "%s\"%s\": %s", object->len ? ", " : "", key, json);
}

char *object_text(struct object *object)
{
	char *text;

	if (asprintf(&text, "{%s}", object->len ? object->text : "") < 0)
		die("out of memory");
	free(object->text);
	*object = (struct object){0};
	return text;
}

static char *with_double_quotes(const char *format)
{
	char *copy = must(strdup(format));

	for (char *at = copy; (at = strchr(at, '\'')); at++)
		*at = '"';
	return copy;
}

static char *json_va(const char *format, va_list list)
{
	char *quoted = with_double_quotes(format);
	char *text;

	if (vasprintf(&text, quoted, list) < 0)
		die("out of memory");
	free(quoted);
	return text;
}

char *json(const char *format, ...)
{
	va_list list;
	char *text;

	va_start(list, format);
	text = json_va(format, list);
	va_end(list);
	return text;
}

/* The length of the UTF-8 sequence at `at`, 0 where it is none (RFC 3629: shortest form, no surrogates). */
static size_t sequence(const uint8_t *at, size_t left)
{
	static const struct { uint8_t first, last, low, high; size_t len; } rows[] = {
		{0x00, 0x7f, 0x80, 0xbf, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = rows[i].len;

		if (at[0] < rows[i].first || at[0] > rows[i].last)
			continue;
		if (len > left || (len > 1 && (at[1] < rows[i].low || at[1] > rows[i].high)))
			return 0;
		for (size_t k = 2; k < len; k++)
			if (at[k] >> 6 != 2)
				return 0;
		return len;
	}
	return 0;
}

static bool is_utf8(const uint8_t *data, size_t len)
{
	for (size_t at = 0, step; at < len; at += step) {
		step = sequence(data + at, len - at);
		if (!step)
			return false;
	}
	return true;
}

static char *escaped(const uint8_t *data, size_t len)
{
	char *text = must(malloc(len * 6 + 3)), *end = text;

	*end++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (data[i] < 0x20 || data[i] == '"' || data[i] == '\\')
			end += sprintf(end, "\\u%04x", data[i]);
		else
			*end++ = (char)data[i];
	}
	strcpy(end, "\"");
	return text;
}

static char *base64(const uint8_t *data, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = must(malloc(len / 3 * 4 + 5)), *end = text;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		uint32_t group = (uint32_t)data[i] << 16 | (have > 1 ? data[i + 1] : 0) << 8 | (have > 2 ? data[i + 2] : 0);

		for (size_t k = 0; k < 4; k++)
			*end++ = k <= have ? digits[group >> (18 - 6 * k) & 63] : '=';
	}
	*end = '\0';
	return text;
}

char *json_bytes(const void *data, size_t len)
{
	if (is_utf8(data, len))
		return escaped(data, len);
	return json("{'b64': '%s'}", base64(data, len));
}

char *json_string(const char *text)
{
	return json_bytes(text, strlen(text));
}

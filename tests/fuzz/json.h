/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether a text is JSON (RFC 8259), and nothing else, in one line. */
#include <stdbool.h>
#include <string.h>

#define JSON_DEPTH	32

static const char *json_value(const char *at, int depth);

static inline const char *json_digits(const char *at)
{
	size_t length = at ? strspn(at, "0123456789") : 0;

	return length ? at + length : NULL;
}

/* All of these return where the text goes on, or NULL. */
static inline const char *json_number(const char *at)
{
	at += *at == '-';
	at = *at == '0' ? at + 1 : json_digits(at);
	if (at && *at == '.')
		at = json_digits(at + 1);
	if (at && (*at == 'e' || *at == 'E'))
		at = json_digits(at + 1 + (at[1] == '-' || at[1] == '+'));
	return at;
}

static inline const char *json_string(const char *at)
{
	if (*at++ != '"')
		return NULL;
	for (; *at != '"'; at++) {
		if ((unsigned char)*at < ' ')
			return NULL;
		if (*at != '\\')
			continue;
		if (*++at == 'u' && strspn(at + 1, "0123456789abcdefABCDEF") >= 4)
			at += 4;
		else if (!*at || !strchr("\"\\/bfnrt", *at))
			return NULL;
	}
	return at + 1;
}

/* What is between brackets: values, and names before them in an object. */
static inline const char *json_list(const char *at, char end, int depth)
{
	if (at[1] == end)
		return at + 2;
	do {
		at++;
		if (end == '}') {
			at = json_string(at);
			if (!at || *at++ != ':')
				return NULL;
		}
		at = json_value(at, depth);
	} while (at && *at == ',');
	return at && *at == end ? at + 1 : NULL;
}

static inline const char *json_word(const char *at, const char *word)
{
	return strncmp(at, word, strlen(word)) ? NULL : at + strlen(word);
}

static const char *json_value(const char *at, int depth)
{
	if (depth == JSON_DEPTH)
		return NULL;
	switch (*at) {
	case '{': return json_list(at, '}', depth + 1);
	case '[': return json_list(at, ']', depth + 1);
	case '"': return json_string(at);
	case 't': return json_word(at, "true");
	case 'f': return json_word(at, "false");
	case 'n': return json_word(at, "null");
	default: return json_number(at);
	}
}

static inline bool is_json_line(const char *text)
{
	const char *end = json_value(text, 0);

	return end && !strcmp(end, "\n");
}

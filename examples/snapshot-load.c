/* SPDX-License-Identifier: MIT */
/* Reads a file of stanzas, such as /var/lib/dpkg/status. */
#include "snapshot-load.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where a key stands in a stanza. */
struct span {
	size_t at, length;
};

/* Read on until the end; false and errno if that is not reached. */
static bool read_all(FILE *file, char **text, size_t *used)
{
	size_t room = 0;

	do {
		char *more = realloc(*text, 2 * room + (1 << 16) + 1);

		if (!more)
			return false;
		*text = more;
		room = 2 * room + (1 << 16);
		*used += fread(*text + *used, 1, room - *used, file);
	} while (*used == room);
	(*text)[*used] = '\0';
	return !ferror(file);
}

char *file_read(const char *path, size_t *length)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;

	*length = 0;
	if (!file)
		return NULL;
	if (!read_all(file, &text, length)) {
		int error = errno;

		free(text);
		text = NULL;
		errno = error;
	}
	fclose(file);
	return text;
}

static size_t line_length(const char *line, const char *end)
{
	const char *newline = memchr(line, '\n', end - line);

	return newline ? (size_t)(newline - line) : (size_t)(end - line);
}

static bool line_is_blank(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!isspace((unsigned char)line[i]))
			return false;
	}
	return true;
}

/* A line's value if it is a "Package:" field; a length of 0 if not. */
static struct span line_key(const char *line, size_t length)
{
	static const char field[] = "Package:";
	struct span key = { sizeof(field) - 1, 0 };

	if (length < key.at || strncasecmp(line, field, key.at) != 0)
		return key;
	while (key.at < length && isspace((unsigned char)line[key.at]))
		key.at++;
	while (length > key.at && isspace((unsigned char)line[length - 1]))
		length--;
	key.length = length - key.at;
	if (memchr(line + key.at, '\0', key.length))
		key.length = 0;
	return key;
}

/* Find the next stanza from *at on and move *at behind it; false at the end. */
static bool stanza_next(const char **at, const char *end, struct stanza *stanza, struct span *key)
{
	const char *line = *at;

	stanza->body = NULL;
	key->length = 0;
	while (line < end) {
		size_t length = line_length(line, end);
		bool blank = line_is_blank(line, length);
		const char *next = line + length < end ? line + length + 1 : end;

		if (blank && stanza->body)
			break;
		if (!blank && !stanza->body)
			stanza->body = line;
		if (!blank && !key->length) {
			*key = line_key(line, length);
			key->at += line - stanza->body;
		}
		line = next;
	}
	*at = line;
	if (!stanza->body)
		return false;
	stanza->length = line - stanza->body;
	stanza->key_at = key->at;
	return true;
}

static int stanza_order(const void *left, const void *right)
{
	const struct stanza *a = left, *b = right;
	int order = strcmp(a->key, b->key);

	return order ? order : (a->body > b->body) - (a->body < b->body);
}

/* The key of each stanza is copied to keys, where it gets its NUL. */
static void corpus_scan(struct corpus *corpus, size_t length)
{
	const char *at = corpus->text, *end = corpus->text + length;
	char *key_end = corpus->keys;
	struct stanza stanza;
	struct span key;

	while (stanza_next(&at, end, &stanza, &key)) {
		if (!key.length) {
			corpus->ignored++;
			continue;
		}
		stanza.key = memcpy(key_end, stanza.body + key.at, key.length);
		key_end += key.length;
		*key_end++ = '\0';
		corpus->stanzas[corpus->count++] = stanza;
	}
}

static void corpus_sort(struct corpus *corpus)
{
	size_t kept = 0;

	qsort(corpus->stanzas, corpus->count, sizeof(*corpus->stanzas), stanza_order);
	for (size_t i = 0; i < corpus->count; i++) {
		struct stanza *stanza = &corpus->stanzas[i];

		if (kept && strcmp(corpus->stanzas[kept - 1].key, stanza->key) == 0)
			corpus->ignored++;
		else
			corpus->stanzas[kept++] = *stanza;
	}
	corpus->count = kept;
}

static size_t corpus_stanzas(const char *text, size_t length)
{
	const char *at = text;
	struct stanza stanza;
	struct span key;
	size_t count = 0;

	while (stanza_next(&at, text + length, &stanza, &key))
		count++;
	return count;
}

int corpus_load(struct corpus *corpus, const char *path)
{
	size_t length, stanzas;
	int error;

	memset(corpus, 0, sizeof(*corpus));
	corpus->text = file_read(path, &length);
	if (!corpus->text)
		return -1;
	stanzas = corpus_stanzas(corpus->text, length);
	corpus->keys = malloc(length + 1);
	corpus->stanzas = calloc(stanzas + 1, sizeof(*corpus->stanzas));
	error = ENOMEM;
	if (corpus->keys && corpus->stanzas) {
		corpus_scan(corpus, length);
		corpus_sort(corpus);
		error = corpus->count ? 0 : ENODATA;
	}
	if (!error)
		return 0;
	corpus_free(corpus);
	errno = error;
	return -1;
}

void corpus_free(struct corpus *corpus)
{
	free(corpus->stanzas);
	free(corpus->keys);
	free(corpus->text);
	memset(corpus, 0, sizeof(*corpus));
}

const struct stanza *corpus_find(const struct corpus *corpus, const char *body, size_t length)
{
	size_t low = 0, high = corpus->count;
	const char *at = body;
	struct stanza stanza;
	struct span key;

	if (!stanza_next(&at, body + length, &stanza, &key) || !key.length)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct stanza *candidate = &corpus->stanzas[middle];
		int order = strncmp(stanza.body + key.at, candidate->key, key.length);

		if (order == 0 && !candidate->key[key.length])
			return candidate;
		if (order <= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

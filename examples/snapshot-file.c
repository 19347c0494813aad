/* SPDX-License-Identifier: MIT */
/*
 * The snapshot file is text. A line about the whole, then for each record a line and its body, then
 * a checksum of all that stands before it:
 *
 *	snapshot 1 sequence 7 transaction 5121 records 430 versions 21733
 *	record 17 5093 9c1f0e4b7ad3c1f2 812
 *	Package: adduser
 *	...
 *	end 0f8a44c1b6d2e973
 */
#include "snapshot-load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "snapshot.h"

#define LINE_MAX_LENGTH 160

#define HEADER_FORMAT \
	"snapshot 1 sequence %" PRIu64 " transaction %" PRIu64 " records %" PRIu64 \
	" versions %" PRIu64 "\n"
#define RECORD_FORMAT "record %" PRIu64 " %" PRIu64 " %016" PRIx64 " %zu\n"
#define RECORD_SCAN "record %" SCNu64 " %" SCNu64 " %" SCNx64 " %zu"
#define END_FORMAT "end %016" PRIx64 "\n"

struct output {
	FILE *file;
	uint64_t hash;
	uint64_t records;
};

/* Errors stay in the stream until output_close() asks for them. */
static void output_put(struct output *out, const void *data, size_t length)
{
	out->hash = fnv1a(out->hash, data, length);
	fwrite(data, 1, length, out->file);
}

static int output_record(const struct record *record, void *arg)
{
	struct output *out = arg;
	char line[LINE_MAX_LENGTH];
	int length = snprintf(line, sizeof(line), RECORD_FORMAT, record->version, record->txn,
			      record->checksum, record->length);
	const char *wrong = record_verify(record, record->origin);

	if (wrong) {
		fail("%s while writing the snapshot", wrong);
		return -1;
	}
	output_put(out, line, length);
	output_put(out, record->body, record->length);
	output_put(out, "\n", 1);
	out->records++;
	return ferror(out->file) ? -1 : 0;
}

static int output_close(FILE *file, const char *path)
{
	int bad = ferror(file) || fflush(file) != 0;

	if (bad)
		fail("write %s: %s", path, strerror(errno));
	if (!bad && fsync(fileno(file)) != 0) {
		fail("fsync %s: %s", path, strerror(errno));
		bad = 1;
	}
	if (fclose(file) != 0 && !bad) {
		fail("close %s: %s", path, strerror(errno));
		bad = 1;
	}
	return bad ? -1 : 0;
}

static int directory_sync(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int bad = fd < 0 || fsync(fd) != 0;

	if (bad)
		fail("fsync %s: %s", directory, strerror(errno));
	if (fd >= 0)
		close(fd);
	return bad ? -1 : 0;
}

static int output_all(struct store *store, const struct snapshot_header *header, FILE *file)
{
	struct output out = { file, FNV1A_START, 0 };
	char line[LINE_MAX_LENGTH];
	int length = snprintf(line, sizeof(line), HEADER_FORMAT, header->sequence, header->txn,
			      header->count, header->version_sum);
	int stopped;

	output_put(&out, line, length);
	stopped = store_for_each(store, output_record, &out);
	fprintf(file, END_FORMAT, out.hash);
	if (!stopped && out.records != header->count) {
		fail("the child found %" PRIu64 " records instead of %" PRIu64, out.records,
		     header->count);
		return -1;
	}
	return stopped && !ferror(file) ? -1 : 0;
}

int snapshot_write(struct store *store, const struct snapshot_header *header, const char *path,
		   const char *temporary_path, const char *directory)
{
	FILE *file = fopen(temporary_path, "we");
	int bad;

	if (!file) {
		fail("open %s: %s", temporary_path, strerror(errno));
		return -1;
	}
	bad = output_all(store, header, file);
	if (output_close(file, temporary_path) != 0 || bad)
		return -1;
	if (rename(temporary_path, path) != 0) {
		fail("rename %s: %s", temporary_path, strerror(errno));
		return -1;
	}
	return directory_sync(directory);
}

/* A snapshot that is being checked. */
struct input {
	const struct corpus *corpus;
	uint64_t *txn;			/* by key; 0: no such record */
	const char *text, *at, *end;
	uint64_t count, version_sum, newest;
};

/* Copy the next line without its newline and step behind it. */
static int input_line(struct input *in, char line[LINE_MAX_LENGTH])
{
	const char *newline = memchr(in->at, '\n', in->end - in->at);
	size_t length;

	if (!newline || newline - in->at >= LINE_MAX_LENGTH)
		return -1;
	length = newline - in->at;
	memcpy(line, in->at, length);
	line[length] = '\0';
	in->at = newline + 1;
	return 0;
}

/* The line of a record has been read: take the body. What is wrong, or NULL. */
static const char *input_record(struct input *in, const char *line)
{
	const struct stanza *stanza;
	uint64_t version, txn, checksum;
	const char *body = in->at;
	size_t length;

	if (sscanf(line, RECORD_SCAN, &version, &txn, &checksum, &length) != 4)
		return "a line that is none of ours";
	if (length >= (size_t)(in->end - in->at) || body[length] != '\n')
		return "a body with a wrong length";
	in->at += length + 1;
	if (checksum != record_checksum(version, txn, body, length))
		return "a wrong checksum";
	stanza = corpus_find(in->corpus, body, length);
	if (!stanza)
		return "an unknown key";
	if (length != stanza->length || memcmp(body, stanza->body, length) != 0)
		return "a body that differs from the original";
	if (in->txn[stanza - in->corpus->stanzas])
		return "the same key twice";
	in->txn[stanza - in->corpus->stanzas] = txn;
	in->count++;
	in->version_sum += version;
	if (txn > in->newest)
		in->newest = txn;
	return NULL;
}

static const char *input_end(const struct input *in, const char *line, const char *line_at)
{
	char expected[LINE_MAX_LENGTH];

	snprintf(expected, sizeof(expected), END_FORMAT,
		 fnv1a(FNV1A_START, in->text, line_at - in->text));
	expected[strlen(expected) - 1] = '\0';
	if (strcmp(line, expected) != 0)
		return "a wrong checksum of the file";
	return in->at == in->end ? NULL : "text behind the end";
}

static const char *input_pairs(const struct input *in)
{
	for (size_t pair = 0; pair < pair_count(in->corpus); pair++) {
		size_t first = 2 * pair, last = pair_end(in->corpus, pair) - 1;

		if (in->txn[first] != in->txn[last])
			return "half of a transaction";
		if (!in->txn[first] && !pair_may_be_absent(pair))
			return "not a record that is always there";
	}
	return NULL;
}

static const char *input_check(struct input *in, const struct snapshot_header *expected)
{
	char line[LINE_MAX_LENGTH], header[LINE_MAX_LENGTH];
	const char *line_at, *wrong = NULL;

	snprintf(header, sizeof(header), HEADER_FORMAT, expected->sequence, expected->txn,
		 expected->count, expected->version_sum);
	header[strlen(header) - 1] = '\0';
	if (input_line(in, line) != 0 || strcmp(line, header) != 0)
		return "another header";
	while (!wrong) {
		line_at = in->at;
		if (input_line(in, line) != 0)
			return "no end";
		if (strncmp(line, "end ", 4) == 0)
			break;
		wrong = input_record(in, line);
	}
	if (!wrong)
		wrong = input_end(in, line, line_at);
	if (!wrong && (in->count != expected->count || in->version_sum != expected->version_sum))
		wrong = "another number of records, or other versions";
	if (!wrong && in->newest > expected->txn)
		wrong = "a transaction from after the fork";
	return wrong ? wrong : input_pairs(in);
}

int snapshot_check(const struct corpus *corpus, const struct snapshot_header *expected,
		   const char *path)
{
	struct input in = { .corpus = corpus };
	const char *wrong;
	size_t length;
	char *text;

	text = file_read(path, &length);
	if (!text) {
		fail("read %s: %s", path, strerror(errno));
		return -1;
	}
	in.text = in.at = text;
	in.end = text + length;
	in.txn = calloc(corpus->count, sizeof(*in.txn));
	if (!in.txn)
		die("calloc");
	wrong = input_check(&in, expected);
	if (wrong)
		fail("snapshot %" PRIu64 " has %s (near byte %td of %zu)", expected->sequence,
		     wrong, in.at - text, length);
	free(in.txn);
	free(text);
	return wrong ? -1 : 0;
}

int snapshot_spoil(const char *path, uint64_t seed)
{
	size_t length;
	char *text = file_read(path, &length);
	FILE *file = text ? fopen(path, "we") : NULL;
	int bad = !file;

	if (file) {
		if (length)
			text[fnv1a(FNV1A_START, &seed, sizeof(seed)) % length] ^= 1;
		bad = fwrite(text, 1, length, file) != length;
		bad |= fclose(file) != 0;
	}
	free(text);
	return bad ? -1 : 0;
}

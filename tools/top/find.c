/* SPDX-License-Identifier: MIT */
/* The blocks in a process: by the symbols of the files that it has mapped. The files are its own, too: not trusted. */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "top.h"

#define FILES_MAX	4096	/* mapped files that are looked at */
#define BLOCKS_MAX	8	/* symbols of one file that are of use */
#define BLOCK_SIZE_MAX	65536
#define PART_MAX	65536	/* of a structure's size, in a block */

static const char *const names[] = { "mb", "memb", "bp", "qsbr" };

/* What is to be seen of one file. */
struct symbols {
	int class;			/* ELFCLASS32, ELFCLASS64; ELFCLASSNONE: it is no ELF file */
	uint64_t base;			/* where its first byte wants to be */
	struct { const char *name; uint64_t value; } blocks[BLOCKS_MAX];
	unsigned int count;
	uint64_t thread_id;		/* _thread_db_pthread_tid, or 0 */
	bool is_ours;			/* it has quiesce_version */
};

struct search {
	struct process *process;
	struct flavor_seen *flavors;
	unsigned int count;
	enum status found;		/* the best reason there is for having found none */
};

/* ---- One file ---- */

static void note_symbol(struct symbols *symbols, const char *name, uint64_t value)
{
	if (!strcmp(name, "quiesce_version"))
		symbols->is_ours = true;
	if (!strcmp(name, "_thread_db_pthread_tid"))
		symbols->thread_id = value;
	if (strncmp(name, "quiesce_observed_", 17) != 0 || symbols->count == BLOCKS_MAX)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name + 17, names[i]) != 0)
			continue;
		for (unsigned int j = 0; j < symbols->count; j++)
			if (symbols->blocks[j].value == value)
				return;
		symbols->blocks[symbols->count].name = names[i];
		symbols->blocks[symbols->count++].value = value;
	}
}

/* Those of a section, which is a table of symbols. */
static void read_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, struct symbols *symbols)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;

	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);

		if (name && symbol.st_shndx != SHN_UNDEF && symbol.st_value)
			note_symbol(symbols, name, symbol.st_value);
	}
}

static void read_segments(Elf *elf, struct symbols *symbols)
{
	size_t count = 0;
	GElf_Phdr segment;

	elf_getphdrnum(elf, &count);
	for (size_t i = 0; i < count && gelf_getphdr(elf, (int)i, &segment); i++) {
		if (segment.p_type != PT_LOAD || segment.p_offset >= (uint64_t)sysconf(_SC_PAGESIZE))
			continue;
		symbols->base = segment.p_vaddr - segment.p_offset;
		return;
	}
}

/* A program's own symbols are of use, too: it may have been linked statically. */
static void read_elf(int file, struct symbols *symbols)
{
	Elf *elf = elf_begin(file, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	if (elf && elf_kind(elf) == ELF_K_ELF) {
		symbols->class = gelf_getclass(elf);
		read_segments(elf, symbols);
		while ((section = elf_nextscn(elf, section)))
			if (gelf_getshdr(section, &header) &&
			    (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB))
				read_symbols(elf, section, &header, symbols);
	}
	elf_end(elf);
}

/*
 * The mapped file itself, whatever is at its path by now; or, as that takes more rights, what is at its path in the
 * root that the process has, and never outside of it.
 */
static int open_mapped(const struct process *process, const char *range, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_IN_ROOT };
	char name[96];
	int file, root;

	snprintf(name, sizeof(name), "map_files/%s", range);
	file = openat(process->directory, name, (int)how.flags);
	if (file >= 0)
		return file;
	root = openat(process->directory, "root", O_PATH | O_CLOEXEC);
	if (root < 0)
		return -1;
	file = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	close(root);
	return file;
}

static void read_mapped(const struct process *process, const char *range, const char *path, struct symbols *symbols)
{
	int file = open_mapped(process, range, path);
	struct stat status;

	*symbols = (struct symbols) { .class = ELFCLASSNONE };
	if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode))
		read_elf(file, symbols);
	if (file >= 0)
		close(file);
}

/* ---- A block ---- */

static bool fits(unsigned int offset, size_t member, unsigned int size)
{
	return size <= PART_MAX && member <= size && offset <= size - member;
}

/* Whether all that a block says of structures stays within them. */
static bool is_consistent(const struct quiesce_observed *block)
{
	const unsigned int words[] = {
		block->queue_id, block->queue_flags, block->queue_newest, block->queue_pushed, block->queue_seen,
		block->queue_held, block->queue_ran, block->queue_batches, block->queue_most, block->queue_server,
	};
	bool ok = fits(block->reader_ctr, sizeof(long), block->reader_size) &&
		  fits(block->reader_node, 2 * sizeof(long), block->reader_size) &&
		  fits(block->reader_thread, sizeof(long), block->reader_size) &&
		  fits(block->queue_node, 2 * sizeof(long), block->queue_size) &&
		  fits(block->queue_worker, block->worker_size, block->queue_size) &&
		  fits(block->worker_state, sizeof(int), block->worker_size) &&
		  fits(block->worker_wakeups, sizeof(long), block->worker_size) &&
		  block->stash_next <= PART_MAX && block->stash_given <= PART_MAX && block->stash_freed <= PART_MAX &&
		  block->stash_bytes <= PART_MAX;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ok = ok && fits(words[i], sizeof(long), block->queue_size);
	return ok;
}

static enum status check_block(struct process *process, const char *name, uintptr_t address,
		struct quiesce_observed *block)
{
	if (!top_read(process, address, block, sizeof(*block)))
		return top_fail(process, TOP_UNKNOWN, "process %d: the block of %s at 0x%lx cannot be read",
				(int)process->pid, name, (unsigned long)address);
	if (memcmp(block->magic, QUIESCE_OBSERVED_MAGIC, sizeof(QUIESCE_OBSERVED_MAGIC)) != 0)
		return top_fail(process, TOP_UNKNOWN, "process %d: there is no block of %s at 0x%lx: damaged, or not loaded",
				(int)process->pid, name, (unsigned long)address);
	if (block->version != QUIESCE_OBSERVED_VERSION)
		return top_fail(process, TOP_UNKNOWN, "process %d: its %s has a block of version %u, and this urcu-top knows "
				"version %d", (int)process->pid, name, block->version, QUIESCE_OBSERVED_VERSION);
	if (block->size < sizeof(*block) || block->size > BLOCK_SIZE_MAX || !is_consistent(block))
		return top_fail(process, TOP_UNKNOWN, "process %d: the block of %s at 0x%lx is damaged",
				(int)process->pid, name, (unsigned long)address);
	return TOP_SHOWN;
}

/* ---- All files of the process ---- */

/* A reason is better if it says more of RCU. */
static void note_failure(struct search *search, enum status status)
{
	if (search->found < status)
		search->found = status;
}

/* libthread_db's own way: its size in bits, how many, and where a thread's id is in what pthread_self points to. */
static void find_thread_ids(struct process *process, uintptr_t address)
{
	uint32_t field[3];

	if (top_read(process, address, field, sizeof(field)) && field[0] == 32 && field[2] < 16384)
		process->tid_offset = field[2];
}

static bool is_known(const struct search *search, uintptr_t address)
{
	for (unsigned int i = 0; i < search->count; i++)
		if (search->flavors[i].address == address)
			return true;
	return false;
}

static void use_file(struct search *search, const struct symbols *symbols, uintptr_t start, const char *path)
{
	struct process *process = search->process;

	for (unsigned int i = 0; i < symbols->count && search->count < TOP_FLAVORS; i++) {
		struct flavor_seen *flavor = &search->flavors[search->count];
		uintptr_t address = start + (symbols->blocks[i].value - symbols->base);
		enum status status;

		if (is_known(search, address))
			continue;
		status = check_block(process, symbols->blocks[i].name, address, &flavor->block);
		if (status != TOP_SHOWN) {
			note_failure(search, status);
			continue;
		}
		flavor->name = symbols->blocks[i].name;
		flavor->address = address;
		snprintf(flavor->file, sizeof(flavor->file), "%s", path);
		top_clean(flavor->file);
		search->count++;
	}
	if (symbols->thread_id)
		find_thread_ids(process, start + (symbols->thread_id - symbols->base));
}

/* liburcu.so and liburcu-FLAVOR.so, which is what there is beside ours. */
static bool is_liburcu(const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	static const char *const flavors[] = { "", "-mb", "-memb", "-bp", "-qsbr", "-signal" };
	char name[32];

	for (size_t i = 0; i < sizeof(flavors) / sizeof(flavors[0]); i++) {
		int length = snprintf(name, sizeof(name), "liburcu%s.so", flavors[i]);

		if (!strncmp(base, name, (size_t)length) && (!base[length] || base[length] == '.'))
			return true;
	}
	return false;
}

static void judge_file(struct search *search, const struct symbols *symbols, const char *path)
{
	struct process *process = search->process;
	bool wide = symbols->class == ELFCLASS64;

	if (symbols->class != ELFCLASSNONE && symbols->count && wide != (sizeof(long) == 8))
		note_failure(search, top_fail(process, TOP_UNKNOWN, "process %d has words of %d bits, and this urcu-top is for %d",
					      (int)process->pid, wide ? 64 : 32, (int)(8 * sizeof(long))));
	if (symbols->count || !is_liburcu(path) || search->found >= TOP_FOREIGN)
		return;
	if (symbols->class == ELFCLASSNONE)
		note_failure(search, top_fail(process, TOP_UNKNOWN, "process %d: its %s cannot be looked into",
					      (int)process->pid, path));
	else if (symbols->is_ours)
		note_failure(search, top_fail(process, TOP_UNKNOWN, "process %d: its %s is Quiesce's, but of a version that "
					      "cannot be seen from outside", (int)process->pid, path));
	else
		note_failure(search, top_fail(process, TOP_FOREIGN, "process %d: its %s is not Quiesce's, and tells nothing",
					      (int)process->pid, path));
}

/* A line of /proc/PID/maps: where a file begins is of use, as often as that is. */
static void use_line(struct search *search, char *line, char *last, size_t size, struct symbols *symbols)
{
	unsigned long start, end, offset, inode;
	char range[64], device[16], key[64];
	int path = 0;

	line[strcspn(line, "\n")] = 0;
	if (sscanf(line, "%lx-%lx %*4s %lx %15s %lu %n", &start, &end, &offset, device, &inode, &path) < 5 || !path ||
	    offset || !inode || line[path] != '/')
		return;
	snprintf(range, sizeof(range), "%lx-%lx", start, end);
	snprintf(key, sizeof(key), "%s %lu", device, inode);
	if (strcmp(key, last) != 0) {
		read_mapped(search->process, range, line + path, symbols);
		snprintf(last, size, "%s", key);
	}
	judge_file(search, symbols, line + path);
	if ((symbols->class == ELFCLASS64) == (sizeof(long) == 8))
		use_file(search, symbols, start, line + path);
}

enum status top_find(struct process *process, struct flavor_seen *flavors, unsigned int *count)
{
	struct search search = { .process = process, .flavors = flavors, .found = TOP_NONE };
	char *line = NULL, last[64] = "";
	struct symbols symbols = { .class = ELFCLASSNONE };
	size_t size = 0;
	int file = openat(process->directory, "maps", O_RDONLY | O_CLOEXEC);
	FILE *maps = file < 0 ? NULL : fdopen(file, "r");

	if (!maps)
		return top_refused(process, "maps");
	elf_version(EV_CURRENT);
	process->wrong[0] = 0;
	process->budget = TOP_READS;
	for (int i = 0; i < 64 * FILES_MAX && getline(&line, &size, maps) > 0; i++)
		use_line(&search, line, last, sizeof(last), &symbols);
	free(line);
	fclose(maps);
	*count = search.count;
	if (search.count)
		return TOP_SHOWN;
	if (search.found == TOP_NONE && !top_is_alive(process))
		return top_fail(process, TOP_GONE, "process %d has ended", (int)process->pid);
	if (search.found == TOP_NONE)
		top_fail(process, TOP_NONE, "process %d (%s) has no RCU of Quiesce: no file that it has mapped has the symbol "
			 "quiesce_observed_...", (int)process->pid, process->command);
	return search.found;
}

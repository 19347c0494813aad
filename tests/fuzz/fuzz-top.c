/* SPDX-License-Identifier: MIT */
/*
 * What urcu-top reads of a process that is hostile: its own code, over a directory of files in the place of /proc/PID.
 * The input has the process's name, patches of an ELF file that it has mapped, the rest of /proc/PID/maps, and its
 * memory, which begins at BASE with the block. What is printed or drawn has no byte that a terminal would act upon,
 * and stays on the screen, whose size is in the last two bytes.
 */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "json.h"

#include "../../tools/top/process.c"
#include "../../tools/top/find.c"
#include "../../tools/top/sample.c"
#include "../../tools/top/words.c"
#include "../../tools/top/print.c"
#define main top_main
#include "../../tools/top/main.c"
#undef main

/* ---- The screen: curses' own, but that what is written to it is looked at ---- */

#include <curses.h>

/* ASCII, or one cell of a bar. */
static void check_drawn(int row, int column, const char *text, int count)
{
	bool is_cell = !strncmp(text, "\xe2\x96", 2) && (unsigned char)text[2] >= 0x81 &&
		       (unsigned char)text[2] <= 0x8f && !text[3];

	must(row >= 0 && row < LINES && column >= 0 && count >= 0 && (column < COLS || !count));
	for (; !is_cell && *text; text++)
		must(*text >= ' ' && (unsigned char)*text < 127);
}

static int draw_text(int row, int column, const char *text, int count)
{
	check_drawn(row, column, text, count);
	return mvaddnstr(row, column, text, count);
}

#undef mvaddnstr
#undef mvaddstr
#define mvaddnstr(row, column, text, count)	draw_text(row, column, text, count)
#define mvaddstr(row, column, text)		draw_text(row, column, text, (int)strlen(text))
#define WORDS SCREEN_WORDS
#include "../../tools/top/screen.c"

#define BASE	0x10000UL	/* of memory, where the file is mapped */
#define FILE_NAME "map_files/10000-20000"

static char directory[96];

static void __attribute__((destructor)) remove_files(void)
{
	static const char *const names[] = {
		"maps", "stat", FILE_NAME, "map_files", "task/42/comm", "task/42/stat", "task/42/status",
		"task/42/wchan", "task/42", "task",
	};
	char path[160];

	if (!*directory)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		remove(path);
	}
	remove(directory);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
	char path[160];
	int file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(file >= 0 && write(file, bytes, size) == (ssize_t)size);
	close(file);
}

/* A process with one thread, 42, without what an input says of it. */
static void make_directory(void)
{
	static const char *const parts[] = { "map_files", "task", "task/42" };
	char path[160];

	snprintf(directory, sizeof(directory), "%s/quiesce-fuzz-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	must(strlen(directory) < sizeof(directory) - 1 && mkdtemp(directory));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, parts[i]);
		must(!mkdir(path, 0700));
	}
}

/* ---- The file that is mapped: a block of memb at its beginning, and where ids of threads are ---- */

struct image {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	Elf64_Shdr sections[3];
	Elf64_Sym symbols[4];
	char names[64];
};

static const struct image honest = {
	.header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_DYN,
		.e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_ehsize = sizeof(Elf64_Ehdr),
		.e_phoff = offsetof(struct image, segment), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1,
		.e_shoff = offsetof(struct image, sections), .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 3,
	},
	.segment = { .p_type = PT_LOAD, .p_vaddr = BASE, .p_filesz = 4096, .p_memsz = 4096 },
	.sections = {
		{ .sh_type = SHT_NULL },
		{ .sh_type = SHT_DYNSYM, .sh_offset = offsetof(struct image, symbols), .sh_size = 4 * sizeof(Elf64_Sym),
		  .sh_link = 2, .sh_entsize = sizeof(Elf64_Sym) },
		{ .sh_type = SHT_STRTAB, .sh_offset = offsetof(struct image, names), .sh_size = 64 },
	},
	.symbols = {
		{ .st_name = 0 }, { .st_name = 1, .st_shndx = 1, .st_value = BASE },
		{ .st_name = 23, .st_shndx = 1, .st_value = BASE + 8 },
		{ .st_name = 39, .st_shndx = 1, .st_value = BASE + 4000 },
	},
	.names = "\0quiesce_observed_memb\0quiesce_version\0_thread_db_pthread_tid",
};

static void make_image(struct input *input)
{
	struct image image = honest;

	/* A place, in two bytes, and what is there. */
	for (unsigned int patches = take_below(input, 32); patches; patches--) {
		unsigned int place = take(input);

		place = (place << 8 | take(input)) % sizeof(image);
		((uint8_t *)&image)[place] = (uint8_t)take(input);
	}
	write_file(FILE_NAME, &image, sizeof(image) - (take(input) & 1 ? take(input) : 0));
}

/* ---- The rest of it ---- */

/* Up to 255 bytes, as the kernel shows them: it writes some of them otherwise. */
static void take_text(struct input *input, char *text, unsigned int most)
{
	unsigned int length = take_below(input, most + 1);

	for (; length && has_more(input); length--) {
		char byte = (char)take(input);

		*text++ = byte == '\n' || !byte ? '?' : byte;
	}
	*text = '\0';
}

static void make_files(struct input *input)
{
	char name[16], path[256], channel[64], text[2048];
	int length;

	take_text(input, name, 15);
	write_file("task/42/comm", text, (size_t)snprintf(text, sizeof(text), "%s\n", name));
	write_file("task/42/stat", text, (size_t)snprintf(text, sizeof(text), "42 (%s) S 1 42 42 0\n", name));
	write_file("stat", text, (size_t)snprintf(text, sizeof(text), "42 (%s) S 1 42 42 0\n", name));
	write_file("task/42/status", text, (size_t)snprintf(text, sizeof(text), "Name:\t%s\nState:\tS (sleeping)\n"
							   "NSpid:\t42\t7\nThreads:\t1\n", name));
	take_text(input, channel, 63);
	write_file("task/42/wchan", channel, strlen(channel));
	take_text(input, path, 255);
	length = snprintf(text, sizeof(text), "00010000-00020000 r--p 00000000 fe:00 12345      /%s\n", path);
	/* Also a line that the kernel would not write. */
	take_text(input, path, 255);
	length += snprintf(text + length, sizeof(text) - (size_t)length, "%s\n", path);
	write_file("maps", text, (size_t)length);
}

/* Memory, and what of it is not there. */
static int make_memory(struct input *input)
{
	static int memory = -1;
	size_t size = (size_t)(input->end - input->at);
	uint8_t threads[12] = { 32, 0, 0, 0, 1, 0, 0, 0, 16 };

	if (memory < 0)
		memory = memfd_create("memory", MFD_CLOEXEC);
	must(memory >= 0 && !ftruncate(memory, 0) && !ftruncate(memory, BASE + 8192));
	must(pwrite(memory, threads, sizeof(threads), BASE + 4000) == sizeof(threads));
	must(pwrite(memory, input->at, size, BASE) == (ssize_t)size);
	return memory;
}

/* ---- What is printed ---- */

static void check_text(const char *text)
{
	for (; *text; text++)
		must((*text >= ' ' && (unsigned char)*text < 127) || *text == '\n');
}

static void check_json(const char *text)
{
	check_text(text);
	must(is_json_line(text));
}

/* print's text, in the place of what goes to stdout. */
static void check_printed(void (*print)(const struct view *view), const struct view *view,
		void (*check)(const char *text))
{
	FILE *saved = stdout;
	char *text = NULL;
	size_t size;

	stdout = open_memstream(&text, &size);
	must(stdout);
	print(view);
	must(!fclose(stdout) && strlen(text) == size);
	stdout = saved;
	check(text);
	free(text);
}

/* A terminal that nobody sees, of the size that the input says. */
static void check_screen(struct view *view, const uint8_t *data, size_t size)
{
	static const char title[] = "urcu-top";
	static struct screen screen;
	static SCREEN *terminal;
	char text[sizeof(title)] = "";

	if (!terminal) {
		must(setlocale(LC_CTYPE, "C.UTF-8"));
		terminal = newterm("xterm", fopen("/dev/null", "w"), fopen("/dev/null", "r"));
		must(terminal);
		begin();
	}
	must(resize_term(1 + (size ? data[size - 1] : 23) % 64, 1 + (size > 1 ? data[size - 2] : 79) % 240) == OK);
	screen = (struct screen) { .view = view, .delay = 1, .wide = size & 1 };
	remember(&screen);
	draw(&screen);
	/* Nothing was written over the first line. */
	must(COLS <= (int)sizeof(title) || LINES == 1 || (mvinnstr(0, 1, text, sizeof(title) - 1) != ERR && !strcmp(text, title)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, data + (size < 8192 ? size : 8192) };
	struct process process = { .pid = 42, .directory = -1, .memory = -1, .budget = TOP_READS };
	static struct view view;
	enum status status;

	if (!*directory)
		make_directory();
	make_files(&input);
	make_image(&input);
	process.memory = make_memory(&input);
	process.directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(process.directory >= 0);
	memset(&view, 0, sizeof(view));
	view.process = &process;
	for (int i = 0; i < 2; i++) {
		status = top_look(&view);
		must((status == TOP_SHOWN) == (view.count > 0) && view.count <= TOP_FLAVORS);
		check_text(process.wrong);
		check_printed(top_print_text, &view, check_text);
		check_printed(top_print_json, &view, check_json);
	}
	check_screen(&view, data, size);
	close(process.directory);
	return 0;
}

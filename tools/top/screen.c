/* SPDX-License-Identifier: MIT */
/* Samples as a live table. */
#include <curses.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top.h"

enum { WORDS = 96, HISTORY = 240, LINE = 512 };
enum { PLAIN, GOOD, SLOW, BAD, DIM };	/* pairs of colours */

/* From when on a reader that holds up a grace period is worth a look, and a worry: seconds. */
#define AGE_SLOW 0.5
#define AGE_BAD 10

struct screen {
	struct view *view;
	double delay;
	bool held, wide;		/* wide: the terminal has more than ASCII */
	int row;
	/* Of each flavor, grace periods a second, the youngest last. */
	double history[TOP_FLAVORS][HISTORY];
	unsigned int looks;
};

/* ---- Parts ---- */

static void put(struct screen *screen, int column, int colour, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void put(struct screen *screen, int column, int colour, const char *format, ...)
{
	char line[LINE];
	va_list arguments;

	if (screen->row >= LINES || column >= COLS)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	attrset(colour == DIM ? A_DIM : (attr_t)COLOR_PAIR(colour));
	mvaddnstr(screen->row, column, line, COLS - column);
	attrset(A_NORMAL);
}

/* One cell of a bar that is filled to eighths. */
static const char *cell(const struct screen *screen, int eighths, bool upright)
{
	static const char *const up[] = {
		" ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"
	};
	static const char *const along[] = {
		" ", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589", "\u2588"
	};
	static const char *const ascii[] = { " ", ".", ".", ":", "-", "=", "+", "*", "#" };

	eighths = eighths < 0 ? 0 : eighths > 8 ? 8 : eighths;
	return !screen->wide ? ascii[eighths] : upright ? up[eighths] : along[eighths];
}

static void put_bar(struct screen *screen, int column, int width, double part, int colour)
{
	int eighths = (int)(part * width * 8 + 0.5);

	if (part > 0 && !eighths)
		eighths = 1;
	put(screen, column, DIM, "[");
	for (int i = 0; i < width; i++, eighths -= 8)
		put(screen, column + 1 + i, colour, "%s", cell(screen, eighths, false));
	put(screen, column + 1 + width, DIM, "]");
}

/* The last looks, as high as the highest of them. */
static void put_history(struct screen *screen, int column, int width, const double *history)
{
	double most = 0;

	if (width > HISTORY)
		width = HISTORY;
	for (int i = HISTORY - width; i < HISTORY; i++)
		most = history[i] > most ? history[i] : most;
	for (int i = 0; i < width; i++) {
		double rate = history[HISTORY - width + i];
		int eighths = most > 0 ? (int)(rate / most * 8 + 0.5) : 0;

		put(screen, column + i, GOOD, "%s", cell(screen, rate > 0 && !eighths ? 1 : eighths, true));
	}
}

static int colour_of(double age)
{
	return age >= AGE_BAD ? BAD : age >= AGE_SLOW ? SLOW : GOOD;
}

/* ---- The table ---- */

static const char *number(char *text, double value)
{
	return top_number(text, WORDS, value);
}

static const char *latency(char *text, const struct sample *before, const struct sample *now, double part)
{
	double seconds = top_latency(before, now, part);

	return seconds < 0 ? "-" : seconds == 0 ? "0" : top_seconds(text, WORDS, seconds);
}

static void put_row(struct screen *screen, unsigned int i)
{
	const struct view *view = screen->view;
	const struct sample *now = &view->now[i], *before = view->has_before ? &view->before[i] : now;
	double seconds = now->when - before->when;
	char text[9][WORDS];

	put(screen, 0, PLAIN, "%-6s%9s%9s%9s%9s%11s%10s%9s%8s%9s", view->flavors[i].name,
	    number(text[0], top_rate(before->grace_periods, now->grace_periods, seconds)),
	    latency(text[1], before, now, 0.5), latency(text[2], before, now, 0.99), latency(text[3], before, now, 1),
	    number(text[4], top_rate(before->run, now->run, seconds)), number(text[5], (double)now->backlog),
	    number(text[6], (double)now->registered), number(text[7], (double)now->inside),
	    number(text[8], (double)now->workers));
	screen->row++;
}

static void put_table(struct screen *screen)
{
	attron(A_BOLD);
	put(screen, 0, PLAIN, "%-6s%9s%9s%9s%9s%11s%10s%9s%8s%9s", "FLAVOR", "GP/S", "HALF<", "99%<", "ALL<", "CALLS/S",
	    "WAITING", "READERS", "INSIDE", "WORKERS");
	screen->row++;
	for (unsigned int i = 0; i < screen->view->count; i++)
		put_row(screen, i);
	screen->row++;
}

/* ---- What is behind a row ---- */

static void put_held_up(struct screen *screen, const struct flavor_seen *flavor, const struct sample *now)
{
	char age[WORDS], doing[WORDS], depth[WORDS];

	if (!now->under_way || now->age < 0 || !now->awaited_shown) {
		put(screen, 2, PLAIN, "held up by       ");
		put(screen, 19, DIM, "nobody");
		screen->row++;
		return;
	}
	put(screen, 2, PLAIN, "held up by");
	for (unsigned int i = 0; i < now->awaited_shown; i++) {
		const struct reader_seen *reader = &now->awaited[i];

		depth[0] = 0;
		if (reader->depth > 1)
			snprintf(depth, sizeof(depth), ", %lu deep", reader->depth);
		if (!i)
			put(screen, 19, colour_of(now->age), "%s", top_seconds(age, sizeof(age), now->age));
		put(screen, 28, colour_of(now->age), "thread %d %s%s %s", (int)reader->thread.id, reader->thread.name,
		    flavor->block.announces ? " (online)" : depth, top_doing(doing, sizeof(doing), &reader->thread));
		screen->row++;
	}
	if (now->awaited_count > now->awaited_shown) {
		put(screen, 28, PLAIN, "and %lu more", now->awaited_count - now->awaited_shown);
		screen->row++;
	}
}

static void put_waiting(struct screen *screen, const struct sample *now)
{
	int width = COLS / 3;
	char waiting[WORDS], most[WORDS];
	double part = now->most ? (double)now->backlog / (double)now->most : 0;

	put(screen, 2, PLAIN, "callbacks wait");
	put_bar(screen, 19, width, part > 1 ? 1 : part, part > 0.8 ? SLOW : GOOD);
	put(screen, 19 + width + 3, PLAIN, "%s, at most %s", number(waiting, (double)now->backlog),
	    number(most, (double)now->most));
	screen->row++;
}

static void put_freed(struct screen *screen, const struct sample *now)
{
	unsigned long waits = now->given - now->freed;
	char text[2][WORDS];

	if (!now->given)
		return;
	put(screen, 2, PLAIN, "free_rcu waits   %s pointers, about %s bytes",
	    number(text[0], (long)waits > 0 ? (double)waits : 0), number(text[1], (double)now->bytes));
	screen->row++;
}

static void put_flavor(struct screen *screen, unsigned int i)
{
	const struct view *view = screen->view;
	const struct flavor_seen *flavor = &view->flavors[i];
	const struct sample *now = &view->now[i];
	const char *base = strrchr(flavor->file, '/');

	put(screen, 0, PLAIN, "%s", flavor->name);
	put(screen, 8, DIM, "%s", (int)strlen(flavor->file) > COLS - 8 && base ? base + 1 : flavor->file);
	screen->row++;
	put(screen, 2, PLAIN, "grace periods");
	put_history(screen, 19, COLS - 21, screen->history[i]);
	screen->row++;
	put_held_up(screen, flavor, now);
	put_waiting(screen, now);
	put_freed(screen, now);
	if (now->stalls || now->reports) {
		put(screen, 2, BAD, "the library has made %lu report%s, of stalls %lu", now->reports,
		    now->reports == 1 ? "" : "s", now->stalls);
		screen->row++;
	}
	if (now->forking) {
		put(screen, 2, SLOW, "a thread is between the fork hooks");
		screen->row++;
	}
	if (now->wrong[0]) {
		put(screen, 2, SLOW, "incomplete: %s", now->wrong);
		screen->row++;
	}
	screen->row++;
}

static void put_line(struct screen *screen, const char *left, const char *right)
{
	attrset(A_REVERSE);
	mvhline(screen->row, 0, ' ' | A_REVERSE, COLS);
	mvaddnstr(screen->row, 1, left, COLS - 1);
	if ((int)(strlen(left) + strlen(right)) + 3 < COLS)
		mvaddstr(screen->row, COLS - (int)strlen(right) - 1, right);
	attrset(A_NORMAL);
}

static void draw(struct screen *screen)
{
	const struct view *view = screen->view;
	char left[LINE], right[WORDS];
	time_t now = time(NULL);
	struct tm local;

	erase();
	screen->row = 0;
	snprintf(left, sizeof(left), "urcu-top  %s (process %d)%s", view->process->command, (int)view->process->pid,
		 screen->held ? "  HELD" : "");
	snprintf(right, sizeof(right), "every %.3g s   ", screen->delay);
	strftime(right + strlen(right), sizeof(right) - strlen(right), "%H:%M:%S", localtime_r(&now, &local));
	put_line(screen, left, right);
	screen->row = 2;
	put_table(screen);
	for (unsigned int i = 0; i < view->count; i++)
		put_flavor(screen, i);
	screen->row = LINES - 1;
	put_line(screen, "q ends   p holds   + - change the delay", "HALF< 99%< ALL<: latencies are below");
	refresh();
}

/* ---- Watching ---- */

static void remember(struct screen *screen)
{
	const struct view *view = screen->view;

	if (!view->has_before)
		return;
	for (unsigned int i = 0; i < view->count; i++) {
		memmove(screen->history[i], screen->history[i] + 1, (HISTORY - 1) * sizeof(double));
		screen->history[i][HISTORY - 1] = top_rate(view->before[i].grace_periods, view->now[i].grace_periods,
							   view->now[i].when - view->before[i].when);
	}
}

/* False: the user has seen enough. */
static bool obey(struct screen *screen, int key)
{
	switch (key) {
	case 'q': case 'Q': case 27:
		return false;
	case 'p': case 'P': case ' ':
		screen->held = !screen->held;
		break;
	case '+':
		screen->delay = screen->delay < 1800 ? 2 * screen->delay : 3600;
		break;
	case '-':
		screen->delay = screen->delay > 0.1 ? screen->delay / 2 : 0.05;
		break;
	}
	return true;
}

/* Keys, until it is time to look again. */
static bool pass_time(struct screen *screen)
{
	double end = top_now() + screen->delay, left;

	while ((left = end - top_now()) > 0 || screen->held) {
		int key;

		timeout(screen->held ? 1000 : (int)(left * 1000) + 1);
		key = getch();
		if (key == ERR)
			continue;
		if (!obey(screen, key))
			return false;
		end = top_now() + screen->delay;
		draw(screen);
	}
	return true;
}

static void begin(void)
{
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	set_escdelay(50);
	if (!has_colors())
		return;
	start_color();
	use_default_colors();
	init_pair(GOOD, COLOR_GREEN, -1);
	init_pair(SLOW, COLOR_YELLOW, -1);
	init_pair(BAD, COLOR_RED, -1);
}

enum status top_watch(struct view *view, double interval)
{
	static struct screen screen;
	SCREEN *terminal;
	enum status status = top_look(view);

	if (status != TOP_SHOWN)
		return status;
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return top_fail(view->process, TOP_FAILED, "the terminal %s is not known: use -1 or --json",
				getenv("TERM") ? getenv("TERM") : "(TERM is not set)");
	screen = (struct screen) { .view = view, .delay = interval, .wide = !strcmp(nl_langinfo(CODESET), "UTF-8") };
	begin();
	do {
		remember(&screen);
		draw(&screen);
	} while (pass_time(&screen) && (status = top_look(view)) == TOP_SHOWN);
	endwin();
	delscreen(terminal);
	return status;
}

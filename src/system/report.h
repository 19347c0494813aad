/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Tell the program: by its handler, or one line, "liburcu: <message>", written by one write(2) to where
 * quiesce/report.h says. For misuse by the program and
 * for shortages that no return value can tell; never for what the caller can handle.
 */
void quiesce_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Places where a tracer can look: doc/tracing.md has the list. Each is a nop and a note in the file (sys/sdt.h), which
 * says where its arguments are at that moment; without configure --with-sdt it is nothing.
 */
#ifdef QUIESCE_SDT
#include <sys/sdt.h>
#define quiesce_probe(name, a, b, c)	STAP_PROBE3(quiesce, name, a, b, c)
#else
#define quiesce_probe(name, a, b, c)	((void)(0 && ((void)(a), (void)(b), (void)(c), 1)))
#endif

/* SPDX-License-Identifier: MIT */
/*
 * Which library this is. Every header of the library includes this one: a program that is compiled
 * with these headers, whatever it includes of them, has QUIESCE_VERSION, and with liburcu's it has not:
 *
 *	#ifdef QUIESCE_VERSION
 *	#if QUIESCE_VERSION >= 10000
 *
 * The version of the interface is another thing: that is liburcu's, and pkg-config and the sonames tell it.
 */
#ifndef QUIESCE_VERSION_H
#define QUIESCE_VERSION_H

#define QUIESCE_VERSION_MAJOR	1
#define QUIESCE_VERSION_MINOR	0
#define QUIESCE_VERSION_PATCH	0

/* A number for #if that grows with each release: 1.2.3 is 10203. */
#define QUIESCE_VERSION \
	(QUIESCE_VERSION_MAJOR * 10000 + QUIESCE_VERSION_MINOR * 100 + QUIESCE_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of the library that the program runs with, as "1.2.3"; the string is constant and the
 * library's. It may be newer or older than that of the headers. Every library exports the function; of
 * several in one program the dynamic linker takes the first. Callable at any time and from anywhere:
 * in signal handlers, callbacks, constructors and destructors, and in a fork's child.
 *
 * A program that may run on liburcu as well, which has no such function, asks the dynamic linker:
 * dlsym(RTLD_DEFAULT, "quiesce_version") is NULL there.
 */
extern const char *quiesce_version(void);

#ifdef __cplusplus
}
#endif

#endif /* QUIESCE_VERSION_H */

/* SPDX-License-Identifier: MIT */
#pragma once

/* Masks for up to 8192 CPUs, what kernels are built for at most. */
#define QUIESCE_CPU_WORDS (8192 / (8 * sizeof(unsigned long)))

/*
 * One more than the highest CPU number this machine can have; at least 1. The first call reads a file.
 * Where there is no /sys it is a guess: quiesce_cpu_current may be beyond.
 */
unsigned int quiesce_cpu_count(void);

/* The CPU the caller runs on, or -1 if the kernel does not say. May be old when it returns. */
int quiesce_cpu_current(void);

/* Bind the calling thread to cpu if the kernel allows it; otherwise leave it free. */
void quiesce_cpu_bind(int cpu);

# SPDX-License-Identifier: MIT
# make -f tests/checker/checker.mk OUT=DIR [SOURCES=DIR]: DIR/checker, which holds the checker, the library below
# SOURCES, and every scenario of scenarios/list.
MAKEFLAGS += --no-builtin-rules
HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
SOURCES ?= $(HERE)/../..
CLANG ?= clang

# The code under test: for no machine, with the sanitizer's calls, and thread-local variables by a call too.
TESTED = $(CLANG) -std=gnu11 -O1 -gline-tables-only -fno-pie -w -c -fsanitize=thread -femulated-tls \
	-mllvm -tsan-distinguish-volatile -D_GNU_SOURCE \
	-I$(SOURCES)/include -I$(SOURCES)/src -iquote $(HERE)/..
MACHINE = $(OUT)/machine.pch
RUNTIME = $(CLANG) -std=gnu11 -O2 -g -fno-pie -Wall -Wextra -D_GNU_SOURCE -MMD -c

LIBRARY := $(patsubst $(SOURCES)/src/%.c,$(OUT)/src/%.o,$(filter-out $(SOURCES)/src/check/%,$(wildcard $(SOURCES)/src/*/*.c)))
CHECKER := $(patsubst $(HERE)/%.c,$(OUT)/runtime/%.o,$(wildcard $(HERE)/*.c))
NAMES := $(shell sed -n 's/^\([a-z][^ \t]*\).*/\1/p' $(HERE)/scenarios/list)
SCENARIOS := $(NAMES:%=$(OUT)/scenarios/%.o)

$(OUT)/checker: $(OUT)/tested.o $(CHECKER) $(OUT)/table.o
	$(CLANG) -no-pie -o $@ $^ -pthread

# One object of all that is under test: its calls into the C library get other names, and its data too.
$(OUT)/tested.o: $(LIBRARY) $(SCENARIOS) $(HERE)/names
	ld -r -o $@ $(LIBRARY) $(SCENARIOS)
	objcopy --redefine-syms=$(HERE)/names --rename-section .data=ck_data \
		--rename-section .bss=ck_bss,alloc --rename-section .fini_array=ck_fini $@

$(MACHINE): $(HERE)/machine.h
	@mkdir -p $(@D)
	$(TESTED) -x c-header -o $@ $<

$(OUT)/src/%.o: $(SOURCES)/src/%.c $(MACHINE)
	@mkdir -p $(@D)
	$(TESTED) -include-pch $(MACHINE) -MMD -o $@ $<

$(OUT)/runtime/%.o: $(HERE)/%.c
	@mkdir -p $(@D)
	$(RUNTIME) -o $@ $<

# In the list: name, source, what is expected, flags. Its main is its only name for others, and its destructors are
# apart from those of the others. Its own calls fail never.
$(OUT)/scenarios/%.o: $(HERE)/scenarios/list $(MACHINE)
	@mkdir -p $(@D)
	set -e; set -- `grep '^$*[[:blank:]]' $<`; source=$$2; shift 3; \
	$(TESTED) -include-pch $(MACHINE) -MMD "$$@" -o $@ $(HERE)/scenarios/$$source.c; \
	main=scenario_`echo $* | tr - _`; \
	objcopy --redefine-sym main=$$main --redefine-sym pthread_create=sim_program_create \
		--redefine-sym malloc=sim_program_malloc \
		--keep-global-symbol=$$main --rename-section .fini_array=fini_$$main $@

$(OUT)/table.o: $(HERE)/scenarios/list
	@mkdir -p $(@D)
	@{ echo "#define SCENARIO(main) { #main, main, __start_fini_##main, __stop_fini_##main },"; \
	for name in $(NAMES); do name=scenario_`echo $$name | tr - _`; echo "void $$name(void);"; \
	for end in start stop; do \
	echo "extern void (*__$${end}_fini_$$name[])(void) __attribute__((weak));"; done; done; \
	echo "const struct { const char *name; void (*main)(void), (**fini)(void), (**fini_end)(void); }"; \
	echo "ck_scenarios[] = {"; \
	for name in $(NAMES); do echo "SCENARIO(scenario_`echo $$name | tr - _`)"; done; \
	echo "{ 0, 0, 0, 0 } };"; } > $(OUT)/table.c
	$(CLANG) -fno-pie -c -o $@ $(OUT)/table.c

-include $(LIBRARY:.o=.d) $(CHECKER:.o=.d) $(SCENARIOS:.o=.d)

/* SPDX-License-Identifier: MIT */
/*
 * Where an address is: file, offset, and the function if the file tells of it. dladdr takes the lock of dlopen, which a
 * constructor that waits for us may hold; _dl_find_object takes none.
 */
#include <dlfcn.h>
#include <errno.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "system/system.h"

#if defined(__GLIBC__) && defined(DLFO_STRUCT_HAS_EH_DBASE)

/* glibc has added the load address to these, but where the section is read-only. */
static const void *table_of(const struct link_map *map, const ElfW(Dyn) *entry)
{
	return (const void *)(entry->d_un.d_ptr < map->l_addr ? entry->d_un.d_ptr + map->l_addr : entry->d_un.d_ptr);
}

/* The dynamic symbols lie in front of their names, as linkers put them: there is no count of them. */
static const char *function_at(const struct link_map *map, uintptr_t address, uintptr_t *start)
{
	const ElfW(Sym) *symbols = NULL, *symbol;
	const char *names = NULL;

	for (const ElfW(Dyn) *entry = map->l_ld; entry && entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_SYMTAB)
			symbols = table_of(map, entry);
		else if (entry->d_tag == DT_STRTAB)
			names = table_of(map, entry);
	}
	if (!symbols || !names || (const char *)symbols > names)
		return NULL;
	for (symbol = symbols; (const char *)(symbol + 1) <= names; symbol++) {
		*start = map->l_addr + symbol->st_value;
		if ((symbol->st_info & 0xf) == STT_FUNC && symbol->st_shndx != SHN_UNDEF && *start <= address &&
		    address - *start < (symbol->st_size ? symbol->st_size : 1))
			return names + symbol->st_name;
	}
	return NULL;
}

/* A file's name without its directories; the program itself has none. */
static const char *name_of(const struct link_map *map)
{
	const char *slash = map->l_name ? strrchr(map->l_name, '/') : NULL;

	if (!map->l_name || !*map->l_name)
		return program_invocation_short_name;
	return slash ? slash + 1 : map->l_name;
}

const char *quiesce_place_text(struct place_text *room, const void *address)
{
	uintptr_t number = (uintptr_t)address, start;
	struct dl_find_object found;
	const char *function;

	snprintf(room->text, sizeof(room->text), "%p", address);
	if (_dl_find_object((void *)number, &found) != 0 || !found.dlfo_link_map)
		return room->text;
	function = function_at(found.dlfo_link_map, number, &start);
	if (function)
		snprintf(room->text, sizeof(room->text), "%p (%.48s+%#lx, %.32s)", address, function,
			 (unsigned long)(number - start), name_of(found.dlfo_link_map));
	else
		snprintf(room->text, sizeof(room->text), "%p (%.32s+%#lx)", address, name_of(found.dlfo_link_map),
			 (unsigned long)(number - found.dlfo_link_map->l_addr));
	return room->text;
}

#else

const char *quiesce_place_text(struct place_text *room, const void *address)
{
	snprintf(room->text, sizeof(room->text), "%p", address);
	return room->text;
}

#endif

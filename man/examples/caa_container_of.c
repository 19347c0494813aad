/* SPDX-License-Identifier: MIT */
#include <urcu/compiler.h>
#include <stdlib.h>

struct link {
	struct link *next;
};

struct person {
	int age;
	struct link link;
};

urcu_static_assert(sizeof(struct person) > sizeof(struct link), "a person has a link", has_a_link);

int main(void)
{
	struct person person = { .age = 30 };
	struct link *link = &person.link, *none = NULL;
	int ages[] = { 20, 40 };

	if (caa_container_of(link, struct person, link)->age != 30)
		return EXIT_FAILURE;
	if (caa_container_of_check_null(none, struct person, link))
		return EXIT_FAILURE;
	if (caa_unlikely(CAA_ARRAY_SIZE(ages) != 2))
		return EXIT_FAILURE;
	return caa_max(ages[0], ages[1]) == 40 ? EXIT_SUCCESS : EXIT_FAILURE;
}

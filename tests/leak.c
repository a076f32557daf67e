/* leak.c - a Criterion test that leaks on purpose. Criterion's workers exit with 0 after
 * a leak report, so tests/asan.sh must notice by other means; this proves that it does. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(leak, on_purpose)
{
	char *volatile lost = malloc(1234);

	cr_assert(lost);
	lost = NULL;
}

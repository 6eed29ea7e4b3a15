/* What every unit test includes, in the order that cmocka asks for. */
#ifndef HELIOSTAT_TESTS_UNIT_TEST_H
#define HELIOSTAT_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif

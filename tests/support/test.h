/*
 * What every unit test includes: cmocka and what it needs, in its order.
 */
#ifndef ROOMCAST_TEST_H
#define ROOMCAST_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif

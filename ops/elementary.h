/* elementary.h - exp, log, sin and their like, with the same bits on every machine.
 *
 * Those of the C library differ in the last bit from one library, version and processor to the
 * next; what is computed here is written into models. Each function is made of + - * / and sqrt
 * alone, which IEEE 754 defines, and is good to about one unit in the last place. Kernels call
 * these and no others (tests/floors.sh looks).
 */
#ifndef OX_ELEMENTARY_H
#define OX_ELEMENTARY_H

double ox_exp(double x);
double ox_expm1(double x);
double ox_log(double x);
double ox_log1p(double x);
double ox_pow(double x, double y);
double ox_sinh(double x);
double ox_cosh(double x);
double ox_tanh(double x);
double ox_asinh(double x);
double ox_acosh(double x);
double ox_atanh(double x);
double ox_sin(double x);
double ox_cos(double x);
double ox_tan(double x);
double ox_asin(double x);
double ox_acos(double x);
double ox_atan(double x);
double ox_erf(double x);
double ox_erfc(double x);

#endif

/* Images that are not compressed. */
#include "eval_kit.h"

/* "P6 2 1 255" and "P5\n#x\n1 1\n255" */
#define PPM "80, 54, 32, 50, 32, 49, 32, 50, 53, 53, 10"
#define PGM "80, 53, 10, 35, 120, 10, 49, 32, 49, 10, 50, 53, 53, 10"
/* of 54 bytes: one column, two rows from below, 24 bits */
#define BMP(width, bits)                                                                                   \
	"66, 77, 62, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, " width ", 0, 0, 0, 2, 0, 0, 0, 1, 0, " \
	bits ", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0"

Test(decode, images)
{
	check("uint8[17] {" PPM ", 1, 2, 3, 4, 5, 6}", "ImageDecoder (a)", "uint8[1,2,3] {1, 2, 3, 4, 5, 6}");
	check("uint8[17] {" PPM ", 1, 2, 3, 4, 5, 6}", "ImageDecoder <pixel_format = \"BGR\"> (a)", "uint8[1,2,3] {3, 2, 1, 6, 5, 4}");
	check("uint8[17] {" PPM ", 255, 0, 0, 0, 255, 0}", "ImageDecoder <pixel_format = \"Grayscale\"> (a)", "?uint8[1,2,1] {76, 150}");
	check("uint8[15] {" PGM ", 9}", "ImageDecoder (a)", "uint8[1,1,3] {9, 9, 9}");
	check("uint8[62] {" BMP("1", "24") ", 1, 2, 3, 0, 4, 5, 6, 0}", "ImageDecoder (a)", "uint8[2,1,3] {6, 5, 4, 3, 2, 1}");
}

Test(decode, what_is_not_whole_is_refused)
{
	check("uint8[16] {" PPM ", 1, 2, 3, 4, 5}", "ImageDecoder (a)", "!not decoded");
	check("uint8[11] {" PPM "}", "ImageDecoder (a)", "!not decoded");
	check("uint8[2] {80, 54}", "ImageDecoder (a)", "!not decoded");
	check("uint8[0] {}", "ImageDecoder (a)", "!not decoded");
	check("uint8[62] {" BMP("2", "24") ", 1, 2, 3, 0, 4, 5, 6, 0}", "ImageDecoder (a)", "!not decoded");
	check("uint8[62] {" BMP("1", "8") ", 1, 2, 3, 0, 4, 5, 6, 0}", "ImageDecoder (a)", "!not decoded");
	check("uint8[54] {" BMP("1", "24") "}", "ImageDecoder (a)", "!not decoded");
	check("uint8[8] {137, 80, 78, 71, 13, 10, 26, 10}", "ImageDecoder (a)", "!not decoded");
}

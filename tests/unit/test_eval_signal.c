/* Signals: transforms and windows. */
#include "eval_kit.h"

Test(eval_signal, transforms)
{
	check("float[1,4,1] {1.0, 2.0, 3.0, 4.0}", "DFT (a)", "float[1,4,2] {10.0, 0.0, -2.0, 2.0, -2.0, 0.0, -2.0, -2.0}");
	check("float[1,4,1] {1.0, 2.0, 3.0, 4.0}", "DFT <onesided = 1> (a)", "float[1,3,2] {10.0, 0.0, -2.0, 2.0, -2.0, 0.0}");
	check("float[1,4,2] {10.0, 0.0, -2.0, 2.0, -2.0, 0.0, -2.0, -2.0}", "DFT <inverse = 1> (a)",
	      "float[1,4,2] {1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 0.0}");
	check("float[1,3,2] {10.0, 0.0, -2.0, 2.0, -2.0, 0.0}", "DFT <inverse = 1, onesided = 1> (a)",
	      "float[1,4,1] {1.0, 2.0, 3.0, 4.0}");
	/* cut, and followed by zeros */
	check("float[3,1] {1.0, 2.0, 9.0}; int64 {2}", "DFT (a, b)", "float[2,2] {3.0, 0.0, -1.0, 0.0}");
	check("float[1,1] {1.0}; int32 {3}", "DFT (a, b)", "float[3,2] {1.0, 0.0, 1.0, 0.0, 1.0, 0.0}");
	check("float[2,2,1] {1.0, 2.0, 3.0, 4.0}; int64 {0}", "DFT (a, , b)",
	      "float[2,2,2] {4.0, 0.0, 6.0, 0.0, -2.0, 0.0, -2.0, 0.0}");
	check_at(17, "float[1,2,1] {1.0, 2.0}", "DFT (a)", "float[1,2,2] {3.0, 0.0, -1.0, 0.0}");
	check_at(17, "float[1,2,1] {1.0, 2.0}", "DFT <axis = -3> (a)", "float[1,2,2] {1.0, 0.0, 2.0, 0.0}");
	/* three points, by sixths of a turn */
	check("float[3,1] {0.0, 1.0, 0.0}", "DFT (a)", "float[3,2] {1.0, 0.0, -0.5, -0.8660254, -0.5, 0.8660254}");
}

Test(eval_signal, transforms_that_are_none)
{
	check("float[1,2,1] {1.0, 2.0}; int64 {-1}", "DFT (a, , b)", "!parts");
	check("float[1,2,1] {1.0, 2.0}; int64 {0}", "DFT (a, b)", "!no points");
	check("float[1,2,3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}", "DFT (a)", "!last dim");
	check("float[1,1,2] {1.0, 2.0}", "DFT <onesided = 1> (a)", "!half the spectrum");
	check("float[1,2,1] {1.0, 2.0}; int64 {1099511627777}", "DFT (a, b)", "!too large");
	check("float[1,2,1] {1.0, 2.0}; int64 {65537}", "DFT (a, b)", "!too many operations");
}

Test(eval_signal, frames)
{
	const char *signal = "float[1,4,1] {1.0, 2.0, 3.0, 4.0}; int64 {2}; float[2] {1.0, 0.5}; int64 {2}";

	check(signal, "STFT (a, b, , d)", "float[1,2,2,2] {3.0, 0.0, -1.0, 0.0, 7.0, 0.0, -1.0, 0.0}");
	check(signal, "STFT (a, b, c)", "float[1,2,2,2] {2.0, 0.0, 0.0, 0.0, 5.0, 0.0, 1.0, 0.0}");
	check(signal, "STFT (a, b, c, d)", "float[1,2,2,2] {2.0, 0.0, 0.0, 0.0, 5.0, 0.0, 1.0, 0.0}");
	check("float[1,1,2] {1.0, 2.0}; int64 {1}", "STFT <onesided = 0> (a, b)", "float[1,1,1,2] {1.0, 2.0}");
	check("float[1,1,2] {1.0, 2.0}; int64 {1}", "STFT (a, b)", "!half the spectrum");
	check("float[1,1,1] {1.0}; int64 {0}", "STFT (a, b)", "!step");
	check("float[1,1,1] {1.0}; int64 {1}; int64 {2}", "STFT (a, b, , c)", "!shorter");
}

Test(eval_signal, windows)
{
	check("int64 {4}", "HannWindow (a)", "float[4] {0.0, 0.5, 1.0, 0.5}");
	check("int32 {3}", "HannWindow <periodic = 0, output_datatype = 11> (a)", "double[3] {0.0, 1.0, 0.0}");
	check("int64 {2}", "HammingWindow (a)", "float[2] {0.08695652, 1.0}");
	check("int64 {2}", "BlackmanWindow <output_datatype = 7> (a)", "int64[2] {0, 1}");
	check("int64 {4}", "HannWindow <output_datatype = 6> (a)", "?int32[4] {0, 0, 1, 0}");
	check("int64 {0}", "HannWindow (a)", "float[0] {}");
	check("int64 {1}", "HannWindow (a)", "float[1] {0.0}");
	check("int64 {1}", "HannWindow <periodic = 0> (a)", "!no window");
	check("int64 {-1}", "HannWindow (a)", "!no window");
	check("int64 {1}", "HannWindow <output_datatype = 8> (a)", "!type is unknown");
}

Test(eval_signal, mel)
{
	check("int64 {2}; int64 {8}; int64 {8000}; float {0.0}; float {4000.0}", "MelWeightMatrix (a, b, c, d, e)",
	      "float[5,2] {1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}");
	check("int64 {2}; int64 {8}; int64 {800}; float {0.0}; float {4000.0}", "MelWeightMatrix (a, b, c, d, e)", "!beyond");
	check("int64 {2}; int64 {8}; int64 {0}; float {0.0}; float {4000.0}", "MelWeightMatrix (a, b, c, d, e)", "!out of range");
}

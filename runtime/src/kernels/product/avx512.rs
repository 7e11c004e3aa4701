//! AVX-512: 14 rows by two vectors (14x32 in f32, 14x16 in f64), 28 accumulators of the 32
//! registers; masks make the last columns free. Narrow panels use 16 rows by one vector, short
//! ones 4 rows by four.
//!
//! The kernels are assembly, since LLVM keeps accumulators of such tiles in memory as soon as there is a loop around
//! the innermost one. The assembler's own macros write the rows and vectors out.

use std::arch::asm;
use std::mem::offset_of;

use super::avx2::{transpose_f32, transpose_f64};
use super::family::Family;
use super::tile::{Tile, shape};

/// Defines the micro-kernel of an element type: its name, the type, the letter of its instructions, how an element in memory
/// is named and repeated in all lanes, and the power of two that is its size.
///
/// Register `NV * i + j` is the sum of row `i` and vector `j`; the last `NV` registers are the columns of B, the two before them
/// elements of A. Rows are found by threes: r8 to r13 point at every third, r14 is the distance of rows.
macro_rules! kernel {
    ($name:ident, $elem:ty, $p:literal, $memory:literal, $repeat:literal, $shift:literal) => {
        /// # Safety
        /// As for `TileFn`, on a machine with AVX-512.
        #[target_feature(enable = "avx512f")]
        unsafe fn $name<const M: usize, const NV: usize, const FULL: bool, const SCATTERED: bool>(tile: &Tile<$elem>) {
            const { assert!(M * NV + NV + if NV == 1 { 0 } else { 2 } <= 32 && M <= 18) }
            // SAFETY: reads and writes what the tile describes, for which the caller vouches, and all registers that it
            // changes are named.
            unsafe {
                asm!(
                    ".altmacro",
                    // Every row and vector: `\\step i, j, NV * i + j`.
                    ".macro nnc_each step",
                    ".set .Lnnc_i, 0",
                    ".rept {m}",
                    ".set .Lnnc_j, 0",
                    ".rept {nv}",
                    "\\step %.Lnnc_i, %.Lnnc_j, %.Lnnc_i*{nv}+.Lnnc_j",
                    ".set .Lnnc_j, .Lnnc_j + 1",
                    ".endr",
                    ".set .Lnnc_i, .Lnnc_i + 1",
                    ".endr",
                    ".endm",
                    // A vector of a row at rax, the last under its mask.
                    ".macro nnc_load at, j, to",
                    ".if {full} == 0 && \\j == {nv} - 1",
                    concat!("vmovup", $p, " zmm\\to{{k1}}{{z}}, [\\at + 64 * \\j]"),
                    ".else",
                    concat!("vmovup", $p, " zmm\\to, [\\at + 64 * \\j]"),
                    ".endif",
                    ".endm",
                    ".macro nnc_begin i, j, sum",
                    "nnc_load rax, \\j, \\sum",
                    ".if \\j == {nv} - 1",
                    "add rax, rcx",
                    ".endif",
                    ".endm",
                    ".macro nnc_end i, j, sum",
                    ".if {full} == 0 && \\j == {nv} - 1",
                    concat!("vmovup", $p, " [rax + 64 * \\j]{{k1}}, zmm\\sum"),
                    ".else",
                    concat!("vmovup", $p, " [rax + 64 * \\j], zmm\\sum"),
                    ".endif",
                    ".if \\j == {nv} - 1",
                    "add rax, rcx",
                    ".endif",
                    ".endm",
                    // sum += a * column, with `a` of the row, at `at`.
                    ".macro nnc_product j, sum, column, scale, at",
                    ".if {nv} == 1",
                    concat!("vfmadd231p", $p, " zmm\\sum, zmm\\column, ", $memory, " ptr [\\at]", $repeat),
                    ".else",
                    ".if \\j == 0",
                    concat!("vbroadcasts", $p, " zmm\\scale, ", $memory, " ptr [\\at]"),
                    ".endif",
                    concat!("vfmadd231p", $p, " zmm\\sum, zmm\\scale, zmm\\column"),
                    ".endif",
                    ".endm",
                    ".macro nnc_even j, sum, column, scale, third, within",
                    ".if \\within == 0",
                    "nnc_product \\j, \\sum, \\column, \\scale, r\\third",
                    ".else",
                    "nnc_product \\j, \\sum, \\column, \\scale, <r\\third + r14 * \\within>",
                    ".endif",
                    ".endm",
                    ".macro nnc_add i, j, sum",
                    ".if {scattered}",
                    ".if \\j == 0",
                    "mov r10, [r9 + 8 * \\i]",
                    ".endif",
                    "nnc_product \\j, \\sum, %32-{nv}+\\j, %30-{nv}+\\i-2*(\\i/2), <r8 + r10 * {size}>",
                    ".else",
                    "nnc_even \\j, \\sum, %32-{nv}+\\j, %30-{nv}+\\i-2*(\\i/2), %8+\\i/3, %\\i-3*(\\i/3)",
                    ".endif",
                    ".endm",
                    ".macro nnc_column j, to",
                    "nnc_load rsi, \\j, \\to",
                    ".endm",
                    ".macro nnc_third to, from",
                    "lea r\\to, [r\\from + 2 * r14]",
                    "add r\\to, r14",
                    ".endm",
                    ".macro nnc_on third",
                    "add r\\third, r15",
                    ".endm",
                    "mov rcx, [rdi + {last}]",
                    "mov eax, 1",
                    "shl eax, cl",
                    "dec eax",
                    "kmovw k1, eax",
                    "mov rax, [rdi + {init}]",
                    "mov rcx, [rdi + {init_rs}]",
                    concat!("shl rcx, ", $shift),
                    "nnc_each nnc_begin",
                    "mov r14, [rdi + {a_rs}]",
                    concat!("shl r14, ", $shift),
                    "mov r15, [rdi + {a_cs}]",
                    concat!("shl r15, ", $shift),
                    "mov rsi, [rdi + {b}]",
                    "mov rdx, [rdi + {b_ks}]",
                    concat!("shl rdx, ", $shift),
                    "xor eax, eax",
                    // Run rax.
                    "2:",
                    "cmp rax, [rdi + {runs}]",
                    "jae 5f",
                    "mov r8, [rdi + {starts}]",
                    "mov r8, [r8 + 8 * rax]",
                    concat!("shl r8, ", $shift),
                    "add r8, [rdi + {a}]",
                    ".if {scattered}",
                    "mov r9, [rdi + {rows}]",
                    ".else",
                    ".set .Lnnc_i, 1",
                    ".rept ({m} - 1) / 3",
                    "nnc_third %8+.Lnnc_i, %7+.Lnnc_i",
                    ".set .Lnnc_i, .Lnnc_i + 1",
                    ".endr",
                    ".endif",
                    "mov rcx, [rdi + {k}]",
                    "test rcx, rcx",
                    "jz 4f",
                    // One `k`.
                    "3:",
                    ".set .Lnnc_j, 0",
                    ".rept {nv}",
                    "nnc_column %.Lnnc_j, %32-{nv}+.Lnnc_j",
                    ".set .Lnnc_j, .Lnnc_j + 1",
                    ".endr",
                    "nnc_each nnc_add",
                    "add r8, r15",
                    ".if {scattered} == 0",
                    ".set .Lnnc_i, 1",
                    ".rept ({m} - 1) / 3",
                    "nnc_on %8+.Lnnc_i",
                    ".set .Lnnc_i, .Lnnc_i + 1",
                    ".endr",
                    ".endif",
                    "add rsi, rdx",
                    "dec rcx",
                    "jnz 3b",
                    "4:",
                    "inc rax",
                    "jmp 2b",
                    "5:",
                    "mov rax, [rdi + {c}]",
                    "mov rcx, [rdi + {c_rs}]",
                    concat!("shl rcx, ", $shift),
                    "nnc_each nnc_end",
                    "vzeroupper",
                    ".irp name, each, load, begin, end, product, even, add, column, third, on",
                    ".purgem nnc_\\name",
                    ".endr",
                    ".noaltmacro",
                    size = const size_of::<$elem>(),
                    m = const M,
                    nv = const NV,
                    full = const FULL as usize,
                    scattered = const SCATTERED as usize,
                    runs = const offset_of!(Tile<$elem>, runs),
                    k = const offset_of!(Tile<$elem>, k),
                    starts = const offset_of!(Tile<$elem>, starts),
                    a = const offset_of!(Tile<$elem>, a),
                    a_rs = const offset_of!(Tile<$elem>, a_rs),
                    a_cs = const offset_of!(Tile<$elem>, a_cs),
                    rows = const offset_of!(Tile<$elem>, rows),
                    b = const offset_of!(Tile<$elem>, b),
                    b_ks = const offset_of!(Tile<$elem>, b_ks),
                    init = const offset_of!(Tile<$elem>, init),
                    init_rs = const offset_of!(Tile<$elem>, init_rs),
                    c = const offset_of!(Tile<$elem>, c),
                    c_rs = const offset_of!(Tile<$elem>, c_rs),
                    last = const offset_of!(Tile<$elem>, last),
                    in("rdi") tile,
                    out("rax") _, out("rcx") _, out("rdx") _, out("rsi") _, out("r8") _, out("r9") _, out("r10") _,
                    out("r11") _, out("r12") _, out("r13") _, out("r14") _, out("r15") _, out("k1") _,
                    out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _,
                    out("zmm6") _, out("zmm7") _, out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
                    out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _, out("zmm16") _, out("zmm17") _,
                    out("zmm18") _, out("zmm19") _, out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
                    out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _, out("zmm28") _, out("zmm29") _,
                    out("zmm30") _, out("zmm31") _,
                    options(nostack),
                )
            }
        }
    };
}

kernel!(tile_f32, f32, "s", "dword", "{{1to16}}", "2");
kernel!(tile_f64, f64, "d", "qword", "{{1to8}}", "3");

pub(super) static F32: Family<f32> = Family {
    lanes: 16,
    shapes: &[
        shape!(tile_f32, 4, [1 2 3 4]),
        shape!(tile_f32, 2, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
        shape!(tile_f32, 1, [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]),
    ],
    transpose: transpose_f32,
    block: 8,
};

pub(super) static F64: Family<f64> = Family {
    lanes: 8,
    shapes: &[
        shape!(tile_f64, 4, [1 2 3 4]),
        shape!(tile_f64, 2, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
        shape!(tile_f64, 1, [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]),
    ],
    transpose: transpose_f64,
    block: 4,
};

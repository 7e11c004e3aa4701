//! Instruction sets, and the kernels of each as a table of C-callable functions.

use std::sync::OnceLock;

use super::product::{self, ProductFn};

/// An instruction set that kernels are written for. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// x86-64 with AVX-512 F.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// aarch64 with NEON.
    Neon,
    /// Plain Rust.
    Portable,
}

impl Isa {
    /// All of them, the fastest first.
    pub const ALL: [Isa; 4] = [Isa::Avx512, Isa::Avx2, Isa::Neon, Isa::Portable];

    /// The fastest that this process can run; asked once.
    pub fn detect() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Isa::ALL.into_iter().find(|isa| isa.available()).unwrap_or(Isa::Portable))
    }

    /// Whether this process can run it.
    pub fn available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("bmi2"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => true,
            Isa::Portable => true,
            #[allow(unreachable_patterns, reason = "every target lacks some instruction set")]
            _ => false,
        }
    }
}

/// The kernels of one instruction set.
pub struct KernelTable {
    /// The instruction set.
    pub isa: Isa,
    /// Products in f32.
    pub product_f32: ProductFn<f32>,
    /// Products in f64.
    pub product_f64: ProductFn<f64>,
}

#[cfg(target_arch = "x86_64")]
static AVX512: KernelTable =
    KernelTable { isa: Isa::Avx512, product_f32: product::avx512_f32, product_f64: product::avx512_f64 };
#[cfg(target_arch = "x86_64")]
static AVX2: KernelTable =
    KernelTable { isa: Isa::Avx2, product_f32: product::avx2_f32, product_f64: product::avx2_f64 };
#[cfg(target_arch = "aarch64")]
static NEON: KernelTable =
    KernelTable { isa: Isa::Neon, product_f32: product::neon_f32, product_f64: product::neon_f64 };
static PORTABLE: KernelTable =
    KernelTable { isa: Isa::Portable, product_f32: product::portable_f32, product_f64: product::portable_f64 };

/// The kernels of an instruction set, or None if this process cannot run it.
pub fn kernels(isa: Isa) -> Option<&'static KernelTable> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => isa.available().then_some(&AVX512),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => isa.available().then_some(&AVX2),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => Some(&NEON),
        Isa::Portable => Some(&PORTABLE),
        #[allow(unreachable_patterns, reason = "every target lacks some instruction set")]
        _ => None,
    }
}

/// The kernels of the fastest instruction set of this process.
pub fn best_kernels() -> &'static KernelTable {
    kernels(Isa::detect()).unwrap_or(&PORTABLE)
}

//! Floats of 16 bits, which files of other systems hold: each is a number of single precision, too.

/// The element types of 16 bits, by their names in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
}

impl Half {
    /// The type of that name.
    pub(super) fn of(code: &str) -> Option<Half> {
        match code {
            "F16" => Some(Half::F16),
            "BF16" => Some(Half::BF16),
            _ => None,
        }
    }

    /// The elements in single precision; both little-endian.
    pub(super) fn widened(self, data: &[u8]) -> Vec<u8> {
        let (halves, _) = data.as_chunks::<2>();
        let wide = |half: &[u8; 2]| self.value(u16::from_le_bytes(*half)).to_le_bytes();
        halves.iter().flat_map(wide).collect()
    }

    fn value(self, bits: u16) -> f32 {
        let bits = u32::from(bits);
        match self {
            Half::BF16 => f32::from_bits(bits << 16),
            Half::F16 => {
                let (sign, exponent, fraction) = (bits >> 15 << 31, bits >> 10 & 31, bits & 1023);
                match exponent {
                    // Zeros and denormals, in units of 2^-24.
                    0 => f32::from_bits(sign | (fraction as f32 * 2f32.powi(-24)).to_bits()),
                    31 => f32::from_bits(sign | 255 << 23 | fraction << 13),
                    // The biases of the exponents are 15 and 127.
                    _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_have_the_values_of_the_standard() {
        let f16 = |bits| Half::F16.value(bits);
        assert_eq!([f16(0x3c00), f16(0xc000), f16(0x3555), f16(0x7bff)], [1.0, -2.0, 0.333_251_95, 65504.0]);
        assert_eq!([f16(0x0001), f16(0x03ff), f16(0x0400)], [5.960_464_5e-8, 6.097_555e-5, 6.103_515_6e-5]);
        assert!(f16(0x8000).to_bits() == (-0f32).to_bits() && f16(0xfc00) == f32::NEG_INFINITY && f16(0x7e00).is_nan());
        assert_eq!([Half::BF16.value(0x3f80), Half::BF16.value(0xc049)], [1.0, -3.140_625]);
        assert_eq!(Half::F16.widened(&[0x00, 0x3c, 0x00, 0xc0]), [1f32.to_le_bytes(), (-2f32).to_le_bytes()].concat());
    }
}

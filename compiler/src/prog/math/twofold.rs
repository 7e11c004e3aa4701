//! Error-free transformations: sums and products as a rounded value and its exact error.

use super::E;

/// a + b = high + low exactly.
pub(super) fn two_sum<'p>(a: E<'p>, b: E<'p>) -> (E<'p>, E<'p>) {
    let high = a + b;
    let b_part = high - a;
    let a_part = high - b_part;
    (high, (a - a_part) + (b - b_part))
}

/// a + b = high + low exactly, where |a| ≥ |b| or a = 0.
pub(super) fn fast_two_sum<'p>(a: E<'p>, b: E<'p>) -> (E<'p>, E<'p>) {
    let high = a + b;
    (high, b - (high - a))
}

/// a·b = high + low exactly, unless low underflows.
pub(super) fn two_product<'p>(a: E<'p>, b: E<'p>) -> (E<'p>, E<'p>) {
    let high = a * b;
    (high, a.fma(b, -high))
}

//! Which nests go sixteen lanes at once; that the bits are the same follows from the comparisons with the oracle, whose code without
//! fusion is Cranelift's alone.

use super::{Case, Rng};
use crate::codegen::kernels::Kernel;
use crate::codegen::{Options, planned, wide};
use crate::ir::builder::Val;
use crate::ir::types::{DType, TensorType};
use crate::ops::unary::{ABS, ERF, EXP, FLOOR, LOG, SIN, SQRT, TANH};

/// For each loop of the step that computes `y` of an input of this type whether it has wide code.
fn wide_loops(dtype: DType, sizes: &[usize], y: impl Fn(Val<'_>) -> Val<'_>) -> Vec<bool> {
    let case = Case::new();
    let ty = TensorType::new(dtype, super::dims(sizes));
    case.b.output("y", y(case.b.read(crate::ir::attrs::Slot::Input(0), ty)));
    let graph = case.b.finish();
    let planned = planned(&graph, 0, 1, &Options::default()).expect("a plan");
    let loops = planned.lowered.stages.iter().filter_map(|stage| match &stage.kernel {
        Kernel::Loop(nest) => Some(wide::compile(nest).is_some()),
        _ => None,
    });
    loops.collect()
}

#[test]
fn maps_and_inner_sums_of_single_floats_go_sixteen_at_once() {
    for row in [&ABS, &ERF, &EXP, &FLOOR, &LOG, &SQRT, &TANH] {
        assert_eq!(wide_loops(DType::F32, &[3, 40], |x| x.unary(row)), [true], "{}", row.name);
    }
    assert_eq!(wide_loops(DType::F32, &[3, 40], |x| x.unary(&EXP).sum(&[1])), [true]);
    assert_eq!(wide_loops(DType::F32, &[3, 40], |x| x.maximum(&[1])), [true]);
}

#[test]
fn the_rest_is_left_to_cranelift() {
    // Another width, in the operands or within, as for the remainder of an angle; rows shorter than a register, rows that are walked down, elements apart.
    assert_eq!(wide_loops(DType::F64, &[3, 40], |x| x + 1.0), [false]);
    assert_eq!(wide_loops(DType::F32, &[3, 40], |x| x.unary(&SIN)), [false]);
    assert_eq!(wide_loops(DType::F32, &[15], |x| x + 1.0), [false]);
    assert_eq!(wide_loops(DType::F32, &[3, 40], |x| x.sum(&[0])), [false]);
    assert_eq!(wide_loops(DType::F32, &[20, 40], |x| x.permute(vec![1, 0]) + 1.0), [false]);
}

#[test]
fn code_for_reading_is_complete() {
    let mut rng = Rng(5);
    let mut case = Case::new();
    let x = case.floats(&mut rng, &[3, 40]);
    case.b.output("y", case.read(x).unary(&TANH));
    let graph = case.b.finish();
    let planned = planned(&graph, 0, 1, &Options::default()).expect("a plan");
    let Kernel::Loop(nest) = &planned.lowered.stages[0].kernel else { panic!("a map is a loop") };
    let listing = wide::compile(nest).expect("wide code").listing();
    assert!(listing.contains("vfmadd") && listing.trim_end().ends_with("ret"), "{listing}");
}

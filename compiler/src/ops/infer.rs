//! Shape rules that several rows share.

use crate::ir::attrs::Attrs;
use crate::ir::op::InferError;
use crate::ir::types::{DType, TensorType, is_float};

type Inferred = Result<Vec<TensorType>, InferError>;

/// All operands have one type, which is the result's.
pub(super) fn same(args: &[&TensorType], _: &Attrs) -> Inferred {
    equal_types(args)?;
    Ok(vec![args[0].clone()])
}

/// Floats of one type.
pub(super) fn float(args: &[&TensorType], attrs: &Attrs) -> Inferred {
    match args.iter().find(|t| !is_float(t.dtype)) {
        Some(t) => Err(InferError::new(format!("needs floats, not {}", t.dtype.name()))),
        None => same(args, attrs),
    }
}

/// Numbers of one type: floats or integers, no masks and no bytes.
pub(super) fn number(args: &[&TensorType], attrs: &Attrs) -> Inferred {
    match args.iter().find(|t| matches!(t.dtype, DType::Bool | DType::U8)) {
        Some(t) => Err(InferError::new(format!("needs numbers, not {}", t.dtype.name()))),
        None => same(args, attrs),
    }
}

/// Two numbers of one type; the result is a mask.
pub(super) fn compare(args: &[&TensorType], attrs: &Attrs) -> Inferred {
    number(args, attrs)?;
    Ok(vec![TensorType::new(DType::Bool, args[0].shape.clone())])
}

/// Masks.
pub(super) fn mask(args: &[&TensorType], attrs: &Attrs) -> Inferred {
    match args.iter().find(|t| t.dtype != DType::Bool) {
        Some(t) => Err(InferError::new(format!("needs masks, not {}", t.dtype.name()))),
        None => same(args, attrs),
    }
}

/// A mask and two values of one type and of its shape.
pub(super) fn select(args: &[&TensorType], _: &Attrs) -> Inferred {
    if args[0].dtype != DType::Bool {
        return Err(InferError::new(format!("the condition must be a mask, not {}", args[0].dtype.name())));
    }
    equal_types(&args[1..])?;
    equal_shapes(args)?;
    Ok(vec![args[1].clone()])
}

fn equal_types(args: &[&TensorType]) -> Result<(), InferError> {
    if let Some(t) = args.iter().find(|t| t.dtype != args[0].dtype) {
        return Err(InferError::new(format!("{} meets {}", args[0].dtype.name(), t.dtype.name())));
    }
    equal_shapes(args)
}

fn equal_shapes(args: &[&TensorType]) -> Result<(), InferError> {
    for (i, t) in args.iter().enumerate().skip(1) {
        if t.rank() != args[0].rank() {
            return Err(InferError::new(format!("{} axes meet {}", args[0].rank(), t.rank())));
        }
        for axis in 0..t.rank() {
            if t.shape[axis] != args[0].shape[axis] {
                let what = format!("{} meets {}", args[0].shape[axis], t.shape[axis]);
                return Err(InferError::axes(what, (i, axis), (0, axis)));
            }
        }
    }
    Ok(())
}

/// An attribute of another family: a mistake of the compiler.
pub(super) fn wrong_attrs() -> InferError {
    InferError::new("attributes of another family")
}

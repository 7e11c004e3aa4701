//! A case as PyTorch calls it: arguments by place or by name, tensors among them.

use super::literal::Arg;
use super::tensors::Tensor;
use super::text::{Nn, T};
use std::collections::BTreeMap;

/// Why a case has no program. Those that begin with `excused` are no gap of the language.
pub(crate) type Reason = String;

/// The values that a case computes, or why it cannot be written.
pub(crate) type Outputs = Result<Vec<T>, Reason>;

/// One call.
pub(crate) struct Call<'a> {
    /// `div|floor_rounding`
    pub(crate) variant: &'a str,
    /// Positional arguments, the input first.
    pub(crate) args: Vec<Arg>,
    /// Arguments by name: a dictionary.
    pub(crate) kwargs: Arg,
    /// Tensors by the name they have in the program.
    pub(crate) tensors: &'a BTreeMap<String, Tensor>,
}

/// What a tensor of a file is called in the program.
pub(crate) fn program_name(key: &str) -> String {
    key.replace('.', "_")
}

impl Call<'_> {
    /// An argument by place, from 0 for the input, or by name.
    pub(crate) fn arg(&self, place: usize, name: &str) -> Option<&Arg> {
        self.args.get(place).or_else(|| self.kwargs.get(name)).filter(|a| **a != Arg::None)
    }

    /// A tensor argument. Numbers are values too.
    pub(crate) fn value(&self, place: usize, name: &str) -> Option<T> {
        self.arg(place, name).and_then(|a| self.tensor_of(a))
    }

    /// What an argument is as a value.
    pub(crate) fn tensor_of(&self, arg: &Arg) -> Option<T> {
        if let Some(x) = arg.num() {
            return x.is_finite().then(|| T::new(super::text::number(x), &[]));
        }
        let key = program_name(arg.get("tensor")?.text()?);
        let tensor = self.tensors.get(&key)?;
        Some(T::new(key, &tensor.shape))
    }

    /// The input.
    pub(crate) fn input(&self) -> Result<T, Reason> {
        self.value(0, "input").ok_or_else(|| "no tensor input".to_owned())
    }

    /// A tensor that must be there.
    pub(crate) fn needed(&self, place: usize, name: &str) -> Result<T, Reason> {
        self.value(place, name).ok_or_else(|| format!("no `{name}`"))
    }

    /// The tensor behind a value, where it is one of the file.
    pub(crate) fn behind(&self, t: &T) -> Option<&Tensor> {
        self.tensors.get(&t.name)
    }

    /// A number.
    pub(crate) fn num(&self, place: usize, name: &str, default: f64) -> f64 {
        self.arg(place, name).and_then(Arg::num).unwrap_or(default)
    }

    /// A truth value.
    pub(crate) fn flag(&self, place: usize, name: &str, default: bool) -> bool {
        self.arg(place, name).and_then(Arg::num).map_or(default, |x| x != 0.0)
    }

    /// A text.
    pub(crate) fn text(&self, place: usize, name: &str, default: &str) -> String {
        self.arg(place, name).and_then(Arg::text).unwrap_or(default).to_owned()
    }

    /// A list of whole numbers; one number is a list of it.
    pub(crate) fn list(&self, place: usize, name: &str) -> Option<Vec<i64>> {
        let arg = self.arg(place, name)?;
        match arg.num() {
            Some(x) => Some(vec![x as i64]),
            None => {
                matches!(arg, Arg::List(_)).then(|| arg.items().iter().filter_map(Arg::num).map(|x| x as i64).collect())
            }
        }
    }

    /// The axes that `dim` names, all where it names none.
    pub(crate) fn axes(&self, x: &T, place: usize, name: &str) -> Vec<usize> {
        let dims = self.list(place, name).unwrap_or_default();
        let mut axes: Vec<usize> = dims.iter().map(|d| x.axis(*d as f64)).collect();
        if axes.is_empty() || x.rank() == 0 {
            axes = (0..x.rank()).collect();
        }
        axes.sort_unstable();
        axes
    }

    /// A mask of a tensor that holds truth values.
    pub(crate) fn mask(&self, nn: &mut Nn, t: &T) -> T {
        nn.map(t, |x| format!("{x} != 0"))
    }
}

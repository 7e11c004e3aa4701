//! The body of a definition as it grows: typed values, and statements that make one from others. Every value is bound with its
//! type, whose axes have names by place and size (`n5` the last, `t3` before it, `h2` before that), so that what may meet
//! is what has the same type.

use crate::support::Rng;
use std::fmt::Write;

/// Sizes around the widths of vectors.
pub(crate) const SIZES: [usize; 8] = [1, 2, 3, 7, 8, 9, 16, 17];
/// The most elements of a value.
const MOST_ELEMENTS: usize = 1500;
/// A value has at most so many axes behind the batch.
pub(crate) const MOST_AXES: usize = 3;

/// What elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elem {
    Float,
    /// Class numbers below this.
    Class(usize),
    Mask,
}

/// The type of a value: `[batch, t3, n5]`, or without the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ty {
    pub elem: Elem,
    pub rows: bool,
    pub dims: Vec<usize>,
}

impl Ty {
    pub(crate) fn rows(dims: &[usize]) -> Ty {
        Ty { elem: Elem::Float, rows: true, dims: dims.to_vec() }
    }

    pub(crate) fn with(&self, dims: Vec<usize>) -> Ty {
        Ty { dims, ..self.clone() }
    }

    pub(crate) fn of(&self, elem: Elem) -> Ty {
        Ty { elem, ..self.clone() }
    }

    /// The same with another last axis.
    pub(crate) fn ending(&self, n: usize) -> Ty {
        let mut dims = self.dims.clone();
        dims.pop();
        dims.push(n);
        self.with(dims)
    }

    pub(crate) fn without(&self, i: usize) -> Ty {
        let mut dims = self.dims.clone();
        dims.remove(i);
        self.with(dims)
    }

    pub(crate) fn last(&self) -> usize {
        self.dims.last().copied().unwrap_or(1)
    }

    pub(crate) fn is_float(&self) -> bool {
        self.elem == Elem::Float
    }

    /// The name of axis `i`.
    pub(crate) fn axis(&self, i: usize) -> String {
        let letter = ["n", "t", "h"][self.dims.len() - 1 - i];
        format!("{letter}{}", self.dims[i])
    }

    /// Names of all axes, the rows' first.
    pub(crate) fn names(&self) -> Vec<String> {
        let rows = self.rows.then(|| "batch".to_owned());
        rows.into_iter().chain((0..self.dims.len()).map(|i| self.axis(i))).collect()
    }

    /// As an annotation writes it.
    pub(crate) fn text(&self) -> String {
        let axes = (0..self.dims.len()).map(|i| format!("{} = {}", self.axis(i), self.dims[i]));
        let rows = self.rows.then(|| "batch".to_owned());
        let axes: Vec<String> = rows.into_iter().chain(axes).collect();
        let elem = match self.elem {
            Elem::Float => String::new(),
            Elem::Class(k) => format!("index({k})"),
            Elem::Mask => "bool".to_owned(),
        };
        format!("{elem}[{}]", axes.join(", "))
    }

    /// A list of sizes, as `random_normal` takes it.
    pub(crate) fn shape(&self) -> String {
        let rows = self.rows.then(|| "batch".to_owned());
        let sizes: Vec<String> = rows.into_iter().chain(self.dims.iter().map(usize::to_string)).collect();
        format!("[{}]", sizes.join(", "))
    }
}

/// The numbers that divide `n`.
pub(crate) fn factors(n: usize) -> Vec<usize> {
    (1..=n).filter(|&k| n.is_multiple_of(k)).collect()
}

/// A bound value.
#[derive(Clone, Debug)]
pub(crate) struct Val {
    pub name: String,
    pub ty: Ty,
}

/// One statement, which may take several lines.
#[derive(Clone, Debug)]
pub(crate) struct Stmt {
    pub text: String,
    pub makes: Vec<usize>,
    /// Which values it mentions, and whether a gradient flows to them through it.
    pub uses: Vec<(usize, bool)>,
}

/// A body and where its random choices come from.
pub(crate) struct Body<'r> {
    pub rng: &'r mut Rng,
    pub vals: Vec<Val>,
    pub stmts: Vec<Stmt>,
    /// Whether layers, parameters and states may be made.
    pub layers: bool,
    /// The rows of a batch.
    pub rows: usize,
    /// Layers and functions of the file by name, with the types of what they take and give.
    pub own: Vec<Own>,
    /// What is chosen in turn is chosen from here on.
    pub turn: usize,
    n_inputs: usize,
    uses: Vec<(usize, bool)>,
}

/// A definition of the file that a body may apply to one value.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// `Block`, `Block(3)` or `mix`.
    pub call: String,
    pub is_layer: bool,
    pub takes: Ty,
    pub gives: Ty,
}

impl<'r> Body<'r> {
    pub(crate) fn new(rng: &'r mut Rng, layers: bool, rows: usize, inputs: Vec<Val>, own: &[Own]) -> Body<'r> {
        let n_inputs = inputs.len();
        Body { rng, vals: inputs, stmts: vec![], layers, rows, own: own.to_vec(), turn: 0, n_inputs, uses: vec![] }
    }

    /// One of a list: at random, or the next in turn, so that few programs have all of them.
    pub(crate) fn form<T: Copy>(&mut self, list: &[T]) -> T {
        self.turn += 1;
        if self.rng.chance(0.25) { *self.rng.pick(list) } else { list[self.turn % list.len()] }
    }

    pub(crate) fn size(&mut self) -> usize {
        *self.rng.pick(&SIZES)
    }

    pub(crate) fn fits(&self, ty: &Ty) -> bool {
        let rows = if ty.rows { self.rows } else { 1 };
        ty.dims.len() <= MOST_AXES && rows * ty.dims.iter().product::<usize>() <= MOST_ELEMENTS
    }

    /// A value of which `wanted` holds; late ones more often.
    pub(crate) fn find(&mut self, wanted: impl Fn(&Ty) -> bool) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.vals.len()).filter(|&i| wanted(&self.vals[i].ty)).collect();
        let n = fitting.len();
        (n > 0).then(|| fitting[self.rng.below(n).max(self.rng.below(n))])
    }

    /// A float value with at least this many axes behind the rows, which it has.
    pub(crate) fn float(&mut self, axes: usize) -> Option<usize> {
        self.find(|t| t.is_float() && t.rows && t.dims.len() >= axes)
    }

    pub(crate) fn ty(&self, i: usize) -> Ty {
        self.vals[i].ty.clone()
    }

    /// Mentions a value, to which the gradient flows.
    pub(crate) fn take(&mut self, i: usize) -> String {
        self.uses.push((i, true));
        self.vals[i].name.clone()
    }

    /// Mentions a value, to which no gradient flows.
    pub(crate) fn look(&mut self, i: usize) -> String {
        self.uses.push((i, false));
        self.vals[i].name.clone()
    }

    /// A name that no value has.
    pub(crate) fn fresh(&self, letter: &str) -> String {
        format!("{letter}{}", self.vals.len())
    }

    /// Binds `text` as a value of a type.
    pub(crate) fn bind(&mut self, ty: Ty, text: &str) -> Option<usize> {
        self.bind_after("", ty, text)
    }

    /// Statements `before`, then one that binds `text`.
    pub(crate) fn bind_after(&mut self, before: &str, ty: Ty, text: &str) -> Option<usize> {
        let name = self.fresh("v");
        let line = format!("{before}{name}: {} = {text}\n", ty.text());
        self.push(line, vec![Val { name, ty }]);
        Some(self.vals.len() - 1)
    }

    /// A statement that binds all of `made`.
    pub(crate) fn push(&mut self, text: String, made: Vec<Val>) {
        let first = self.vals.len();
        self.vals.extend(made);
        let uses = std::mem::take(&mut self.uses);
        self.stmts.push(Stmt { text, makes: (first..self.vals.len()).collect(), uses });
    }

    /// A production that found nothing to work on has mentioned values for nothing.
    pub(crate) fn forget(&mut self) {
        self.uses.clear();
    }

    pub(crate) fn finish(self, result: usize) -> Done {
        Done { vals: self.vals, stmts: self.stmts, result, extra: String::new(), n_inputs: self.n_inputs }
    }
}

/// A finished body: what it gives is one value, and a little of every value to which no gradient flows otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub vals: Vec<Val>,
    pub stmts: Vec<Stmt>,
    pub result: usize,
    /// What stands around the result, `Dense(5)` say; empty for nothing.
    pub extra: String,
    n_inputs: usize,
}

impl Done {
    /// Statements and the result, each line indented.
    pub(crate) fn text(&self) -> String {
        let mut out: String = self.stmts.iter().map(|s| s.text.as_str()).collect();
        let ty = &self.vals[self.result].ty;
        let stretch = ", new".repeat(ty.dims.len());
        let mut sum = self.vals[self.result].name.clone();
        if !self.extra.is_empty() {
            sum = format!("{}({sum})", self.extra);
        }
        for i in self.loose() {
            let Val { name, ty } = &self.vals[i];
            let rows = ty.rows && !i.is_multiple_of(3);
            let _ = match (rows, ty.dims.is_empty()) {
                (true, true) => write!(sum, " + 0.1 * tanh({name})[..{stretch}]"),
                (true, false) => {
                    write!(sum, " + 0.1 * tanh(mean({name}, over = [{}]))[..{stretch}]", ty.names()[1..].join(", "))
                }
                (false, true) if !ty.rows => write!(sum, " + 0.1 * tanh({name})"),
                (false, _) => write!(sum, " + 0.1 * tanh(mean({name}))"),
            };
        }
        out += &sum;
        out.lines().map(|line| format!("    {line}\n")).collect()
    }

    /// Float values that nothing takes.
    fn loose(&self) -> Vec<usize> {
        let made = self.stmts.iter().flat_map(|s| s.makes.iter().copied());
        let taken = |i: usize| self.stmts.iter().any(|s| s.uses.contains(&(i, true)));
        let all = (0..self.n_inputs).chain(made);
        all.filter(|&i| i != self.result && self.vals[i].ty.is_float() && !taken(i)).collect()
    }

    /// Bodies with one statement less, of those that no other needs.
    pub(crate) fn smaller(&self) -> Vec<Done> {
        let needed = |s: &Stmt| {
            let used = |i: &usize| self.stmts.iter().any(|other| other.uses.iter().any(|(j, _)| j == i));
            s.makes.iter().any(|i| used(i) || *i == self.result)
        };
        let droppable = (0..self.stmts.len()).rev().filter(|&k| !needed(&self.stmts[k]));
        droppable
            .map(|k| {
                let mut less = self.clone();
                less.stmts.remove(k);
                less
            })
            .collect()
    }
}

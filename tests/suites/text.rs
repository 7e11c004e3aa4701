//! Writes the program of a case: tensors with their shapes, and one binding a line.
//!
//! Axes get names only inside small functions, so that a value outside them meets any other by its sizes alone; and shapes that
//! PyTorch stretches silently are expanded here where anyone can see it.

use std::fmt::{Display, Write as _};

/// A value of the program: its name or an expression of it, and its sizes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct T {
    /// How it is written.
    pub(crate) name: String,
    /// Its sizes.
    pub(crate) shape: Vec<usize>,
}

impl T {
    /// A value that is written so.
    pub(crate) fn new(name: impl Display, shape: &[usize]) -> T {
        T { name: name.to_string(), shape: shape.to_vec() }
    }

    /// The number of axes.
    pub(crate) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub(crate) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// An axis as PyTorch counts it: negative ones from the end.
    pub(crate) fn axis(&self, dim: f64) -> usize {
        let rank = self.rank().max(1) as f64;
        (if dim < 0.0 { dim + rank } else { dim }) as usize
    }
}

/// A number as the language writes it.
pub(crate) fn number(x: f64) -> String {
    if x < 0.0 { format!("({x})") } else { format!("{x}") }
}

/// The name of axis `i`.
pub(crate) fn axis_name(i: usize) -> String {
    format!("a{i}")
}

fn names(rank: usize) -> Vec<String> {
    (0..rank).map(axis_name).collect()
}

/// The lines of a program.
#[derive(Default)]
pub(crate) struct Nn {
    /// Functions, one a line.
    pub(crate) functions: String,
    /// The body, one statement a line.
    pub(crate) lines: String,
    count: usize,
}

impl Nn {
    fn fresh(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}{}", self.count)
    }

    /// Binds an expression.
    pub(crate) fn bind(&mut self, expr: impl Display, shape: &[usize]) -> T {
        let name = self.fresh("t");
        let _ = writeln!(self.lines, "    {name} = {expr}");
        T::new(name, shape)
    }

    /// Binds an expression of two values of the same shape.
    pub(crate) fn pair(&mut self, expr: impl Display, shape: &[usize]) -> (T, T) {
        let (a, b) = (self.fresh("t"), self.fresh("t"));
        let _ = writeln!(self.lines, "    {a}, {b} = {expr}");
        (T::new(a, shape), T::new(b, shape))
    }

    /// Applies a function of its own to values: `x0`, `x1`, …, whose axes have the given names in it.
    pub(crate) fn function(&mut self, args: &[(&T, Vec<String>)], body: impl Display, shape: &[usize]) -> T {
        let name = self.fresh("f");
        let params: Vec<String> =
            args.iter().enumerate().map(|(i, (_, axes))| format!("x{i}: [{}]", axes.join(", "))).collect();
        let _ = writeln!(self.functions, "fn {name}({}) {{ {body} }}", params.join(", "));
        let given: Vec<&str> = args.iter().map(|(t, _)| t.name.as_str()).collect();
        self.bind(format!("{name}({})", given.join(", ")), shape)
    }

    /// A function of one value `x0` with axes `a0`, `a1`, …
    pub(crate) fn of(&mut self, x: &T, body: impl Display, shape: &[usize]) -> T {
        self.function(&[(x, names(x.rank()))], body, shape)
    }

    /// An expression of one value, element by element.
    pub(crate) fn map(&mut self, x: &T, expr: impl Fn(&str) -> String) -> T {
        self.bind(expr(&x.name), &x.shape)
    }

    /// An expression of several values that meet as PyTorch lets them.
    pub(crate) fn zip(&mut self, values: &[&T], expr: impl Fn(&[&str]) -> String) -> T {
        let shape = common(values);
        let met: Vec<T> = values.iter().map(|v| self.meet(v, &shape)).collect();
        let written: Vec<&str> = met.iter().map(|t| t.name.as_str()).collect();
        let text = expr(&written);
        self.bind(text, &shape)
    }

    /// A value in a form that meets `shape`: stretched axes of size 1 are left out in front and repeated elsewhere.
    pub(crate) fn meet(&mut self, x: &T, shape: &[usize]) -> T {
        let target = &shape[shape.len() - x.rank()..];
        let stretched: Vec<usize> = (0..x.rank()).filter(|&i| x.shape[i] != target[i]).collect();
        if stretched.is_empty() {
            return x.clone();
        }
        let front = (0..x.rank()).take_while(|i| stretched.contains(i)).count();
        let kept: Vec<usize> = (0..x.rank()).filter(|i| !stretched.contains(i)).collect();
        let mut t = self.squeeze(x, &stretched);
        for &i in stretched.iter().filter(|&&i| i >= front) {
            let before =
                kept.iter().filter(|&&k| k < i).count() + stretched.iter().filter(|&&s| s >= front && s < i).count();
            t = self.repeat_at(&t, before, target[i]);
        }
        t
    }

    /// A value of exactly this shape.
    pub(crate) fn expand(&mut self, x: &T, shape: &[usize]) -> T {
        let t = self.meet(x, shape);
        self.expand_leading(&t, &shape[..shape.len() - t.rank()])
    }

    fn expand_leading(&mut self, t: &T, sizes: &[usize]) -> T {
        if sizes.is_empty() {
            return t.clone();
        }
        let shape: Vec<usize> = sizes.iter().chain(&t.shape).copied().collect();
        self.bind(format!("expand({}, {sizes:?})", t.name), &shape)
    }

    /// Repeats a value along a new axis in place `at`.
    pub(crate) fn repeat_at(&mut self, x: &T, at: usize, n: usize) -> T {
        let t = self.expand_leading(x, &[n]);
        let mut perm: Vec<usize> = (1..=x.rank()).collect();
        perm.insert(at, 0);
        self.permute(&t, &perm)
    }

    /// The axes in another order.
    pub(crate) fn permute(&mut self, x: &T, perm: &[usize]) -> T {
        if perm.iter().enumerate().all(|(i, p)| i == *p) {
            return x.clone();
        }
        let to: Vec<String> = perm.iter().map(|p| axis_name(*p)).collect();
        let shape: Vec<usize> = perm.iter().map(|p| x.shape[*p]).collect();
        self.bind(format!("{} |> rearrange [{}] -> [{}]", x.name, names(x.rank()).join(", "), to.join(", ")), &shape)
    }

    /// Drops axes of size 1.
    pub(crate) fn squeeze(&mut self, x: &T, axes: &[usize]) -> T {
        if axes.is_empty() {
            return x.clone();
        }
        let from: Vec<String> =
            (0..x.rank()).map(|i| if axes.contains(&i) { "1".into() } else { axis_name(i) }).collect();
        let kept: Vec<usize> = (0..x.rank()).filter(|i| !axes.contains(i)).collect();
        let shape: Vec<usize> = kept.iter().map(|i| x.shape[*i]).collect();
        if kept.is_empty() {
            let zeros = vec!["0"; x.rank()];
            return self.bind(format!("{}[{}]", x.name, zeros.join(", ")), &shape);
        }
        let to: Vec<String> = kept.iter().map(|i| axis_name(*i)).collect();
        self.bind(format!("{} |> rearrange [{}] -> [{}]", x.name, from.join(", "), to.join(", ")), &shape)
    }

    /// The same elements in another shape.
    pub(crate) fn reshape(&mut self, x: &T, shape: &[usize]) -> T {
        if x.shape == shape {
            return x.clone();
        }
        if shape.is_empty() {
            return self.squeeze(x, &(0..x.rank()).collect::<Vec<_>>());
        }
        if x.rank() == 0 {
            return self.bind(format!("expand({}, {shape:?})", x.name), shape);
        }
        let flat = if x.rank() == 1 {
            x.clone()
        } else {
            let axes = names(x.rank());
            self.bind(format!("{} |> rearrange [{}] -> [({})]", x.name, axes.join(", "), axes.join(" ")), &[x.count()])
        };
        if shape.len() == 1 {
            return flat;
        }
        let axes = names(shape.len());
        let sizes: Vec<String> = axes.iter().zip(shape).map(|(a, n)| format!("{a} = {n}")).collect();
        let text = format!(
            "{} |> rearrange [({})] -> [{}] with {}",
            flat.name,
            axes.join(" "),
            axes.join(", "),
            sizes.join(", ")
        );
        self.bind(text, shape)
    }

    /// `f(x, over = axes)` with further arguments; `keep` leaves axes of size 1.
    pub(crate) fn reduce(&mut self, x: &T, axes: &[usize], keep: bool, call: impl Fn(&str, &str) -> String) -> T {
        let over: Vec<String> = axes.iter().map(|i| axis_name(*i)).collect();
        let kept: Vec<usize> = (0..x.rank()).filter(|i| !axes.contains(i)).map(|i| x.shape[i]).collect();
        let body = call("x0", &format!("[{}]", over.join(", ")));
        let t = if x.rank() == 0 { x.clone() } else { self.of(x, body, &kept) };
        if keep && x.rank() > 0 {
            let shape: Vec<usize> = (0..x.rank()).map(|i| if axes.contains(&i) { 1 } else { x.shape[i] }).collect();
            return self.reshape(&t, &shape);
        }
        t
    }

    /// `f(x, over = axis)`, which keeps the shape.
    pub(crate) fn along(&mut self, x: &T, axis: usize, call: impl Fn(&str, &str) -> String) -> T {
        self.of(x, call("x0", &axis_name(axis)), &x.shape)
    }

    /// Elements `from..to` of one axis.
    pub(crate) fn slice(&mut self, x: &T, axis: usize, from: usize, to: usize) -> T {
        let mut shape = x.shape.clone();
        shape[axis] = to - from;
        self.of(x, format!("x0[{} = {from}..{to}]", axis_name(axis)), &shape)
    }

    /// One element of an axis, which goes away.
    pub(crate) fn take(&mut self, x: &T, axis: usize, i: usize) -> T {
        let mut shape = x.shape.clone();
        shape.remove(axis);
        self.of(x, format!("x0[{} = {i}]", axis_name(axis)), &shape)
    }

    /// Values next to each other along one axis.
    pub(crate) fn concat(&mut self, parts: &[T], axis: usize) -> T {
        let [first, ..] = parts else { return T::new("none", &[]) };
        if parts.len() == 1 {
            return first.clone();
        }
        let mut shape = first.shape.clone();
        shape[axis] = parts.iter().map(|p| p.shape[axis]).sum();
        let args: Vec<(&T, Vec<String>)> = parts
            .iter()
            .enumerate()
            .map(|(n, p)| {
                let mut axes = names(p.rank());
                if n > 0 {
                    axes[axis] = format!("b{n}");
                }
                (p, axes)
            })
            .collect();
        let list: Vec<String> = (0..parts.len()).map(|n| format!("x{n}")).collect();
        self.function(&args, format!("concat([{}], over = {})", list.join(", "), axis_name(axis)), &shape)
    }

    /// Class numbers of whole numbers below `k` that came as floats.
    pub(crate) fn classes(&mut self, x: &T, k: usize) -> T {
        self.bind(format!("argmax(where({}[.., new] == float(indices({k})), 1.0, 0.0))", x.name), &x.shape)
    }

    /// The sum over everything.
    pub(crate) fn sum(&mut self, x: &T) -> T {
        self.bind(format!("sum({})", x.name), &[])
    }

    /// A reduction by its PyTorch name.
    pub(crate) fn reduction(&mut self, x: &T, kind: &str) -> T {
        match kind {
            "none" => x.clone(),
            _ if x.rank() == 0 => x.clone(),
            "sum" => self.sum(x),
            "batchmean" => self.bind(format!("sum({}) / {}", x.name, x.shape[0]), &[]),
            _ => self.bind(format!("mean({})", x.name), &[]),
        }
    }
}

/// The shape in which values meet in PyTorch.
pub(crate) fn common(values: &[&T]) -> Vec<usize> {
    let rank = values.iter().map(|v| v.rank()).max().unwrap_or(0);
    let size = |i: usize| {
        let sizes = values.iter().filter_map(|v| v.shape.iter().rev().nth(rank - 1 - i));
        sizes.copied().fold(1, |a, b| if a == 1 { b } else { a })
    };
    (0..rank).map(size).collect()
}

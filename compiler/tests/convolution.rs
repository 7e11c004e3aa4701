//! Convolutions of random shapes against loops over their definition, and their compiled code against the oracle.

mod support;

use nnc_compiler::autodiff;
use nnc_compiler::ir::array::Array;
use nnc_compiler::ir::attrs::{Attrs, Conv, ConvAxis, Slot};
use nnc_compiler::ir::builder::{Builder, Val};
use nnc_compiler::ir::dim::Dim;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::op::Domain;
use nnc_compiler::ir::types::{DType, TensorType};
use nnc_compiler::ops::conv::CONV;
use nnc_compiler::passes::specialise::specialise;
use support::cases::ty;
use support::steps::assert_native_equals_oracle;
use support::{Held, Rng, doubles, draw, outputs};

/// One convolution of x `[b, r, s…, g, c]` with w `[r, k…, c, g, m]`.
struct Shape {
    axes: Vec<ConvAxis>,
    x: Vec<usize>,
    w: Vec<usize>,
}

fn shape(rng: &mut Rng) -> Shape {
    let d = *rng.pick(&[1, 1, 2, 2, 2, 3]);
    let r = *rng.pick(&[1, 1, 1, 2]);
    let (b, g) = (1 + rng.below(3), *rng.pick(&[1, 1, 1, 2, 3, 5]));
    let (c, m) = (*rng.pick(&[1, 2, 3, 5]), *rng.pick(&[1, 2, 7, 9, 17]));
    let (mut x, mut w, mut axes) = (vec![b, r], vec![r], vec![]);
    for _ in 0..d {
        loop {
            let (size, taps) = (1 + rng.below(if d == 3 { 5 } else { 11 }), 1 + rng.below(4));
            let axis = ConvAxis {
                stride: 1 + rng.below(3),
                dilation: 1 + rng.below(3),
                spacing: *rng.pick(&[1, 1, 1, 2, 3, 4]),
                before: Dim::constant(rng.below(6) as i64 - 2),
                after: Dim::constant(rng.below(6) as i64 - 2),
            };
            // Cutting off more than there is, is no convolution that anything makes.
            if axis.results(&Dim::from(size), &Dim::from(taps)).is_some_and(|n| n < Dim::constant(40)) {
                x.push(size);
                w.push(taps);
                axes.push(axis);
                break;
            }
        }
    }
    x.extend([g, c]);
    w.extend([c, g, m]);
    Shape { axes, x, w }
}

impl Shape {
    fn types(&self, dtype: DType) -> [TensorType; 2] {
        [ty(dtype, &self.x), ty(dtype, &self.w)]
    }

    /// The result and both gradients under a drawn cotangent.
    fn graph(&self, dtype: DType) -> Graph {
        let b = Builder::new();
        let [x, w] = self.types(dtype);
        let (x, w) = (b.read(Slot::Input(0), x), b.read(Slot::Input(1), w));
        let y = x.conv(w, self.axes.clone());
        let weight = b.read(Slot::Input(2), y.ty());
        let all: Vec<usize> = (0..y.ty().rank()).collect();
        let grads = autodiff::gradient(&b, (y * weight).sum(&all), &[x.value, w.value]).expect("linear in both");
        b.output("y", y);
        grads.into_iter().for_each(|g| b.output("g", g.expect("both are used")));
        b.finish()
    }

    /// The definition: the result, and both gradients, by one loop over every pair that meets.
    fn plain(&self, x: &[f64], w: &[f64], ct: &[f64], out: &[usize]) -> [Vec<f64>; 3] {
        let at = |shape: &[usize], index: &[usize]| index.iter().zip(shape).fold(0, |sum, (i, n)| sum * n + i);
        let every = |shape: &[usize]| -> Vec<Vec<usize>> {
            shape.iter().fold(vec![vec![]], |all, n| {
                all.iter().flat_map(|head| (0..*n).map(move |i| [head.as_slice(), &[i]].concat())).collect()
            })
        };
        let d = self.axes.len();
        let mut y = vec![0.0; ct.len()];
        let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
        for o in every(out) {
            for k in every(&self.w[..d + 2]) {
                let mut from = vec![o[0], k[0]];
                for (i, axis) in self.axes.iter().enumerate() {
                    let before = axis.before.as_constant().expect("a number");
                    let place = (o[i + 1] * axis.stride + k[i + 1] * axis.dilation) as i64 - before;
                    let element = place / axis.spacing as i64;
                    if place >= 0 && place % axis.spacing as i64 == 0 && element < self.x[i + 2] as i64 {
                        from.push(element as usize);
                    }
                }
                if from.len() < d + 2 {
                    continue;
                }
                let (g, m) = (o[d + 1], o[d + 2]);
                from.extend([g, k[d + 1]]);
                let (i, j, l) = (at(&self.x, &from), at(&self.w, &[k.as_slice(), &[g, m]].concat()), at(out, &o));
                y[l] += x[i] * w[j];
                dx[i] += ct[l] * w[j];
                dw[j] += ct[l] * x[i];
            }
        }
        [y, dx, dw]
    }
}

#[test]
fn random_shapes_follow_the_definition() {
    let mut rng = Rng(11);
    for case in 0..150 {
        let shape = shape(&mut rng);
        let attrs = Attrs::Conv(Conv { axes: shape.axes.clone() });
        for dtype in [DType::F64, DType::F32] {
            let [x, w] = shape.types(dtype);
            let y = (CONV.infer)(&[&x, &w], &attrs).expect("the window fits").remove(0);
            let operands: Vec<Array> =
                [&x, &w, &y].map(|t| draw(&mut rng, t, Domain::Float(-1.0, 1.0))).into_iter().collect();
            let graph = shape.graph(dtype);
            let held = Held::inputs(&operands);
            let what = format!("case {case}: {:?} {:?} {:?}", shape.x, shape.w, shape.axes);
            let [a, b, ct] = [0, 1, 2].map(|i| doubles(&operands[i]));
            let wanted = shape.plain(&a, &b, &ct, &y.sizes().expect("sizes are numbers"));
            let tolerance = if dtype == DType::F64 { 1e-12 } else { 1e-4 };
            for (got, wanted) in outputs(&graph, &held).iter().zip(&wanted) {
                for (got, wanted) in doubles(got).iter().zip(wanted) {
                    assert!((got - wanted).abs() <= tolerance, "{what}: {got}, not {wanted}");
                }
            }
            assert_native_equals_oracle(&graph, &held, &what);
        }
    }
}

/// A convolution along an axis of this size and windows of what it gives, their gradients, and the gradients of these.
fn along(size: Dim, axis: &ConvAxis, window: [usize; 3]) -> Graph {
    let b = Builder::new();
    let x = b.read(
        Slot::Input(0),
        TensorType::new(
            DType::F64,
            [2, 1].map(Dim::from).into_iter().chain([size, Dim::from(1), Dim::from(3)]).collect(),
        ),
    );
    let w = b.read(Slot::Input(1), ty(DType::F64, &[1, 3, 3, 1, 2]));
    let [taps, stride, dilation] = window;
    let y = x.conv(w, vec![axis.clone()]).window(1, taps, stride, dilation);
    let all = |v: Val<'_>| (0..v.ty().rank()).collect::<Vec<usize>>();
    let loss = (y * y).sum(&all(y));
    let first = autodiff::gradient(&b, loss, &[x.value, w.value]).expect("smooth");
    let first: Vec<Val<'_>> = first.into_iter().flatten().collect();
    let sum = first.iter().map(|g| (*g * *g).sum(&all(*g))).reduce(|a, b| a + b).expect("two");
    let second = autodiff::gradient(&b, sum, &[x.value, w.value]).expect("smooth");
    [y].into_iter().chain(first.clone()).chain(second.into_iter().flatten()).for_each(|v| b.output("v", v));
    b.finish()
}

#[test]
fn a_free_size_gives_what_each_number_gives() {
    let mut rng = Rng(5);
    for case in 0..24 {
        let axis = ConvAxis {
            stride: 1 + rng.below(3),
            dilation: 1 + rng.below(2),
            spacing: *rng.pick(&[1, 1, 2, 3]),
            before: Dim::constant(rng.below(4) as i64 - 1),
            after: Dim::constant(rng.below(4) as i64 - 1),
        };
        let window = [1 + rng.below(3), 1 + rng.below(3), 1 + rng.below(2)];
        let free = along(Dim::sym("time"), &axis, window);
        for n in [19, 20, 24] {
            let sized = specialise(&free, &|_| Some(n as i64)).expect("long enough");
            let fixed = along(Dim::from(n), &axis, window);
            let operands = [ty(DType::F64, &[2, 1, n, 1, 3]), ty(DType::F64, &[1, 3, 3, 1, 2])]
                .map(|t| draw(&mut rng, &t, Domain::Float(-1.0, 1.0)));
            let held = Held::inputs(&operands);
            let what = format!("case {case}: {n} {axis:?} {window:?}");
            for (got, wanted) in outputs(&sized, &held).iter().zip(&outputs(&fixed, &held)) {
                assert_eq!(doubles(got), doubles(wanted), "{what}");
            }
            if n == 20 {
                assert_native_equals_oracle(&sized, &held, &what);
            }
        }
    }
}

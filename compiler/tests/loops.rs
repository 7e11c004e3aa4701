//! Loops against the same turns written out: values, gradients, gradients of gradients; and native code against the oracle.

mod support;

use nnc_compiler::autodiff::gradient;
use nnc_compiler::ir::attrs::{Attrs, Const, Contract, Slot};
use nnc_compiler::ir::builder::{Builder, Val};
use nnc_compiler::ir::dim::Dim;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::op::Domain;
use nnc_compiler::ir::types::{DType, TensorType};
use nnc_compiler::ir::verify::verify;
use nnc_compiler::ops::movement::CONCAT;
use nnc_compiler::ops::scan::{Given, Open, close};
use nnc_compiler::ops::source::{COUNTER, NORMAL};
use nnc_compiler::ops::unary::TANH;
use nnc_compiler::pipeline::{PassOptions, optimise};
use support::steps::assert_native_equals_oracle;
use support::{Held, Rng, doubles, draw, outputs};

/// What a turn makes of its carries, its element, the values that are the same for all turns, and its position: the next
/// carries, and what it yields.
type Cell = for<'b> fn(&[Val<'b>], Val<'b>, &[Val<'b>], Val<'b>) -> (Vec<Val<'b>>, Vec<Val<'b>>);

/// A loop of some turns over a stack, and the rows of the tensors that it is given.
struct Recurrence {
    cell: Cell,
    turns: usize,
    reversed: bool,
    element: Vec<usize>,
    carries: Vec<Vec<usize>>,
    same: Vec<Vec<usize>>,
}

fn tensor(dtype: DType, shape: &[usize]) -> TensorType {
    TensorType::new(dtype, shape.iter().map(|&n| Dim::from(n)).collect())
}

fn matmul<'b>(a: Val<'b>, b: Val<'b>) -> Val<'b> {
    a.contract(b, Contract { batch: vec![], sum: vec![(a.ty().rank() - 1, 0)] })
}

impl Recurrence {
    /// The inputs: the stack, the first carries, what is the same for all turns.
    fn inputs<'b>(&self, b: &'b Builder, dtype: DType) -> (Val<'b>, Vec<Val<'b>>, Vec<Val<'b>>) {
        let mut number = 0;
        let mut read = |shape: &[usize]| {
            number += 1;
            b.read(Slot::Input(number - 1), tensor(dtype, shape))
        };
        let stack = read(&[&[self.turns], &self.element[..]].concat());
        let firsts = self.carries.iter().map(|s| read(s)).collect();
        (stack, firsts, self.same.iter().map(|s| read(s)).collect())
    }

    fn as_loop<'b>(&self, b: &'b Builder, stack: Val<'b>, firsts: &[Val<'b>], same: &[Val<'b>]) -> Vec<Val<'b>> {
        let position = b.local(TensorType::scalar(DType::I64));
        let carries: Vec<Val<'b>> = firsts.iter().map(|v| b.local(v.ty())).collect();
        let element = b.local(tensor(stack.ty().dtype, &self.element));
        let (nexts, yields) = (self.cell)(&carries, element, same, position);
        let given = |(inside, outside): (&Val<'b>, &Val<'b>)| Given { inside: inside.value, outside: *outside };
        let open = Open {
            turns: Dim::from(self.turns),
            reversed: self.reversed,
            position: position.value,
            carries: carries.iter().zip(firsts).map(given).zip(nexts).collect(),
            stacks: vec![Given { inside: element.value, outside: stack }],
            yields,
        };
        close(b, &open).expect("the types of the carries stay")
    }

    fn written_out<'b>(&self, b: &'b Builder, stack: Val<'b>, firsts: &[Val<'b>], same: &[Val<'b>]) -> Vec<Val<'b>> {
        let mut carries = firsts.to_vec();
        let mut rows: Vec<Vec<(usize, Val<'b>)>> = vec![];
        let order: Vec<usize> = (0..self.turns).collect();
        let order: Vec<usize> = if self.reversed { order.into_iter().rev().collect() } else { order };
        for t in order {
            let element = stack.slice(0, t, Dim::from(1)).reshape(tensor(DType::F64, &self.element).shape);
            let position = b.constant(Const::Int(DType::I64, t as i64), vec![]);
            let (nexts, yields) = (self.cell)(&carries, element, same, position);
            carries = nexts;
            rows.resize(yields.len(), vec![]);
            rows.iter_mut().zip(yields).for_each(|(rows, y)| rows.push((t, y)));
        }
        let stacks = rows.into_iter().map(|mut rows| {
            rows.sort_by_key(|r| r.0);
            let parts: Vec<Val<'b>> = rows
                .iter()
                .map(|(_, y)| {
                    let ty = y.ty();
                    y.reshape([vec![Dim::from(1)], ty.shape].concat())
                })
                .collect();
            b.add(&CONCAT, Attrs::Axis(0), &parts)
        });
        carries.into_iter().chain(stacks).collect()
    }

    /// Results, the gradient of a function of them by every input, and the gradient of the sum of squares of those.
    fn graph(&self, dtype: DType, written_out: bool) -> Graph {
        let b = Builder::new();
        let (stack, firsts, same) = self.inputs(&b, dtype);
        let results = if written_out {
            self.written_out(&b, stack, &firsts, &same)
        } else {
            self.as_loop(&b, stack, &firsts, &same)
        };
        let square = |v: Val<'_>| -> nnc_compiler::ir::graph::Value {
            let axes: Vec<usize> = (0..v.ty().rank()).collect();
            (v * v * v).sum(&axes).value
        };
        let total = |values: &[Val<'_>]| {
            values
                .iter()
                .map(|v| square(b.val(v.value)))
                .map(|v| b.val(v))
                .reduce(|x, y| x + y)
                .expect("there is a result")
        };
        for (i, v) in results.iter().enumerate() {
            b.output(format!("result {i}"), *v);
        }
        let wrt: Vec<_> = std::iter::once(stack).chain(firsts).chain(same).map(|v| v.value).collect();
        let first = gradient(&b, total(&results), &wrt).expect("all rows have derivatives");
        let first: Vec<Val<'_>> = first.into_iter().flatten().collect();
        let second = gradient(&b, total(&first), &wrt).expect("all rows have derivatives");
        for (i, v) in first.iter().chain(&second.into_iter().flatten().collect::<Vec<_>>()).enumerate() {
            b.output(format!("gradient {i}"), *v);
        }
        b.finish()
    }

    fn held(&self, dtype: DType, rng: &mut Rng) -> Held {
        let shapes = std::iter::once([&[self.turns], &self.element[..]].concat()).chain(self.carries.clone());
        let shapes: Vec<Vec<usize>> = shapes.chain(self.same.clone()).collect();
        let arrays = shapes.iter().map(|s| draw(rng, &tensor(dtype, s), Domain::Float(-1.0, 1.0)));
        Held::inputs(&arrays.collect::<Vec<_>>())
    }

    fn check(&self, what: &str) {
        let mut rng = Rng(5);
        let held = self.held(DType::F64, &mut rng);
        let (looped, plain) = (self.graph(DType::F64, false), self.graph(DType::F64, true));
        assert_eq!(verify(&looped), Ok(()), "{what}");
        let (got, want) = (outputs(&looped, &held), outputs(&plain, &held));
        assert_eq!(got.len(), want.len(), "{what}");
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(got.shape(), want.shape(), "{what}: {}", looped.outputs[i].name);
            let (got, want) = (doubles(got), doubles(want));
            let size = want.iter().fold(1e-3_f64, |m, x| m.max(x.abs()));
            let far = got.iter().zip(&want).fold(0.0_f64, |m, (x, y)| m.max((x - y).abs()));
            assert!(far <= 1e-13 * size, "{what}: {} is {far} away of {size}", looped.outputs[i].name);
        }
        for dtype in [DType::F32, DType::F64] {
            let (graph, held) = (self.graph(dtype, false), self.held(dtype, &mut rng));
            assert_native_equals_oracle(&graph, &held, &format!("{what} {dtype:?}"));
            let better = optimise(&graph, &PassOptions::default(), &mut |_, _, _| {});
            let same = outputs(&graph, &held).iter().zip(outputs(&better, &held)).all(|(x, y)| x.same_bits(&y));
            assert!(same, "{what}: passes change bits");
            assert_native_equals_oracle(&better, &held, &format!("{what} {dtype:?} optimised"));
        }
    }
}

#[test]
fn a_plain_recurrence() {
    let cell: Cell = |h, x, same, _| {
        let z = matmul(x, same[0]) + matmul(h[0], same[1]) + same[2].broadcast(h[0].ty().shape, vec![1]);
        let next = z.unary(&TANH);
        (vec![next], vec![next])
    };
    for (turns, reversed) in [(5, false), (4, true), (1, false)] {
        let (element, carries) = (vec![3, 2], vec![vec![3, 4]]);
        let same = vec![vec![2, 4], vec![4, 4], vec![4]];
        Recurrence { cell, turns, reversed, element, carries, same }.check(&format!("{turns} turns, {reversed}"));
    }
}

#[test]
fn two_carries_the_position_and_no_yield() {
    let cell: Cell = |h, x, same, position| {
        let t = position.cast(x.ty().dtype).broadcast(x.ty().shape, vec![]);
        let a = h[0] * same[0] + x * t;
        (vec![h[1].unary(&TANH) + a, a * h[1]], vec![])
    };
    let (element, carries) = (vec![7], vec![vec![7], vec![7]]);
    Recurrence { cell, turns: 4, reversed: false, element, carries, same: vec![vec![7]] }.check("two carries");
}

#[test]
fn no_carry_and_several_yields() {
    let cell: Cell = |_, x, same, _| (vec![], vec![matmul(same[0], x), x.unary(&TANH) * x]);
    let same = vec![vec![3, 5]];
    Recurrence { cell, turns: 6, reversed: true, element: vec![5, 2], carries: vec![], same }.check("no carry");
}

#[test]
fn a_loop_in_a_loop() {
    let cell: Cell = |h, x, same, _| {
        let inner: Cell = |h, x, same, _| {
            let next = (h[0] * same[0] + x).unary(&TANH);
            (vec![next], vec![next * x])
        };
        let loops = Recurrence {
            cell: inner,
            turns: 3,
            reversed: true,
            element: vec![4],
            carries: vec![vec![4]],
            same: vec![vec![4]],
        };
        let results = loops.as_loop(x.b, x, &[h[0]], same);
        (vec![results[0]], vec![results[1], results[0] * h[0]])
    };
    let (element, carries) = (vec![3, 4], vec![vec![4]]);
    Recurrence { cell, turns: 5, reversed: false, element, carries, same: vec![vec![4]] }.check("nested");
}

#[test]
fn a_draw_in_a_loop_is_the_slice_of_one_draw_over_all_turns() {
    let b = Builder::new();
    let counter = |slot| b.add(&COUNTER, Attrs::Slot(slot, Box::new(TensorType::scalar(DType::I64))), &[]);
    let random = |shape: &[usize], turn: Val<'_>| {
        let shape = tensor(DType::F64, shape).shape;
        let turn = b.val(turn.value);
        b.add(&NORMAL, Attrs::Random { stream: 9, shape }, &[counter(Slot::Seed), counter(Slot::Step), turn])
    };
    let position = b.local(TensorType::scalar(DType::I64));
    let drawn = random(&[2, 3], position);
    let (turns, reversed, position) = (Dim::from(4), false, position.value);
    let open = Open { turns, reversed, position, carries: vec![], stacks: vec![], yields: vec![drawn] };
    b.output("turns", close(&b, &open).expect("there is no carry")[0]);
    b.output("all", random(&[4, 2, 3], b.constant(Const::Int(DType::I64, 0), vec![])));
    let graph = b.finish();
    let held = Held::inputs(&[]);
    let values = outputs(&graph, &held);
    assert!(values[0].same_bits(&values[1]));
    assert_native_equals_oracle(&graph, &held, "a draw");
}

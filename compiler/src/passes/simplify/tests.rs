//! Each rule on examples that it must rewrite, to the very graph given, and on look-alikes that it must leave alone.

use super::{rules, simplify_with};
use crate::interp::{self, Env};
use crate::ir::attrs::{Attrs, Const, Slot};
use crate::ir::builder::{Builder, Val};
use crate::ir::dim::Dim;
use crate::ir::graph::Graph;
use crate::ir::types::{DType, TensorType};
use crate::ops::logic::{CAST, NOT};
use crate::ops::movement::{BROADCAST, CONCAT, PAD, PERMUTE, RESHAPE, REVERSE, SLICE, STOP_GRADIENT};
use crate::passes::dce::dce;
use nnc_runtime::buffer::Buffer;

type Make = for<'b> fn(&'b Builder) -> Val<'b>;

/// A rule, what it rewrites into what, and what it leaves alone.
struct Example {
    rule: &'static str,
    rewritten: &'static [(Make, Make)],
    left: &'static [Make],
}

fn dims(sizes: &[usize]) -> Vec<Dim> {
    sizes.iter().map(|&n| Dim::from(n)).collect()
}

fn read<'b>(b: &'b Builder, input: u32, dtype: DType, sizes: &[usize]) -> Val<'b> {
    b.read(Slot::Input(input), TensorType::new(dtype, dims(sizes)))
}

fn x(b: &Builder) -> Val<'_> {
    read(b, 0, DType::F32, &[4, 6])
}

fn y(b: &Builder) -> Val<'_> {
    read(b, 1, DType::F32, &[4, 6])
}

fn wide(b: &Builder) -> Val<'_> {
    read(b, 2, DType::F64, &[4, 6])
}

fn whole(b: &Builder) -> Val<'_> {
    read(b, 3, DType::I32, &[4, 6])
}

fn mask(b: &Builder) -> Val<'_> {
    read(b, 4, DType::Bool, &[4, 6])
}

fn one_movement<'b>(x: Val<'b>, op: crate::ir::op::Op, attrs: Attrs) -> Val<'b> {
    x.b.add(op, attrs, &[x])
}

fn permuted<'b>(x: Val<'b>, perm: &[usize]) -> Val<'b> {
    one_movement(x, &PERMUTE, Attrs::Permute(perm.to_vec()))
}

fn reshaped<'b>(x: Val<'b>, shape: &[usize]) -> Val<'b> {
    one_movement(x, &RESHAPE, Attrs::Reshape(dims(shape)))
}

fn repeated<'b>(x: Val<'b>, shape: &[usize], map: &[usize]) -> Val<'b> {
    one_movement(x, &BROADCAST, Attrs::Broadcast { shape: dims(shape), map: map.to_vec() })
}

fn part(x: Val<'_>, axis: usize, start: usize, len: usize) -> Val<'_> {
    one_movement(x, &SLICE, Attrs::Slice { axis, start: Dim::from(start), len: Dim::from(len) })
}

fn padded(x: Val<'_>, axis: usize, before: usize, after: usize) -> Val<'_> {
    one_movement(x, &PAD, Attrs::Pad { axis, before: before.into(), after: after.into() })
}

fn reversed(x: Val<'_>, axis: usize) -> Val<'_> {
    one_movement(x, &REVERSE, Attrs::Axis(axis))
}

fn joined<'b>(axis: usize, parts: &[Val<'b>]) -> Val<'b> {
    parts[0].b.add(&CONCAT, Attrs::Axis(axis), parts)
}

fn converted(x: Val<'_>, to: DType) -> Val<'_> {
    one_movement(x, &CAST, Attrs::Cast(to))
}

fn truth(b: &Builder, holds: bool) -> Val<'_> {
    b.constant(Const::Int(DType::Bool, i64::from(holds)), dims(&[4, 6]))
}

static EXAMPLES: &[Example] = &[
    Example {
        rule: "times-one",
        rewritten: &[(|b| x(b) * 1.0, x), (|b| 1.0 * x(b), x), (|b| whole(b) * 1.0, whole)],
        left: &[|b| x(b) * -1.0, |b| x(b) * 0.0, |b| x(b) * y(b), |b| x(b) / 1.0],
    },
    Example {
        rule: "over-one",
        rewritten: &[(|b| x(b) / 1.0, x)],
        left: &[|b| 1.0 / x(b), |b| x(b) / x(b), |b| x(b) / -1.0],
    },
    Example {
        rule: "minus-zero",
        rewritten: &[(|b| x(b) - 0.0, x), (|b| whole(b) - 0.0, whole)],
        left: &[|b| x(b) - -0.0, |b| 0.0 - x(b), |b| x(b) - x(b)],
    },
    Example {
        rule: "plus-nothing",
        rewritten: &[(|b| x(b) + -0.0, x), (|b| -0.0 + x(b), x), (|b| whole(b) + 0.0, whole)],
        left: &[|b| x(b) + 0.0, |b| 0.0 + x(b), |b| x(b) - -0.0],
    },
    Example {
        rule: "twice-negated",
        rewritten: &[(|b| -(-x(b)), x), (|b| mask(b).unary(&NOT).unary(&NOT), mask)],
        left: &[|b| -x(b), |b| mask(b).unary(&NOT), |b| 0.0 - (0.0 - x(b))],
    },
    Example {
        rule: "over-power-of-two",
        rewritten: &[
            (|b| x(b) / 8.0, |b| x(b) * 0.125),
            (|b| x(b) / -0.25, |b| x(b) * -4.0),
            // The reciprocal of 2^127 is a denormal f32.
            (|b| x(b) / 2f64.powi(127), |b| x(b) * 2f64.powi(-127)),
            (|b| wide(b) / 2f64.powi(-1000), |b| wide(b) * 2f64.powi(1000)),
        ],
        // The reciprocal of 2^-149 is no f32.
        left: &[
            |b| x(b) / 3.0,
            |b| x(b) / 6.0,
            |b| x(b) / 2f64.powi(-149),
            |b| x(b) / 0.0,
            |b| x(b) / f64::INFINITY,
            |b| x(b) / y(b),
            |b| wide(b) / 0.1,
        ],
    },
    Example {
        rule: "same-branches",
        rewritten: &[(|b| mask(b).select(x(b), x(b)), x)],
        left: &[|b| mask(b).select(x(b), y(b)), |b| mask(b).select(x(b), -x(b))],
    },
    Example {
        rule: "known-condition",
        rewritten: &[(|b| truth(b, true).select(x(b), y(b)), x), (|b| truth(b, false).select(x(b), y(b)), y)],
        left: &[|b| mask(b).select(x(b), y(b))],
    },
    Example {
        rule: "cast-to-itself",
        rewritten: &[(|b| converted(x(b), DType::F32), x)],
        left: &[|b| converted(x(b), DType::F64), |b| converted(converted(x(b), DType::I32), DType::F32)],
    },
    Example {
        rule: "cast-and-back",
        rewritten: &[
            (|b| converted(converted(x(b), DType::F64), DType::F32), x),
            (|b| converted(converted(whole(b), DType::I64), DType::I32), whole),
            (|b| converted(converted(whole(b), DType::F64), DType::I32), whole),
        ],
        left: &[
            |b| converted(converted(wide(b), DType::F32), DType::F64),
            |b| converted(converted(whole(b), DType::F32), DType::I32),
            |b| converted(converted(x(b), DType::I64), DType::F32),
        ],
    },
    Example {
        rule: "nothing-moves",
        rewritten: &[
            (|b| reshaped(x(b), &[4, 6]), x),
            (|b| permuted(x(b), &[0, 1]), x),
            (|b| repeated(x(b), &[4, 6], &[0, 1]), x),
            (|b| part(x(b), 1, 0, 6), x),
            (|b| padded(x(b), 0, 0, 0), x),
            (|b| joined(1, &[x(b)]), x),
            (|b| reversed(reshaped(x(b), &[1, 24]), 0), |b| reshaped(x(b), &[1, 24])),
        ],
        left: &[
            |b| reshaped(x(b), &[6, 4]),
            |b| permuted(x(b), &[1, 0]),
            |b| repeated(x(b), &[4, 6, 1], &[0, 1]),
            |b| part(x(b), 1, 1, 5),
            |b| padded(x(b), 0, 0, 1),
            |b| joined(1, &[x(b), x(b)]),
            |b| reversed(x(b), 0),
        ],
    },
    Example {
        rule: "gradient-taken",
        rewritten: &[(|b| x(b).unary(&STOP_GRADIENT), x)],
        left: &[|b| reshaped(x(b), &[24]), |b| -x(b)],
    },
    Example {
        rule: "moved-constant",
        rewritten: &[
            (|b| permuted(x(b).splat(-0.0), &[1, 0]), |b| b.constant(Const::Float(DType::F32, -0.0), dims(&[6, 4]))),
            (
                |b| repeated(b.constant(Const::Int(DType::I32, 3), vec![]), &[5], &[]),
                |b| b.constant(Const::Int(DType::I32, 3), dims(&[5])),
            ),
            (|b| part(x(b).splat(2.0), 1, 2, 3), |b| b.constant(Const::Float(DType::F32, 2.0), dims(&[4, 3]))),
        ],
        left: &[|b| padded(x(b).splat(2.0), 0, 1, 0), |b| permuted(x(b), &[1, 0]), |b| -x(b).splat(1.0)],
    },
    Example {
        rule: "reshape-twice",
        rewritten: &[
            (|b| reshaped(reshaped(x(b), &[24]), &[2, 12]), |b| reshaped(x(b), &[2, 12])),
            (|b| reshaped(reshaped(x(b), &[24]), &[4, 6]), x),
        ],
        left: &[|b| reshaped(permuted(x(b), &[1, 0]), &[24]), |b| reshaped(x(b), &[24])],
    },
    Example {
        rule: "permute-twice",
        rewritten: &[
            (|b| permuted(permuted(x(b), &[1, 0]), &[1, 0]), x),
            (
                |b| permuted(permuted(reshaped(x(b), &[2, 3, 4]), &[1, 2, 0]), &[2, 1, 0]),
                |b| permuted(reshaped(x(b), &[2, 3, 4]), &[0, 2, 1]),
            ),
        ],
        left: &[|b| permuted(reshaped(permuted(x(b), &[1, 0]), &[4, 6]), &[1, 0]), |b| permuted(x(b), &[1, 0])],
    },
    Example {
        rule: "broadcast-twice",
        rewritten: &[(
            |b| repeated(repeated(x(b), &[4, 2, 6], &[0, 2]), &[3, 4, 2, 6], &[1, 2, 3]),
            |b| repeated(x(b), &[3, 4, 2, 6], &[1, 3]),
        )],
        left: &[
            |b| repeated(x(b), &[4, 2, 6], &[0, 2]),
            |b| repeated(reshaped(repeated(x(b), &[2, 4, 6], &[1, 2]), &[8, 6]), &[3, 8, 6], &[1, 2]),
        ],
    },
    Example {
        rule: "slice-twice",
        rewritten: &[
            (|b| part(part(x(b), 1, 1, 4), 1, 2, 2), |b| part(x(b), 1, 3, 2)),
            (|b| part(part(x(b), 0, 0, 3), 0, 1, 1), |b| part(x(b), 0, 1, 1)),
        ],
        left: &[|b| part(part(x(b), 1, 1, 4), 0, 2, 2), |b| part(x(b), 1, 1, 4)],
    },
    Example {
        rule: "pad-twice",
        rewritten: &[(|b| padded(padded(x(b), 1, 1, 2), 1, 3, 0), |b| padded(x(b), 1, 4, 2))],
        left: &[|b| padded(padded(x(b), 1, 1, 2), 0, 3, 0), |b| padded(x(b), 1, 1, 2)],
    },
    Example {
        rule: "reverse-twice",
        rewritten: &[(|b| reversed(reversed(x(b), 1), 1), x)],
        left: &[|b| reversed(reversed(x(b), 1), 0), |b| reversed(x(b), 1)],
    },
    Example {
        rule: "slice-of-pad",
        rewritten: &[
            (|b| part(padded(x(b), 1, 2, 3), 1, 2, 6), x),
            (|b| part(padded(x(b), 1, 2, 3), 1, 3, 4), |b| part(x(b), 1, 1, 4)),
        ],
        left: &[
            |b| part(padded(x(b), 1, 2, 3), 1, 1, 6),
            |b| part(padded(x(b), 1, 2, 3), 1, 3, 6),
            |b| part(padded(x(b), 1, 2, 3), 0, 1, 2),
        ],
    },
    Example {
        rule: "slice-of-concat",
        rewritten: &[
            (|b| part(joined(1, &[x(b), y(b)]), 1, 6, 6), y),
            (|b| part(joined(1, &[x(b), y(b)]), 1, 1, 4), |b| part(x(b), 1, 1, 4)),
        ],
        left: &[|b| part(joined(1, &[x(b), y(b)]), 1, 5, 2), |b| part(joined(1, &[x(b), y(b)]), 0, 1, 2)],
    },
    Example {
        rule: "pads-side-by-side",
        rewritten: &[
            (
                |b| padded(x(b), 1, 0, 6) + padded(y(b), 1, 6, 0),
                |b| {
                    let (x, y) = (x(b), y(b));
                    joined(1, &[x + 0.0, y + 0.0])
                },
            ),
            (
                |b| padded(y(b), 0, 8, 0) + (padded(x(b), 0, 0, 8) + padded(-x(b), 0, 4, 4)),
                |b| {
                    let (y, x) = (y(b), x(b));
                    let minus = -x;
                    joined(0, &[x + 0.0, minus + 0.0, y + 0.0])
                },
            ),
        ],
        left: &[
            |b| padded(x(b), 1, 0, 7) + padded(y(b), 1, 7, 0),
            |b| padded(x(b), 1, 0, 5) + padded(y(b), 1, 5, 0),
            |b| padded(part(x(b), 0, 0, 2), 0, 0, 2) + padded(part(x(b), 1, 0, 3), 1, 0, 3),
            |b| padded(x(b), 1, 0, 6) - padded(y(b), 1, 6, 0),
            |b| padded(x(b), 1, 0, 6) + (joined(1, &[x(b), y(b)]) + padded(y(b), 1, 6, 0)),
        ],
    },
];

fn graph(make: Make) -> Graph {
    let b = Builder::new();
    b.output("y", make(&b));
    dce(&b.finish())
}

/// Tensors of four by six that hold every kind of number.
fn inputs() -> Vec<Buffer> {
    let special = [0.0, -0.0, 1.0, -1.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-45, -1e-39, 3e38, 0.1, -7.25];
    let floats = |offset: usize| (0..24).map(move |i| special[(i * 5 + offset) % special.len()]);
    let narrow = |offset| floats(offset).flat_map(|x| (x as f32).to_le_bytes()).collect::<Vec<u8>>();
    let wide = floats(1).map(|x| if x == 3e38 { 1e308 } else { x }).flat_map(f64::to_le_bytes).collect();
    let whole = (0..24i32).flat_map(|i| i.wrapping_mul(178_956_971).wrapping_sub(i32::MAX).to_le_bytes()).collect();
    let mask = (0..24).map(|i| u8::from(i % 3 == 0)).collect();
    [narrow(0), narrow(1), wide, whole, mask].map(|bytes: Vec<u8>| Buffer::from_bytes(&bytes)).into()
}

#[test]
fn every_rule_rewrites_its_examples_and_leaves_their_look_alikes() {
    let inputs = inputs();
    let env = Env { states: &[], inputs: &inputs, seed: 0, step: 0 };
    let value = |graph: &Graph| {
        let values = interp::run(graph, &env).expect("there is no guard");
        values.get(graph.outputs[0].value).clone()
    };
    for rule in rules() {
        let mut seen = EXAMPLES.iter().filter(|e| e.rule == rule.name);
        let Some(example) = seen.next() else { panic!("`{}` has no example", rule.name) };
        assert!(!example.rewritten.is_empty() && !example.left.is_empty());
        for (i, (before, after)) in example.rewritten.iter().enumerate() {
            let (before, after) = (graph(*before), graph(*after));
            let got = dce(&simplify_with(&before, &[rule]));
            assert!(got.same(&after), "`{}` does not rewrite example {i}", rule.name);
            assert!(value(&before).same_bits(&value(&got)), "`{}` changes bits in example {i}", rule.name);
        }
        for (i, left) in example.left.iter().enumerate() {
            let before = graph(*left);
            assert!(before.same(&dce(&simplify_with(&before, &[rule]))), "`{}` rewrites look-alike {i}", rule.name);
        }
    }
    for example in EXAMPLES {
        assert!(rules().any(|r| r.name == example.rule), "no rule `{}`", example.rule);
    }
}

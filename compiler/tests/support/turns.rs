//! Random loops: a body of a few random nodes on its elements, its carries, its position and values from around it; sometimes a
//! second loop that carries the same and yields something else, as a gradient asks for.

use super::Rng;
use super::graphs::{MOST_ELEMENTS, random_node};
use nnc_compiler::ir::builder::{Builder, Val};
use nnc_compiler::ir::op::Op;
use nnc_compiler::ir::types::{DType, TensorType};
use nnc_compiler::ops::scan::{Given, Open, close};

/// The results of a random loop over a value of the pool; none when what was drawn does not fit.
pub fn random_loop<'b>(rng: &mut Rng, b: &'b Builder, pool: &[Val<'b>], rows: &[Op]) -> Vec<Val<'b>> {
    let stack = *rng.pick(pool);
    let ty = stack.ty();
    let Some(turns) = ty.shape.first().cloned().filter(|n| n.as_constant().is_some_and(|n| n <= 8)) else {
        return vec![];
    };
    let element = b.local(TensorType::new(ty.dtype, ty.shape[1..].to_vec()));
    let position = b.local(TensorType::scalar(DType::I64));
    let firsts: Vec<Val<'b>> = (0..rng.below(3)).map(|_| *rng.pick(pool)).collect();
    let carries: Vec<Val<'b>> = firsts.iter().map(|v| b.local(v.ty())).collect();
    let mut inside = vec![element, element, position];
    inside.extend(&carries);
    inside.extend((0..4).map(|_| *rng.pick(pool)));
    for _ in 0..60 {
        let op = *rng.pick(rows);
        inside.extend(random_node(rng, b, &inside, op));
    }
    let nexts: Vec<Val<'b>> = carries
        .iter()
        .map(|c| {
            let fitting: Vec<Val<'b>> = inside.iter().copied().filter(|v| v.ty() == c.ty()).collect();
            *rng.pick(&fitting)
        })
        .collect();
    let small = |v: &Val<'b>| v.ty().sizes().is_some_and(|s| s.iter().product::<usize>() * 8 <= MOST_ELEMENTS);
    let reversed = rng.chance(0.5);
    let mut results = vec![];
    for _ in 0..1 + rng.below(2) {
        let yields: Vec<Val<'b>> = (0..rng.below(3)).map(|_| *rng.pick(&inside)).filter(small).collect();
        if carries.is_empty() && yields.is_empty() {
            continue;
        }
        let given = |(inside, outside): (&Val<'b>, &Val<'b>)| Given { inside: inside.value, outside: *outside };
        let open = Open {
            turns: turns.clone(),
            reversed,
            position: position.value,
            carries: carries.iter().zip(&firsts).map(given).zip(nexts.iter().copied()).collect(),
            stacks: vec![Given { inside: element.value, outside: stack }],
            yields,
        };
        results.extend(close(b, &open).expect("carries keep their types"));
    }
    results
}

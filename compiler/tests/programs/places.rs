//! Places known at run time, and what is made of them: class numbers, attention.

use crate::body::{Body, Elem, Ty};

/// Class numbers of floats.
pub(crate) fn classes(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let name = b.look(x);
    match b.rng.below(3) {
        0 => b.bind(ty.without(ty.dims.len() - 1).of(Elem::Class(ty.last())), &format!("argmax({name})")),
        1 => b.bind(ty.of(Elem::Class(ty.last())), &format!("argsort({name})")),
        _ => {
            let k = b.size();
            b.bind(ty.of(Elem::Class(k)), &format!("index({name} * 3 + {}, {k})", k / 2))
        }
    }
}

/// Class numbers of some axes and floats that they may pick from: any, brought to as many as there are classes.
fn picked(b: &mut Body<'_>, axes: usize) -> Option<(usize, usize, usize)> {
    let c = b.find(|t| matches!(t.elem, Elem::Class(_)) && t.rows && t.dims.len() == axes)?;
    let Elem::Class(k) = b.ty(c).elem else { return None };
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 1)?;
    Some((c, x, k))
}

/// The element at a class.
pub(crate) fn by_class(b: &mut Body<'_>) -> Option<usize> {
    let (c, x, k) = picked(b, 0)?;
    let q = b.fresh("q");
    let before = format!("{q}: [batch, n{k} = {k}] = resample({}, {k})\n", b.take(x));
    let text = format!("{q}[n{k} = {}]", b.look(c));
    b.bind_after(&before, Ty::rows(&[]), &text)
}

pub(crate) fn gathered(b: &mut Body<'_>) -> Option<usize> {
    let (c, x, k) = picked(b, 1)?;
    let text = format!("gather(resample({}, {k}), {})", b.take(x), b.look(c));
    b.bind(b.ty(c).of(Elem::Float), &text)
}

pub(crate) fn scattered(b: &mut Body<'_>) -> Option<usize> {
    let (c, x, k) = picked(b, 1)?;
    let n = b.ty(c).last();
    let y = b.find(|t| t.is_float() && t.rows && t.dims.len() == 1)?;
    let values = format!("resample({}, {n})", b.take(y));
    if b.rng.chance(0.5) {
        let text = format!("scatter_add({values}, {})", b.look(c));
        return b.bind(Ty::rows(&[k]), &text);
    }
    let text = format!("scatter(resample({}, {k}), {}, {values})", b.take(x), b.look(c));
    b.bind(Ty::rows(&[k]), &text)
}

pub(crate) fn best(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let k = 1 + b.rng.below(ty.last());
    let (p, q) = (b.fresh("p"), b.fresh("q"));
    let before = format!("{p}, {q} = top_k({}, {k})\n", b.take(x));
    b.bind_after(&before, ty.ending(k), &format!("{p} + 0.01 * float({q})"))
}

pub(crate) fn hot(b: &mut Body<'_>) -> Option<usize> {
    let c = b.find(|t| matches!(t.elem, Elem::Class(_)) && t.rows)?;
    let Elem::Class(k) = b.ty(c).elem else { return None };
    let mut ty = b.ty(c).of(Elem::Float);
    ty.dims.push(k);
    if !b.fits(&ty) {
        return None;
    }
    let name = b.look(c);
    b.bind(ty, &format!("one_hot({name})"))
}

/// What attention is made of.
pub(crate) fn heads(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2)?;
    let ty = b.ty(x);
    let name = b.take(x);
    let even = ty.last().is_multiple_of(2);
    let text = match b.rng.below(5) {
        0 => format!("attention({name}, tanh({name}), {name})"),
        1 => format!("attention({name}, {name}, sin({name}), causal = true)"),
        2 => format!("sinusoids({name})"),
        3 if even => format!("rotary({name})"),
        _ if even => format!("join_heads(tanh(split_heads({name}, 2)))"),
        _ => format!("softmax(mask_future(dot({name}, {name}, over = n{}))) @ {name}", ty.last()).replace(
            &format!("dot({name}, {name}, over = n{})", ty.last()),
            &format!("{name} @ ({name} |> rearrange [b, t, n] -> [b, n, t])"),
        ),
    };
    b.bind(ty, &text)
}

/// The cost of spelling class numbers.
pub(crate) fn spelt(b: &mut Body<'_>) -> Option<usize> {
    let c = b.find(|t| matches!(t.elem, Elem::Class(k) if k > 1) && t.rows && t.dims.len() == 1 && t.dims[0] <= 3)?;
    let Elem::Class(k) = b.ty(c).elem else { return None };
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2)?;
    let (n, t) = (b.ty(c).dims[0], b.ty(x).dims[0]);
    let s = b.fresh("s");
    let before = format!("{s}: [batch, t{t} = {t}, n{k} = {k}] = resample({}, {k})\n", b.take(x));
    let rows = format!("{s}[t{t} = 0, n{k} = 0]");
    let text =
        format!("ctc(log_softmax({s}), {}, 0 * {rows} + {t}, 0 * {rows} + {n}, zero_infinity = true)", b.look(c));
    b.bind_after(&before, Ty { rows: false, ..Ty::rows(&[]) }, &text)
}

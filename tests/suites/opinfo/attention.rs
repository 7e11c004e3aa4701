//! Attention.

use super::Row;
use super::products::{linear, matmul};
use crate::suites::text::{Nn, T, common, number};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("nn.functional.scaled_dot_product_attention", |nn, call| {
        if call.num(4, "dropout_p", 0.0) > 0.0 {
            return Err("excused: dropout mask baked in".into());
        }
        let (q, mut k, mut v) = (call.input()?, call.needed(1, "key")?, call.needed(2, "value")?);
        if call.flag(7, "enable_gqa", false) && q.rank() >= 3 {
            let times = q.shape[q.rank() - 3] / k.shape[k.rank() - 3].max(1);
            if times > 1 {
                k = interleaved(nn, &k, times);
                v = interleaved(nn, &v, times);
            }
        }
        let scale = call.num(6, "scale", 1.0 / (q.shape[q.rank() - 1] as f64).sqrt());
        let mut mask = call.value(3, "attn_mask");
        if call.flag(5, "is_causal", false) {
            mask = Some(causal(nn, q.shape[q.rank() - 2], k.shape[k.rank() - 2]));
        }
        let (out, _) = attention(nn, (&q, &k, &v), scale, mask.as_ref());
        Ok(vec![out])
    }),
    ("nn.functional.multi_head_attention_forward", |_, call| {
        // The only case of the suite drops half of the weights.
        if call.flag(99, "training", true) && call.num(10, "dropout_p", 0.0) > 0.0 {
            return Err("excused: dropout mask baked in".into());
        }
        Err("needs: a row for multi_head_attention_forward without dropout".into())
    }),
];

/// Each matrix of the third axis from the end `times` times in a row.
fn interleaved(nn: &mut Nn, x: &T, times: usize) -> T {
    let at = x.rank() - 2;
    let t = nn.repeat_at(x, at, times);
    let mut shape = x.shape.clone();
    shape[at - 1] *= times;
    nn.reshape(&t, &shape)
}

/// 0 where the key is not after the query, minus infinity elsewhere: `[queries, keys]`.
fn causal(nn: &mut Nn, queries: usize, keys: usize) -> T {
    let grid =
        format!("float(indices({keys})) - (expand(float(indices({queries})), [{keys}]) |> rearrange [k, q] -> [q, k])");
    let t = nn.bind(grid, &[queries, keys]);
    nn.bind(format!("where({} > 0, -1e300 * 1e300, 0.0)", t.name), &[queries, keys])
}

/// softmax(q · kᵀ · scale + mask) · v, and the softmax.
pub(in crate::suites) fn attention(nn: &mut Nn, (q, k, v): (&T, &T, &T), scale: f64, mask: Option<&T>) -> (T, T) {
    let mut perm: Vec<usize> = (0..k.rank()).collect();
    perm.swap(k.rank() - 2, k.rank() - 1);
    let k = nn.permute(k, &perm);
    let q = nn.map(q, |q| format!("{q} * {}", number(scale)));
    let mut score = matmul(nn, &q, &k);
    if let Some(mask) = mask {
        let shape = common(&[&score, mask]);
        score = nn.expand(&score, &shape);
        score = nn.zip(&[&score, mask], |v| format!("{} + {}", v[0], v[1]));
    }
    let p = nn.map(&score, |s| format!("softmax({s})"));
    (matmul(nn, &p, v), p)
}

/// The last axis of `x` taken apart into heads, which come before the rows: `[…, rows, heads · d]` to `[…, heads, rows, d]`.
pub(in crate::suites) fn by_head(nn: &mut Nn, x: &T, heads: usize) -> T {
    let (rows, n) = (x.shape[x.rank() - 2], x.shape[x.rank() - 1]);
    let mut shape = x.shape[..x.rank() - 2].to_vec();
    shape.extend([rows, heads, n / heads]);
    let t = nn.reshape(x, &shape);
    let mut perm: Vec<usize> = (0..t.rank()).collect();
    let r = t.rank();
    perm.swap(r - 3, r - 2);
    nn.permute(&t, &perm)
}

/// The opposite of [`by_head`].
pub(in crate::suites) fn joined(nn: &mut Nn, x: &T) -> T {
    let r = x.rank();
    let mut perm: Vec<usize> = (0..r).collect();
    perm.swap(r - 3, r - 2);
    let t = nn.permute(x, &perm);
    let mut shape = t.shape[..r - 2].to_vec();
    shape.push(t.shape[r - 2] * t.shape[r - 1]);
    nn.reshape(&t, &shape)
}

/// What attention with projections reads besides its inputs.
pub(in crate::suites) struct Heads {
    pub(in crate::suites) heads: usize,
    pub(in crate::suites) in_weight: T,
    pub(in crate::suites) in_bias: Option<T>,
    pub(in crate::suites) out_weight: T,
    pub(in crate::suites) out_bias: Option<T>,
    /// Another key and value, learned.
    pub(in crate::suites) bias_k: Option<T>,
    pub(in crate::suites) bias_v: Option<T>,
    /// Another key and value of zeros.
    pub(in crate::suites) zero: bool,
    /// Added to the scores, `[heads or 1, queries, keys]` or with the batch before.
    pub(in crate::suites) mask: Option<T>,
}

/// Multi-head attention of `[batch, rows, n]`: the result and the scores' softmax averaged over heads.
pub(in crate::suites) fn multi_head(nn: &mut Nn, (q, k, v): (&T, &T, &T), at: &Heads) -> (T, T) {
    let n = at.out_weight.shape[0];
    let mut project = |x: &T, i: usize| {
        let w = nn.slice(&at.in_weight, 0, i * n, (i + 1) * n);
        let b = at.in_bias.as_ref().map(|b| nn.slice(b, 0, i * n, (i + 1) * n));
        linear(nn, x, &w, b.as_ref())
    };
    let (q, mut k, mut v) = (project(q, 0), project(k, 1), project(v, 2));
    let mut mask = at.mask.clone();
    let batch = k.shape[0];
    let more = |nn: &mut Nn, x: &T, row: Option<&T>| {
        let row = match row {
            Some(row) => {
                let row = nn.reshape(row, &[n]);
                nn.expand(&row, &[batch, 1, n])
            }
            None => nn.bind(format!("expand(0.0, {:?})", [batch, 1, n]), &[batch, 1, n]),
        };
        nn.concat(&[x.clone(), row], 1)
    };
    let mut added = 0;
    if let (Some(bk), Some(bv)) = (&at.bias_k, &at.bias_v) {
        (k, v) = (more(nn, &k, Some(bk)), more(nn, &v, Some(bv)));
        added += 1;
    }
    if at.zero {
        (k, v) = (more(nn, &k, None), more(nn, &v, None));
        added += 1;
    }
    if let (Some(m), true) = (&mask, added > 0) {
        let mut shape = m.shape.clone();
        shape[m.rank() - 1] = added;
        let zeros = nn.bind(format!("expand(0.0, {shape:?})"), &shape);
        mask = Some(nn.concat(&[m.clone(), zeros], m.rank() - 1));
    }
    let (q, k, v) = (by_head(nn, &q, at.heads), by_head(nn, &k, at.heads), by_head(nn, &v, at.heads));
    let (out, p) = attention(nn, (&q, &k, &v), 1.0 / ((n / at.heads) as f64).sqrt(), mask.as_ref());
    let out = joined(nn, &out);
    let out = linear(nn, &out, &at.out_weight, at.out_bias.as_ref());
    let p = nn.reduce(&p, &[1], false, |x, over| format!("mean({x}, over = {over})"));
    (out, p)
}

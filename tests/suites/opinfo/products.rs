//! Products of matrices and their kin.

use super::Row;
use super::movement::list;
use crate::suites::call::{Call, Outputs};
use crate::suites::literal::Arg;
use crate::suites::text::{Nn, T, common, number};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("mm", |nn, call| product(nn, call)),
    ("bmm", |nn, call| product(nn, call)),
    ("mv", |nn, call| product(nn, call)),
    ("dot", |nn, call| product(nn, call)),
    ("matmul", |nn, call| product(nn, call)),
    ("addmm", added),
    ("baddbmm", added),
    ("nn.functional.linear", |nn, call| {
        let (x, w, b) = (call.input()?, call.needed(1, "weight")?, call.value(2, "bias"));
        Ok(vec![linear(nn, &x, &w, b.as_ref())])
    }),
    ("nn.functional.bilinear", |nn, call| {
        let (x, y, w, b) = (call.input()?, call.needed(1, "input2")?, call.needed(2, "weight")?, call.value(3, "bias"));
        let rows: String = ('p'..).take(x.rank() - 1).collect();
        // Σᵢⱼ xᵢ wₖᵢⱼ yⱼ
        let half = contract(nn, (&x, &format!("{rows}i")), (&w, "kij"), &format!("{rows}kj"));
        let z = contract(nn, (&half, &format!("{rows}kj")), (&y, &format!("{rows}j")), &format!("{rows}k"));
        Ok(vec![match b {
            Some(b) => nn.zip(&[&z, &b], |v| format!("{} + {}", v[0], v[1])),
            None => z,
        }])
    }),
    ("einsum", einsum),
];

/// x · wᵀ + b, PyTorch's weight being `[out, in]`.
pub(in crate::suites) fn linear(nn: &mut Nn, x: &T, w: &T, b: Option<&T>) -> T {
    let z = if w.rank() == 1 {
        matmul(nn, x, w)
    } else {
        let w = nn.permute(w, &[1, 0]);
        matmul(nn, x, &w)
    };
    match b {
        Some(b) => nn.zip(&[&z, b], |v| format!("{} + {}", v[0], v[1])),
        None => z,
    }
}

/// The product of two matrices, vectors or batches of them as PyTorch's `matmul` takes them.
pub(in crate::suites) fn matmul(nn: &mut Nn, a: &T, b: &T) -> T {
    if b.rank() == 2 || (b.rank() > 2 && a.rank() == b.rank() && a.shape[..a.rank() - 2] == b.shape[..b.rank() - 2]) {
        let mut shape = a.shape.clone();
        if let (Some(last), Some(n)) = (shape.last_mut(), b.shape.last()) {
            *last = *n;
        }
        return nn.bind(format!("{} @ {}", a.name, b.name), &shape);
    }
    let letters: Vec<char> = ('p'..'z').collect();
    let split = |t: &T| t.rank().saturating_sub(2);
    let (la, lb) = (split(a), split(b));
    let batch = common(&[&T::new("", &a.shape[..la]), &T::new("", &b.shape[..lb])]);
    // A leading axis of size 1 that the other side repeats takes no part in the product.
    let mut side = |t: &T, lead: usize, own: &str| -> (T, String) {
        let offset = batch.len() - lead;
        let ones: Vec<usize> = (0..lead).filter(|i| t.shape[*i] != batch[offset + i]).collect();
        let kept: String = (0..lead).filter(|i| !ones.contains(i)).map(|i| letters[offset + i]).collect();
        (nn.squeeze(t, &ones), kept + own)
    };
    let (x, from_x) = side(a, la, if a.rank() == 1 { "k" } else { "mk" });
    let (y, from_y) = side(b, lb, if b.rank() == 1 { "k" } else { "kn" });
    let mut to: String = letters[..batch.len()].iter().collect();
    to += if a.rank() > 1 { "m" } else { "" };
    to += if b.rank() > 1 { "n" } else { "" };
    contract(nn, (&x, &from_x), (&y, &from_y), &to)
}

fn product(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let (a, b) = (call.input()?, call.needed(1, "other")?);
    Ok(vec![matmul(nn, &a, &b)])
}

/// β·x + α·(a · b)
fn added(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let (x, a, b) = (call.input()?, call.needed(1, "mat1")?, call.needed(2, "mat2")?);
    let (alpha, beta) = (number(call.num(9, "alpha", 1.0)), number(call.num(9, "beta", 1.0)));
    let z = matmul(nn, &a, &b);
    Ok(vec![nn.zip(&[&x, &z], |v| format!("{beta} * {} + {alpha} * {}", v[0], v[1]))])
}

/// Σ over the letters that both sides have and `to` lacks, each side's axes named by letters.
pub(in crate::suites) fn contract(nn: &mut Nn, a: (&T, &str), b: (&T, &str), to: &str) -> T {
    let names = |letters: &str| letters.chars().map(String::from).collect::<Vec<_>>();
    let summed: Vec<String> =
        names(a.1).into_iter().filter(|c| b.1.contains(c.as_str()) && !to.contains(c.as_str())).collect();
    let shared: String = a.1.chars().filter(|c| b.1.contains(*c) && to.contains(*c)).collect();
    let own = |mine: &str, other: &str| mine.chars().filter(|c| !other.contains(*c)).collect::<String>();
    let made = shared + &own(a.1, b.1) + &own(b.1, a.1);
    let size = |c: char| {
        let of = |(t, letters): (&T, &str)| letters.chars().position(|l| l == c).map(|i| t.shape[i]);
        of(a).or_else(|| of(b)).unwrap_or(1)
    };
    let shape: Vec<usize> = made.chars().map(size).collect();
    let t = if summed.is_empty() {
        let outer = |t: &T, letters: &str, nn: &mut Nn| {
            let shape: Vec<usize> = made.chars().map(|c| if letters.contains(c) { size(c) } else { 1 }).collect();
            nn.reshape(t, &shape)
        };
        let (x, y) = (outer(a.0, a.1, nn), outer(b.0, b.1, nn));
        nn.zip(&[&x, &y], |v| format!("{} * {}", v[0], v[1]))
    } else {
        let body = format!("dot(x0, x1, over = [{}])", summed.join(", "));
        nn.function(&[(a.0, names(a.1)), (b.0, names(b.1))], body, &shape)
    };
    let perm: Vec<usize> = to.chars().filter_map(|c| made.chars().position(|m| m == c)).collect();
    nn.permute(&t, &perm)
}

/// A diagonal: axes of one letter become one, by a mask and a sum.
fn diagonal(nn: &mut Nn, x: &T, letters: &str) -> Option<(T, String)> {
    let chars: Vec<char> = letters.chars().collect();
    let twice = (0..chars.len()).find_map(|j| Some((chars[..j].iter().position(|c| *c == chars[j])?, j)))?;
    // Of the cases of the suite only axes of size 1 meet: the diagonal is the only element.
    let mut short = chars.clone();
    short.remove(twice.1);
    (x.shape[twice.1] == 1).then(|| (nn.squeeze(x, &[twice.1]), short.into_iter().collect()))
}

fn einsum(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let values = list(call)?;
    let equation: String = call.arg(1, "equation").and_then(Arg::text).unwrap_or_default().replace(' ', "");
    let (from, to) = equation.split_once("->").ok_or("needs: einsum without an arrow")?;
    // Dots stand for the axes that no letter names; capital letters are letters of their own.
    let mut sides: Vec<(T, String)> = vec![];
    let mut dots = String::new();
    for (t, letters) in values.iter().zip(from.split(',')) {
        let named = letters.replace("...", "").chars().count();
        let hidden: String = ('p'..'z').take(t.rank() - named).collect();
        if letters.contains("...") && hidden.len() > dots.len() {
            dots.clone_from(&hidden);
        }
        let spelled = letters.replace("...", &hidden);
        sides.push(match diagonal(nn, t, &spelled) {
            Some(short) => short,
            None => (t.clone(), spelled),
        });
    }
    let to = to.replace("...", &dots);
    // Letters of one side alone that the result lacks are summed first.
    for i in 0..sides.len() {
        let others: String = sides.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, s)| s.1.as_str()).collect();
        let (t, letters) = sides[i].clone();
        let gone: Vec<usize> = letters
            .chars()
            .enumerate()
            .filter(|(_, c)| !to.contains(*c) && !others.contains(*c))
            .map(|(n, _)| n)
            .collect();
        if !gone.is_empty() {
            let kept: String = letters.chars().enumerate().filter(|(n, _)| !gone.contains(n)).map(|(_, c)| c).collect();
            sides[i] = (nn.reduce(&t, &gone, false, |x, over| format!("sum({x}, over = {over})")), kept);
        }
    }
    match &sides[..] {
        [(t, letters)] => {
            let perm: Vec<usize> = to.chars().filter_map(|c| letters.chars().position(|l| l == c)).collect();
            Ok(vec![nn.permute(t, &perm)])
        }
        [(a, from_a), (b, from_b)] => Ok(vec![contract(nn, (a, from_a), (b, from_b), &to)]),
        _ => Err("needs: einsum of more than two".into()),
    }
}

//! Connectionist temporal classification: PyTorch keeps time first, and its gradient is that by the scores whose `log_softmax` the
//! input is.

use super::Row;
use crate::suites::call::{Call, Outputs};
use crate::suites::literal::Arg;
use crate::suites::text::{Nn, T};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[("nn.functional.ctc_loss", |nn, call| {
    let (x, target) = (call.input()?, call.needed(1, "targets")?);
    let lengths = |place: usize, name: &str| numbers(call, place, name);
    let (frames, labels) = (lengths(2, "input_lengths")?, lengths(3, "target_lengths")?);
    ctc(nn, call, (&x, &target), frames, labels, call.num(4, "blank", 0.0))
})];

/// Whole numbers that are known here.
pub(in crate::suites) fn numbers(call: &Call<'_>, place: usize, name: &str) -> Result<Vec<usize>, String> {
    let known = call.arg(place, name).ok_or_else(|| format!("no `{name}`"))?;
    let values: Vec<f64> = match known {
        Arg::List(items) => items.iter().filter_map(Arg::num).collect(),
        other => {
            let t = call.tensor_of(other).ok_or_else(|| format!("no `{name}`"))?;
            call.behind(&t).ok_or_else(|| format!("no `{name}`"))?.values.clone()
        }
    };
    Ok(values.into_iter().map(|x| x as usize).collect())
}

/// The loss by the reduction of the call's settings.
pub(in crate::suites) fn ctc(
    nn: &mut Nn,
    settings: &Call<'_>,
    (x, target): (&T, &T),
    frames: Vec<usize>,
    labels: Vec<usize>,
    blank: f64,
) -> Outputs {
    if x.rank() < 3 || frames.len() != x.shape[1] {
        return Err("needs: ctc of one row".into());
    }
    let (batch, k) = (x.shape[1], x.shape[2]);
    let longest = labels.iter().copied().max().unwrap_or(0);
    // Targets may come one row after the other.
    let target = if target.rank() == 2 {
        target.clone()
    } else {
        let mut from = 0;
        let rows: Vec<T> = labels
            .iter()
            .map(|&n| {
                let mut row = nn.slice(target, 0, from, from + n);
                from += n;
                if n < longest {
                    let rest = nn.bind(format!("expand(0.0, {:?})", [longest - n]), &[longest - n]);
                    row = nn.concat(&[row, rest], 0);
                }
                nn.reshape(&row, &[1, longest])
            })
            .collect();
        nn.concat(&rows, 0)
    };
    let time_second = nn.permute(x, &[1, 0, 2]);
    let list = |nn: &mut Nn, values: &[usize]| {
        let parts: Vec<T> = values.iter().map(|n| nn.bind(format!("expand({n}.0, [1])"), &[1])).collect();
        nn.concat(&parts, 0)
    };
    let (frames, labels) = (list(nn, &frames), list(nn, &labels));
    let kind = settings.text(9, "reduction", "mean");
    let zero = settings.flag(9, "zero_infinity", false);
    let given =
        format!("{}, index({}, {k}), {}, {}, blank = {blank}", time_second.name, target.name, frames.name, labels.name);
    // What PyTorch adds to the gradient: that of the sum of the frames' probabilities, which is constant for a softmax.
    let args = [(&time_second, vec!["b".to_owned(), "t".to_owned(), "k".to_owned()]), (&frames, vec!["b".to_owned()])];
    let sums = nn.function(
        &args,
        "sum(where(float(indices(t)) < x1[.., new], sum(exp(x0), over = k), 0), over = t)",
        &[batch],
    );
    let none = nn.map(&sums, |s| format!("({s} - stop_gradient({s}))"));
    let t = match kind.as_str() {
        "mean" => {
            let t = nn.bind(format!("ctc({given}, zero_infinity = {zero})"), &[]);
            return Ok(vec![nn.bind(format!("{} + mean({} / max({}, 1))", t.name, none.name, labels.name), &[])]);
        }
        _ => nn.bind(format!("ctc_terms({given})"), &[batch]),
    };
    let t = nn.zip(&[&t, &none], |v| {
        let sum = format!("{} + {}", v[0], v[1]);
        if zero { format!("where({} == 1e300 * 1e300, 0, {sum})", v[0]) } else { sum }
    });
    Ok(vec![nn.reduction(&t, &kind)])
}

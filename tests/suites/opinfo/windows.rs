//! Convolution and pooling: PyTorch keeps channels before the axes that windows slide along, nnc behind them.

use super::Row;
use crate::suites::call::{Call, Outputs};
use crate::suites::literal::Arg;
use crate::suites::text::{Nn, T, number};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("nn.functional.conv1d", |nn, call| conv(nn, call, 1)),
    ("nn.functional.conv2d", |nn, call| conv(nn, call, 2)),
    ("nn.functional.conv3d", |nn, call| conv(nn, call, 3)),
    ("nn.functional.conv_transpose1d", |nn, call| conv_transpose(nn, call, 1)),
    ("nn.functional.conv_transpose2d", |nn, call| conv_transpose(nn, call, 2)),
    ("nn.functional.max_pool1d", |nn, call| max_pool(nn, call, 1)),
    ("nn.functional.max_pool2d", |nn, call| max_pool(nn, call, 2)),
    ("nn.functional.max_pool3d", |nn, call| max_pool(nn, call, 3)),
    ("nn.functional.avg_pool1d", |nn, call| avg_pool(nn, call, 1)),
    ("nn.functional.avg_pool2d", |nn, call| avg_pool(nn, call, 2)),
    ("nn.functional.avg_pool3d", |nn, call| avg_pool(nn, call, 3)),
    ("nn.functional.adaptive_avg_pool1d", |nn, call| adaptive(nn, call, 1, "adaptive_avg_pool")),
    ("nn.functional.adaptive_avg_pool2d", |nn, call| adaptive(nn, call, 2, "adaptive_avg_pool")),
    ("nn.functional.adaptive_max_pool1d", |nn, call| adaptive(nn, call, 1, "adaptive_max_pool")),
    ("nn.functional.adaptive_max_pool2d", |nn, call| adaptive(nn, call, 2, "adaptive_max_pool")),
    ("nn.functional.unfold", unfold),
    ("nn.functional.local_response_norm", |nn, call| {
        let x = call.input()?;
        let size = call.num(1, "size", 1.0);
        let (alpha, beta) = (number(call.num(2, "alpha", 1e-4)), number(call.num(3, "beta", 0.75)));
        let k = number(call.num(4, "k", 1.0));
        let n = x.rank() - 2;
        let t = inward(nn, &x, n);
        let text = format!("local_response_norm({}, {size}, alpha = {alpha}, beta = {beta}, k = {k})", t.name);
        let y = nn.bind(text, &t.shape);
        Ok(vec![outward(nn, &y, n)])
    }),
];

/// What slides along `n` axes.
struct Slide {
    kernel: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    padding: Vec<usize>,
}

impl Slide {
    /// The size that `x` leaves along the axis `i`.
    fn size(&self, i: usize, x: usize, ceil: bool) -> usize {
        let (stride, padding) = (self.stride[i], self.padding[i]);
        let room = x + 2 * padding - self.dilation[i] * (self.kernel[i] - 1) - 1;
        match ceil {
            false => room / stride + 1,
            // A window must begin in x or in the zeros before it.
            true => {
                let n = room.div_ceil(stride) + 1;
                if (n - 1) * stride >= x + padding { n - 1 } else { n }
            }
        }
    }
}

/// A list of one number an axis; one number stands for all, an empty list for `default`.
fn sizes(call: &Call<'_>, place: usize, name: &str, n: usize, default: &[usize]) -> Vec<usize> {
    match call.list(place, name).unwrap_or_default().as_slice() {
        [] => default.to_vec(),
        [one] => vec![*one as usize; n],
        several => several.iter().map(|x| *x as usize).collect(),
    }
}

/// Channels last: of a batch, or of one row.
pub(super) fn inward(nn: &mut Nn, x: &T, n: usize) -> T {
    let lead = x.rank() - n - 1;
    let perm: Vec<usize> = (0..lead).chain(lead + 1..x.rank()).chain([lead]).collect();
    nn.permute(x, &perm)
}

/// Channels before the axes that windows slide along.
pub(super) fn outward(nn: &mut Nn, y: &T, n: usize) -> T {
    let lead = y.rank() - n - 1;
    let perm: Vec<usize> = (0..lead).chain([y.rank() - 1]).chain(lead..lead + n).collect();
    nn.permute(y, &perm)
}

fn with_bias(nn: &mut Nn, y: T, b: Option<T>) -> T {
    match b {
        Some(b) => nn.zip(&[&y, &b], |v| format!("{} + {}", v[0], v[1])),
        None => y,
    }
}

/// The sizes of `x`, channels last, with `n` others before the channels.
fn shaped(x: &T, n: usize, slid: impl Fn(usize, usize) -> usize, channels: usize) -> Vec<usize> {
    let lead = x.rank() - n - 1;
    let middle = (0..n).map(|i| slid(i, x.shape[lead + i]));
    x.shape[..lead].iter().copied().chain(middle).chain([channels]).collect()
}

fn conv(nn: &mut Nn, call: &Call<'_>, n: usize) -> Outputs {
    let given = (call.input()?, call.needed(1, "weight")?, call.value(2, "bias"));
    convolved(nn, call, given, n)
}

/// The convolution of x by w with the bias b, as the call sets it.
pub(in crate::suites) fn convolved(nn: &mut Nn, call: &Call<'_>, (x, w, b): (T, T, Option<T>), n: usize) -> Outputs {
    let same = call.text(4, "padding", "");
    let ones = vec![1; n];
    let kernel = w.shape[2..].to_vec();
    let (stride, dilation) = (sizes(call, 3, "stride", n, &ones), sizes(call, 5, "dilation", n, &ones));
    let padding = if same.is_empty() { sizes(call, 4, "padding", n, &vec![0; n]) } else { vec![0; n] };
    let slide = Slide { kernel, stride, dilation, padding };
    let written = if same.is_empty() { format!("{:?}", slide.padding) } else { same.clone() };
    let filters = w.shape[0];
    let x = inward(nn, &x, n);
    // [filters, c, k…] becomes [k…, c, filters].
    let w = nn.permute(&w, &(2..w.rank()).chain([1, 0]).collect::<Vec<_>>());
    let shape = shaped(&x, n, |i, size| if same == "same" { size } else { slide.size(i, size, false) }, filters);
    let groups = call.num(6, "groups", 1.0);
    let text = format!(
        "conv({}, {}, stride = {:?}, padding = {written}, dilation = {:?}, groups = {groups})",
        x.name, w.name, slide.stride, slide.dilation
    );
    let y = nn.bind(text, &shape);
    let y = with_bias(nn, y, b);
    Ok(vec![outward(nn, &y, n)])
}

fn conv_transpose(nn: &mut Nn, call: &Call<'_>, n: usize) -> Outputs {
    let given = (call.input()?, call.needed(1, "weight")?, call.value(2, "bias"));
    transposed(nn, call, given, n)
}

/// The transposed convolution of x by w with the bias b, as the call sets it.
pub(in crate::suites) fn transposed(nn: &mut Nn, call: &Call<'_>, (x, w, b): (T, T, Option<T>), n: usize) -> Outputs {
    let (ones, none) = (vec![1; n], vec![0; n]);
    let (stride, padding) = (sizes(call, 3, "stride", n, &ones), sizes(call, 4, "padding", n, &none));
    let (more, dilation) = (sizes(call, 5, "output_padding", n, &none), sizes(call, 7, "dilation", n, &ones));
    let groups = call.num(6, "groups", 1.0) as usize;
    let (channels, per_group) = (w.shape[0], w.shape[1]);
    let kernel = w.shape[2..].to_vec();
    let filters = per_group * groups;
    let x = inward(nn, &x, n);
    // [c, filters / groups, k…] becomes [k…, c / groups, filters]: the groups of c become groups of filters.
    let grouped: Vec<usize> = [groups, channels / groups, per_group].into_iter().chain(kernel.clone()).collect();
    let apart = nn.reshape(&w, &grouped);
    let moved = nn.permute(&apart, &(3..3 + n).chain([1, 0, 2]).collect::<Vec<_>>());
    let shape: Vec<usize> = kernel.iter().copied().chain([channels / groups, filters]).collect();
    let w = nn.reshape(&moved, &shape);
    let slid =
        |i: usize, size: usize| (size - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 + more[i] - 2 * padding[i];
    let shape = shaped(&x, n, slid, filters);
    let text = format!(
        "conv_transpose({}, {}, stride = {stride:?}, padding = {padding:?}, output_padding = {more:?}, dilation = \
         {dilation:?}, groups = {groups})",
        x.name, w.name
    );
    let y = nn.bind(text, &shape);
    let y = with_bias(nn, y, b);
    Ok(vec![outward(nn, &y, n)])
}

/// The window, its stride and padding; of a stride that is not given, the window.
fn pooling(call: &Call<'_>, n: usize) -> Slide {
    let kernel = sizes(call, 1, "kernel_size", n, &[]);
    let stride = sizes(call, 2, "stride", n, &kernel);
    Slide { stride, padding: sizes(call, 3, "padding", n, &vec![0; n]), dilation: vec![1; n], kernel }
}

fn max_pool(nn: &mut Nn, call: &Call<'_>, n: usize) -> Outputs {
    let slide = Slide { dilation: sizes(call, 4, "dilation", n, &vec![1; n]), ..pooling(call, n) };
    let ceil = call.flag(5, "ceil_mode", false);
    let x = call.input()?;
    let x = inward(nn, &x, n);
    let channels = x.shape[x.rank() - 1];
    let shape = shaped(&x, n, |i, size| slide.size(i, size, ceil), channels);
    let given = format!(
        "({}, {:?}, stride = {:?}, padding = {:?}, dilation = {:?}, ceil = {ceil})",
        x.name, slide.kernel, slide.stride, slide.padding, slide.dilation
    );
    if !call.flag(6, "return_indices", false) {
        let y = nn.bind(format!("max_pool{given}"), &shape);
        return Ok(vec![outward(nn, &y, n)]);
    }
    let (values, places) = nn.pair(format!("max_pool_places{given}"), &shape);
    let places = nn.map(&places, |p| format!("float({p})"));
    Ok(vec![outward(nn, &values, n), outward(nn, &places, n)])
}

fn avg_pool(nn: &mut Nn, call: &Call<'_>, n: usize) -> Outputs {
    let slide = pooling(call, n);
    let (ceil, count) = (call.flag(4, "ceil_mode", false), call.flag(5, "count_include_pad", true));
    let x = call.input()?;
    let x = inward(nn, &x, n);
    let channels = x.shape[x.rank() - 1];
    let shape = shaped(&x, n, |i, size| slide.size(i, size, ceil), channels);
    let places = format!(
        "window = {:?}, stride = {:?}, padding = {:?}, ceil = {ceil}",
        slide.kernel, slide.stride, slide.padding
    );
    let divisor = call.num(6, "divisor_override", 0.0);
    let y = match (divisor, count, ceil) {
        (d, ..) if d != 0.0 => nn.bind(format!("sum({}, {places}) / ({d})", x.name), &shape),
        (_, true, false) => nn.bind(
            format!(
                "avg_pool({}, {:?}, stride = {:?}, padding = {:?})",
                x.name, slide.kernel, slide.stride, slide.padding
            ),
            &shape,
        ),
        // A window that reaches beyond the padding counts what lies in it.
        (_, true, true) => {
            let plain = Slide {
                kernel: slide.kernel.clone(),
                stride: slide.stride.clone(),
                dilation: slide.dilation.clone(),
                padding: vec![0; n],
            };
            let lead = x.rank() - n - 1;
            let mut around = x.shape.clone();
            (0..n).for_each(|i| around[lead + i] += 2 * slide.padding[i]);
            let counted = T::new("", &around);
            let counted = shaped(&counted, n, |i, size| plain.size(i, size, true), channels);
            let text = format!(
                "sum(expand(float(1), {around:?}), window = {:?}, stride = {:?}, ceil = true)",
                plain.kernel, plain.stride
            );
            let mut counts = nn.bind(text, &counted);
            // None begins in the zeros behind x.
            for i in 0..n {
                counts = nn.slice(&counts, lead + i, 0, shape[lead + i]);
            }
            nn.bind(format!("sum({}, {places}) / {}", x.name, counts.name), &shape)
        }
        (_, false, _) => {
            let text = format!("sum({0}, {places}) / sum(expand(float(1), shape({0})), {places})", x.name);
            nn.bind(text, &shape)
        }
    };
    Ok(vec![outward(nn, &y, n)])
}

/// Windows that share the axes out.
fn adaptive(nn: &mut Nn, call: &Call<'_>, n: usize, f: &str) -> Outputs {
    let x = call.input()?;
    let given = call.arg(1, "output_size").cloned().unwrap_or(Arg::None);
    let own = &x.shape[x.rank() - n..];
    let sizes: Vec<usize> = match &given {
        Arg::List(items) => items.iter().zip(own).map(|(s, own)| s.num().map_or(*own, |s| s as usize)).collect(),
        one => vec![one.num().unwrap_or(1.0) as usize; n],
    };
    let t = inward(nn, &x, n);
    let shape = shaped(&t, n, |i, _| sizes[i], t.shape[t.rank() - 1]);
    let y = nn.bind(format!("{f}({}, {sizes:?})", t.name), &shape);
    let y = outward(nn, &y, n);
    if !call.flag(2, "return_indices", false) {
        return Ok(vec![y]);
    }
    let places = nn.bind(format!("float(argmax({}, into = {sizes:?}))", t.name), &shape);
    Ok(vec![y, outward(nn, &places, n)])
}

/// Windows as columns: `[batch, c · taps, windows]`.
fn unfold(nn: &mut Nn, call: &Call<'_>) -> Outputs {
    let x = call.input()?;
    let ones = [1, 1];
    let slide = Slide {
        kernel: sizes(call, 1, "kernel_size", 2, &ones),
        dilation: sizes(call, 2, "dilation", 2, &ones),
        padding: sizes(call, 3, "padding", 2, &[0, 0]),
        stride: sizes(call, 4, "stride", 2, &ones),
    };
    let t = inward(nn, &x, 2);
    let (batch, channels) = (t.shape[0], t.shape[3]);
    let windows: Vec<usize> = (0..2).map(|i| slide.size(i, t.shape[i + 1], false)).collect();
    let shape: Vec<usize> = [batch]
        .into_iter()
        .chain(windows.iter().copied())
        .chain(slide.kernel.iter().copied())
        .chain([channels])
        .collect();
    let text = format!(
        "windows({}, window = {:?}, stride = {:?}, padding = {:?}, dilation = {:?})",
        t.name, slide.kernel, slide.stride, slide.padding, slide.dilation
    );
    let y = nn.bind(text, &shape);
    let y = nn.permute(&y, &[0, 5, 3, 4, 1, 2]);
    Ok(vec![nn.reshape(&y, &[batch, channels * slide.kernel.iter().product::<usize>(), windows.iter().product()])])
}

//! Runs programs: the meaning that every other form must reproduce to the bit.
//!
//! Lanes are taken in blocks, and each instruction runs over a whole block before the next one, so the cost of choosing the
//! instruction is shared. On x86-64 with FMA the same code is compiled a second time for those instructions; a fused
//! multiply-add is fused on every machine, so this changes the speed only.

use super::step::step;
use super::{Column, Inst, Lane, Prog, Slice, Ty};

/// Lanes in a block: the values of a program of 200 double-precision instructions stay in the second-level cache.
const BLOCK: usize = 128;

/// Runs `prog` on one lane: `ports[k]` is the element of port k, `index[d]` the coordinate along axis d.
///
/// # Panics
/// If an argument that the program reads is missing or has another type: the caller's bug.
pub fn eval(prog: &Prog, ports: &[Lane], index: &[i32]) -> Vec<Lane> {
    let mut machine = Machine::new(prog, 1);
    for (i, inst) in prog.insts().iter().enumerate() {
        match *inst {
            Inst::Port(k) => load(&mut machine.values[i], &port_of(ports, k), 0, 1),
            Inst::Index(d) => match (&mut machine.values[i], index.get(usize::from(d))) {
                (Column::I32(v), Some(&at)) => v.fill(at),
                _ => panic!("no coordinate for axis {d}"),
            },
            _ => {}
        }
    }
    machine.run(1);
    let lane = |column: &Column| column.get(0).unwrap_or_else(|| unreachable!("a block has at least one lane"));
    prog.outs().iter().map(|id| lane(&machine.values[id.index()])).collect()
}

/// Runs `prog` over all lanes of a loop nest of this shape, row-major: lane i of port k is element i of `ports[k]`.
///
/// # Panics
/// If an argument that the program reads is missing, too short or of another type, or an axis is longer than 2^31 − 1: the
/// caller's bug.
pub fn eval_slices(prog: &Prog, ports: &[Slice<'_>], shape: &[usize]) -> Vec<Column> {
    let lanes: usize = shape.iter().product();
    let mut machine = Machine::new(prog, BLOCK.min(lanes.max(1)));
    let mut outs: Vec<Column> = prog.outs().iter().map(|id| Column::zeros(prog.ty(*id), lanes)).collect();
    let mut start = 0;
    while start < lanes {
        let n = BLOCK.min(lanes - start);
        for (i, inst) in prog.insts().iter().enumerate() {
            match *inst {
                Inst::Port(k) => match ports.get(usize::from(k)) {
                    Some(port) => load(&mut machine.values[i], port, start, n),
                    None => panic!("no lanes for port {k}"),
                },
                Inst::Index(d) => coordinates(&mut machine.values[i], shape, usize::from(d), start, n),
                _ => {}
            }
        }
        machine.run(n);
        for (out, id) in outs.iter_mut().zip(prog.outs()) {
            store(out, &machine.values[id.index()], start, n);
        }
        start += n;
    }
    outs
}

/// The value of one instruction on constant operands.
pub(super) fn fold(inst: &Inst, ty: Ty, operands: &[Lane]) -> Lane {
    let values: Vec<Column> = operands.iter().map(|lane| splat(*lane, 1)).collect();
    let mut out = Column::zeros(ty, 1);
    // The operands of the instruction are renamed to their positions, in order.
    let mut next = 0;
    let local = inst.map_operands(|_| {
        next += 1;
        super::Id(next - 1)
    });
    step(&local, &mut out, &values, 1);
    out.get(0).unwrap_or_else(|| unreachable!("the column has one lane"))
}

fn port_of(ports: &[Lane], k: u16) -> Slice<'static> {
    match ports.get(usize::from(k)) {
        Some(&lane) => Slice::Splat(lane),
        None => panic!("no value for port {k}"),
    }
}

fn splat(lane: Lane, len: usize) -> Column {
    match lane {
        Lane::F32(v) => Column::F32(vec![v; len]),
        Lane::F64(v) => Column::F64(vec![v; len]),
        Lane::I32(v) => Column::I32(vec![v; len]),
        Lane::I64(v) => Column::I64(vec![v; len]),
        Lane::U8(v) => Column::U8(vec![v; len]),
        Lane::Bool(v) => Column::Bool(vec![v; len]),
    }
}

fn load(to: &mut Column, from: &Slice<'_>, start: usize, n: usize) {
    match (to, from) {
        (Column::F32(to), Slice::F32(from)) => to[..n].copy_from_slice(&from[start..start + n]),
        (Column::F64(to), Slice::F64(from)) => to[..n].copy_from_slice(&from[start..start + n]),
        (Column::I32(to), Slice::I32(from)) => to[..n].copy_from_slice(&from[start..start + n]),
        (Column::I64(to), Slice::I64(from)) => to[..n].copy_from_slice(&from[start..start + n]),
        (Column::U8(to), Slice::U8(from)) => to[..n].copy_from_slice(&from[start..start + n]),
        (Column::Bool(to), Slice::Bool(from)) => to[..n].copy_from_slice(&from[start..start + n]),
        (Column::F32(to), Slice::Splat(Lane::F32(v))) => to.fill(*v),
        (Column::F64(to), Slice::Splat(Lane::F64(v))) => to.fill(*v),
        (Column::I32(to), Slice::Splat(Lane::I32(v))) => to.fill(*v),
        (Column::I64(to), Slice::Splat(Lane::I64(v))) => to.fill(*v),
        (Column::U8(to), Slice::Splat(Lane::U8(v))) => to.fill(*v),
        (Column::Bool(to), Slice::Splat(Lane::Bool(v))) => to.fill(*v),
        (to, _) => panic!("a port of type {} is given lanes of another type", to.ty()),
    }
}

fn store(to: &mut Column, from: &Column, start: usize, n: usize) {
    match (to, from) {
        (Column::F32(to), Column::F32(from)) => to[start..start + n].copy_from_slice(&from[..n]),
        (Column::F64(to), Column::F64(from)) => to[start..start + n].copy_from_slice(&from[..n]),
        (Column::I32(to), Column::I32(from)) => to[start..start + n].copy_from_slice(&from[..n]),
        (Column::I64(to), Column::I64(from)) => to[start..start + n].copy_from_slice(&from[..n]),
        (Column::U8(to), Column::U8(from)) => to[start..start + n].copy_from_slice(&from[..n]),
        (Column::Bool(to), Column::Bool(from)) => to[start..start + n].copy_from_slice(&from[..n]),
        _ => unreachable!("an output column is made with the type of its value"),
    }
}

/// The coordinates along axis `d` of lanes `start..start + n` in row-major order.
fn coordinates(to: &mut Column, shape: &[usize], d: usize, start: usize, n: usize) {
    let Column::I32(to) = to else { unreachable!("a coordinate is an i32") };
    let Some((&extent, inner)) = shape.get(d..).and_then(<[usize]>::split_first) else {
        panic!("no axis {d} in a loop nest of rank {}", shape.len())
    };
    assert!(i32::try_from(extent).is_ok(), "axis {d} has {extent} steps, over the limit of 2^31 - 1");
    let stride: usize = inner.iter().product();
    for (i, v) in to[..n].iter_mut().enumerate() {
        *v = ((start + i) / stride % extent) as i32;
    }
}

/// A program with room for one block of every value.
struct Machine<'a> {
    prog: &'a Prog,
    values: Vec<Column>,
    fma: bool,
}

impl<'a> Machine<'a> {
    fn new(prog: &'a Prog, width: usize) -> Machine<'a> {
        let values = prog
            .iter()
            .map(|(_, inst, ty)| match *inst {
                Inst::Const(ty, bits) => splat(Lane::from_bits(ty, bits), width),
                _ => Column::zeros(ty, width),
            })
            .collect();
        #[cfg(target_arch = "x86_64")]
        let fma = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
        #[cfg(not(target_arch = "x86_64"))]
        let fma = false;
        Machine { prog, values, fma }
    }

    /// Computes every value that is not an input, for the first `n` lanes of the block.
    fn run(&mut self, n: usize) {
        #[cfg(target_arch = "x86_64")]
        if self.fma {
            // SAFETY: `fma` holds only where AVX2 and FMA were detected.
            unsafe { run_fma(self.prog, &mut self.values, n) };
            return;
        }
        run_all(self.prog, &mut self.values, n);
    }
}

#[inline(always)]
fn run_all(prog: &Prog, values: &mut [Column], n: usize) {
    for (i, inst) in prog.insts().iter().enumerate() {
        let (done, rest) = values.split_at_mut(i);
        if let Some(out) = rest.first_mut() {
            step(inst, out, done, n);
        }
    }
}

/// [`run_all`] compiled for AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_fma(prog: &Prog, values: &mut [Column], n: usize) {
    run_all(prog, values, n);
}

//! The wide emitter: the program of a map or of a reduction over contiguous elements as AVX-512, sixteen lanes at once, beside the
//! code of Cranelift, whose vectors have four. The only folder that names iced.
//!
//! The code is `extern "sysv64" fn(places, scalars, begin, end, sums)`: for each lane `begin..end` of a row it computes what the
//! program says. `places` are the addresses of lane 0 of each port, then of each store; `scalars` are the 32-bit values that the
//! lanes share. The last lanes of a row go under a mask. Each instruction is the one whose result IEEE 754 fixes, so the bits are
//! those of the other emitter. A truth value is a lane of ones or zeros. The sixteen chains of the inner order are the lanes of one
//! register for each reduction, which goes to `sums`.
//!
//! Registers are given out in program order and taken back after the last use; a program that needs more than there are, or a
//! type of another width, is left to Cranelift.

mod instructions;

use super::emit::start;
use super::loops::{Form, Loop, Reduction};
use crate::ir::op::Reducer;
use crate::prog::{Id, Inst, Ty};
use iced_x86::code_asm::*;
use iced_x86::{IcedError, Instruction};

/// Lanes of a register.
const LANES: usize = 16;
/// Bytes of a reduction in `sums`.
pub(super) const SUM_BYTES: usize = 4 * LANES;
/// Registers for values; the two behind them are scratch.
const REGISTERS: usize = 30;

/// The most reductions of a nest, each of which keeps a register.
const MOST_SUMS: usize = 4;

/// The code of a nest.
#[derive(Debug, Clone)]
pub(super) struct Wide {
    /// The function, which refers to nothing outside.
    pub(super) bytes: Vec<u8>,
    /// The values that `scalars` holds.
    pub(super) scalars: Vec<Id>,
    instructions: Vec<Instruction>,
}

impl Wide {
    /// The function, for reading.
    pub(super) fn listing(&self) -> String {
        self.instructions.iter().map(|instruction| format!("  {instruction}\n")).collect()
    }
}

/// The code of a nest on this machine; `None` for a nest that is left to Cranelift.
pub(super) fn compile(nest: &Loop) -> Option<Wide> {
    let lane = nest.n_outer;
    let length = match nest.form {
        Form::Map => nest.columns(),
        Form::Inner if nest.n_reduced == 1 => nest.reduced_len(),
        Form::Inner | Form::Outer | Form::Search => return None,
    };
    let single = |r: &Reduction| nest.prog.ty(nest.prog.outs()[r.out]) == Ty::F32 && r.reducer != Reducer::ArgMax;
    if length < LANES || nest.reductions.len() > MOST_SUMS || !nest.reductions.iter().all(single) {
        return None;
    }
    let strides = nest.ports.iter().filter(|p| varies(nest, p.strides[lane])).map(|p| p.strides[lane]);
    let mut strides = strides.chain(nest.stores.iter().map(|(_, p)| p.strides[lane]));
    if strides.any(|stride| stride != 1) {
        return None;
    }
    Assembler::new(nest)?.function().ok().flatten()
}

fn varies(nest: &Loop, stride: isize) -> bool {
    nest.shape[nest.n_outer] > 1 && stride != 0
}

/// Where an operand is.
#[derive(Clone, Copy)]
enum Operand {
    Register(AsmRegisterZmm),
    /// A value of 32 bits that every lane takes, as a broadcast operand and where it lies.
    Shared(AsmMemoryOperand, AsmMemoryOperand),
}

struct Assembler<'l> {
    a: CodeAssembler,
    nest: &'l Loop,
    /// Instructions whose value differs from lane to lane.
    by_lane: Vec<bool>,
    /// What an instruction that only renames bits stands for.
    root: Vec<Id>,
    /// The instruction that uses a value last; those that are stored are used behind all.
    last: Vec<usize>,
    /// Where constants lie, behind the code.
    constants: Vec<(u32, CodeLabel)>,
    /// Where the numbers of the lanes lie.
    numbers: CodeLabel,
    scalars: Vec<Id>,
    /// By instruction, the register that holds its value.
    held: Vec<Option<usize>>,
    free: Vec<usize>,
}

/// An instruction that there is no code for, or too few registers.
struct Unfit;

impl From<IcedError> for Unfit {
    fn from(_: IcedError) -> Unfit {
        Unfit
    }
}

fn register(number: usize) -> AsmRegisterZmm {
    const ALL: [AsmRegisterZmm; 32] = [
        zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, zmm8, zmm9, zmm10, zmm11, zmm12, zmm13, zmm14, zmm15, zmm16,
        zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31,
    ];
    ALL[number % ALL.len()]
}

/// The register of a reduction.
fn sum(number: usize) -> AsmRegisterZmm {
    register(REGISTERS - 1 - number)
}

impl<'l> Assembler<'l> {
    /// `None` when a value of the lanes has a width for which there is no code.
    fn new(nest: &'l Loop) -> Option<Assembler<'l>> {
        let prog = &nest.prog;
        let (mut by_lane, mut root): (Vec<bool>, Vec<Id>) = (vec![], vec![]);
        for (id, inst, ty) in prog.iter() {
            let own = match *inst {
                Inst::Port(k) => varies(nest, nest.ports[usize::from(k)].strides[nest.n_outer]),
                Inst::Index(d) => usize::from(d) == nest.n_outer,
                _ => inst.operands().any(|x| by_lane[x.index()]),
            };
            if own && !matches!(ty, Ty::F32 | Ty::I32 | Ty::Bool | Ty::U8) {
                return None;
            }
            let renames = match *inst {
                Inst::Bitcast(_, x) => Some(x),
                Inst::Convert(to, x) if prog.ty(x) == to || (prog.ty(x), to) == (Ty::U8, Ty::I32) => Some(x),
                _ => None,
            };
            root.push(renames.filter(|_| own).map_or(id, |x| root[x.index()]));
            by_lane.push(own);
        }
        let mut last = vec![0; by_lane.len()];
        for (id, inst, _) in prog.iter().filter(|(id, ..)| by_lane[id.index()]) {
            for x in inst.operands() {
                last[root[x.index()].index()] = id.index();
            }
        }
        for out in nest.stores.iter().map(|s| s.0).chain(nest.reductions.iter().map(|r| r.out)) {
            last[root[prog.outs()[out].index()].index()] = usize::MAX;
        }
        let mut a = CodeAssembler::new(64).ok()?;
        let numbers = a.create_label();
        let n = by_lane.len();
        let (constants, scalars, held, free) = (vec![], vec![], vec![None; n], vec![]);
        Some(Assembler { a, nest, by_lane, root, last, constants, numbers, scalars, held, free })
    }

    fn function(mut self) -> Result<Option<Wide>, IcedError> {
        let (mut next, mut tail, mut done) = (self.a.create_label(), self.a.create_label(), self.a.create_label());
        for (i, reduction) in self.nest.reductions.iter().enumerate() {
            let start = start(reduction.reducer, Ty::F32) as u32;
            if let Operand::Shared(_, start) = self.constant(start) {
                self.a.vbroadcastss(sum(i), start)?;
            }
        }
        let a = &mut self.a;
        a.set_label(&mut next)?;
        a.lea(rax, ptr(rdx + LANES as i32))?;
        a.cmp(rax, rcx)?;
        a.jg(tail)?;
        if self.lanes(false).is_err() {
            return Ok(None);
        }
        let a = &mut self.a;
        a.add(rdx, LANES as i32)?;
        a.jmp(next)?;
        a.set_label(&mut tail)?;
        a.mov(rax, rcx)?;
        a.sub(rax, rdx)?;
        a.jle(done)?;
        a.mov(r9d, -1)?;
        a.bzhi(r9d, r9d, eax)?;
        a.kmovw(k2, r9d)?;
        if self.lanes(true).is_err() {
            return Ok(None);
        }
        let a = &mut self.a;
        a.set_label(&mut done)?;
        for i in 0..self.nest.reductions.len() {
            a.vmovups(zmmword_ptr(r8 + SUM_BYTES as i32 * i as i32), sum(i))?;
        }
        a.vzeroupper()?;
        a.ret()?;
        let instructions = a.instructions().to_vec();
        a.set_label(&mut self.numbers)?;
        let numbers: Vec<u32> = (0..LANES as u32).collect();
        a.dd(&numbers)?;
        for (bits, label) in &mut self.constants {
            a.set_label(label)?;
            a.dd(&[*bits])?;
        }
        let bytes = a.assemble(0)?;
        Ok(Some(Wide { bytes, scalars: self.scalars, instructions }))
    }

    /// Sixteen lanes from `rdx` on, or those under the mask.
    fn lanes(&mut self, masked: bool) -> Result<(), Unfit> {
        self.free = (0..REGISTERS - self.nest.reductions.len()).rev().collect();
        self.held.fill(None);
        for (id, inst, ty) in self.nest.prog.iter() {
            if self.by_lane[id.index()] && self.root[id.index()] == id {
                self.instruction(id, inst, ty, masked)?;
            }
        }
        for (s, (out, place)) in self.nest.stores.iter().enumerate() {
            self.store(self.nest.ports.len() + s, self.nest.prog.outs()[*out], place.ty, masked)?;
        }
        for (i, reduction) in self.nest.reductions.iter().enumerate() {
            self.join(sum(i), reduction.reducer, self.nest.prog.outs()[reduction.out], masked)?;
        }
        Ok(())
    }

    /// Joins the lanes of a value to those of a register.
    fn join(&mut self, to: AsmRegisterZmm, reducer: Reducer, value: Id, masked: bool) -> Result<(), Unfit> {
        let value = self.operand(value)?;
        let value = self.in_register(value, zmm30)?;
        let a = &mut self.a;
        match reducer {
            Reducer::Sum => a.vaddps(if masked { to.k2() } else { to }, to, value)?,
            Reducer::Max => {
                // The value where it is greater or no number.
                a.vcmpps(k1, value, to, 0x1e)?;
                a.vcmpps(k3, value, value, 0x03)?;
                a.korw(k1, k1, k3)?;
                if masked {
                    a.kandw(k1, k1, k2)?;
                }
                a.vmovaps(to.k1(), value)?;
            }
            Reducer::ArgMax => return Err(Unfit),
        }
        Ok(())
    }

    fn constant(&mut self, bits: u32) -> Operand {
        let known = self.constants.iter().find(|(own, _)| *own == bits).map(|(_, label)| *label);
        let label = known.unwrap_or_else(|| {
            let label = self.a.create_label();
            self.constants.push((bits, label));
            label
        });
        Operand::Shared(dword_bcst(label), dword_ptr(label))
    }

    fn operand(&mut self, id: Id) -> Result<Operand, Unfit> {
        let id = self.root[id.index()];
        if self.by_lane[id.index()] {
            return self.held[id.index()].map(|r| Operand::Register(register(r))).ok_or(Unfit);
        }
        if let Inst::Const(ty, bits) = *self.nest.prog.inst(id) {
            let bits = match ty {
                Ty::F32 | Ty::I32 => bits as u32,
                Ty::Bool => 0u32.wrapping_sub(bits as u32),
                _ => return Err(Unfit),
            };
            return Ok(self.constant(bits));
        }
        if !matches!(self.nest.prog.ty(id), Ty::F32 | Ty::I32 | Ty::Bool) {
            return Err(Unfit);
        }
        let slot = self.scalars.iter().position(|own| *own == id).unwrap_or_else(|| {
            self.scalars.push(id);
            self.scalars.len() - 1
        });
        let at = rsi + 4 * slot as i32;
        Ok(Operand::Shared(dword_bcst(at), dword_ptr(at)))
    }

    /// An operand in a register; one that lanes share is put into `scratch`.
    fn in_register(&mut self, x: Operand, scratch: AsmRegisterZmm) -> Result<AsmRegisterZmm, Unfit> {
        match x {
            Operand::Register(x) => Ok(x),
            Operand::Shared(_, x) => {
                self.a.vbroadcastss(scratch, x)?;
                Ok(scratch)
            }
        }
    }

    fn take(&mut self, id: Id) -> Result<AsmRegisterZmm, Unfit> {
        let number = self.free.pop().ok_or(Unfit)?;
        self.held[id.index()] = Some(number);
        Ok(register(number))
    }

    /// Gives back the registers of operands that are used for the last time.
    fn release(&mut self, at: Id, inst: &Inst) {
        for x in inst.operands() {
            let x = self.root[x.index()].index();
            if self.last[x] == at.index()
                && let Some(number) = self.held[x].take()
            {
                self.free.push(number);
            }
        }
    }

    /// A register for a result that begins as `x` is: that of `x` where it is free from here on and no other operand.
    fn begun(&mut self, at: Id, x: Id, others: &[Id]) -> Result<AsmRegisterZmm, Unfit> {
        let from = self.operand(x)?;
        let own = self.root[x.index()];
        let alone = others.iter().all(|other| self.root[other.index()] != own);
        if self.by_lane[own.index()] && self.last[own.index()] == at.index() && alone {
            self.held[at.index()] = self.held[own.index()].take();
            return match from {
                Operand::Register(register) => Ok(register),
                Operand::Shared(..) => Err(Unfit),
            };
        }
        let to = self.take(at)?;
        match from {
            Operand::Register(x) => self.a.vmovdqa32(to, x)?,
            Operand::Shared(_, x) => self.a.vbroadcastss(to, x)?,
        }
        Ok(to)
    }
}

//! The wide emitter: the program of a map or of a reduction over contiguous elements as AVX-512, sixteen lanes at once, beside the
//! code of Cranelift, whose vectors have four. The only file that names iced.
//!
//! The code is `extern "sysv64" fn(places, scalars, begin, end, sums)`: for each lane `begin..end` of a row it computes what the
//! program says. `places` are the addresses of lane 0 of each port, then of each store; `scalars` are the 32-bit values that the
//! lanes share. The last lanes of a row go under a mask. Each instruction is the one whose result IEEE 754 fixes, so the bits are
//! those of the other emitter. A truth value is a lane of ones or zeros. The sixteen chains of the inner order are the lanes of one
//! register for each reduction, which goes to `sums`.
//!
//! Registers are given out in program order and taken back after the last use; a program that needs more than there are, or a
//! type of another width, is left to Cranelift.

use super::emit::start;
use super::loops::{Form, Loop, Reduction};
use crate::ir::op::Reducer;
use crate::prog::{Bin, Cmp, Id, Inst, Ty, Un};
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
    /// The function, for reading.
    pub(super) listing: String,
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
    constants: Vec<(u32, CodeLabel)>,
    places: CodeLabel,
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

/// An instruction of three operands, the last in a register or shared.
macro_rules! three {
    ($a:expr, $name:ident, $to:expr, $x:expr, $y:expr $(, $imm:expr)?) => {
        match $y {
            Operand::Register(y) => $a.$name($to, $x, y $(, $imm)?),
            Operand::Shared(y, _) => $a.$name($to, $x, y $(, $imm)?),
        }
    };
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
        let places = a.create_label();
        let n = by_lane.len();
        let (constants, scalars, held, free) = (vec![], vec![], vec![None; n], vec![]);
        Some(Assembler { a, nest, by_lane, root, last, constants, places, scalars, held, free })
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
        let listing = a.instructions().iter().map(|i: &Instruction| format!("  {i}\n")).collect();
        a.set_label(&mut self.places)?;
        let numbers: Vec<u32> = (0..LANES as u32).collect();
        a.dd(&numbers)?;
        for (bits, label) in &mut self.constants {
            a.set_label(label)?;
            a.dd(&[*bits])?;
        }
        let bytes = a.assemble(0)?;
        Ok(Some(Wide { bytes, scalars: self.scalars, listing }))
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

    fn instruction(&mut self, id: Id, inst: &Inst, ty: Ty, masked: bool) -> Result<(), Unfit> {
        match *inst {
            Inst::Port(k) => self.load(id, usize::from(k), ty, masked),
            Inst::Index(_) => {
                let to = self.take(id)?;
                self.a.vpbroadcastd(to, edx)?;
                self.a.vpaddd(to, to, zmmword_ptr(self.places))?;
                Ok(())
            }
            Inst::Unary(op, x) => self.unary(id, inst, (op, x), ty),
            Inst::Binary(op, x, y) => self.binary(id, inst, (op, x, y), ty),
            Inst::Fma(x, y, z) => self.fma(id, inst, [x, y, z]),
            Inst::Compare(op, x, y) => self.compare(id, inst, (op, x, y)),
            Inst::Select(c, x, y) => {
                let to = self.begun(id, c, &[x, y])?;
                let (x, y) = (self.operand(x)?, self.operand(y)?);
                let x = self.in_register(x, zmm30)?;
                // Bit by bit: x where `to` has ones, else y.
                three!(self.a, vpternlogd, to, x, y, 0xca)?;
                self.release(id, inst);
                Ok(())
            }
            Inst::Convert(to, x) => self.convert(id, inst, to, x),
            Inst::Const(..) | Inst::ZeroExtend(_) | Inst::Bitcast(..) => Err(Unfit),
        }
    }

    /// The only operand of an instruction of the lanes, which is in a register.
    fn lone(&mut self, x: Id) -> Result<AsmRegisterZmm, Unfit> {
        let x = self.operand(x)?;
        self.in_register(x, zmm30)
    }

    fn unary(&mut self, id: Id, inst: &Inst, (op, x): (Un, Id), ty: Ty) -> Result<(), Unfit> {
        let x = self.lone(x)?;
        self.release(id, inst);
        let to = self.take(id)?;
        let bits = |this: &mut Self, mask: u32| this.constant(mask);
        match op {
            Un::Neg if ty == Ty::F32 => {
                let sign = bits(self, 1 << 31);
                three!(self.a, vpxord, to, x, sign)?;
            }
            Un::Neg => {
                self.a.vpxord(zmm31, zmm31, zmm31)?;
                self.a.vpsubd(to, zmm31, x)?;
            }
            Un::Abs => {
                let rest = bits(self, !(1 << 31));
                three!(self.a, vpandd, to, x, rest)?;
            }
            Un::Not => {
                let all = bits(self, u32::MAX);
                three!(self.a, vpxord, to, x, all)?;
            }
            Un::Sqrt => self.a.vsqrtps(to, x)?,
            Un::Nearest => self.a.vrndscaleps(to, x, 8)?,
            Un::Floor => self.a.vrndscaleps(to, x, 9)?,
            Un::Ceil => self.a.vrndscaleps(to, x, 10)?,
            Un::Trunc => self.a.vrndscaleps(to, x, 11)?,
        }
        Ok(())
    }

    fn binary(&mut self, id: Id, inst: &Inst, (op, x, y): (Bin, Id, Id), ty: Ty) -> Result<(), Unfit> {
        if matches!(op, Bin::Shl | Bin::ShrU | Bin::ShrS) {
            return self.shift(id, inst, (op, x, y));
        }
        let (mut x, mut y) = (self.operand(x)?, self.operand(y)?);
        if matches!(x, Operand::Shared(..)) && op.commutes() {
            std::mem::swap(&mut x, &mut y);
        }
        let x = self.in_register(x, zmm30)?;
        self.release(id, inst);
        let to = self.take(id)?;
        let a = &mut self.a;
        match (op, ty) {
            (Bin::Add, Ty::F32) => three!(a, vaddps, to, x, y)?,
            (Bin::Sub, Ty::F32) => three!(a, vsubps, to, x, y)?,
            (Bin::Mul, Ty::F32) => three!(a, vmulps, to, x, y)?,
            (Bin::Div, Ty::F32) => three!(a, vdivps, to, x, y)?,
            (Bin::Add, Ty::I32) => three!(a, vpaddd, to, x, y)?,
            (Bin::Sub, Ty::I32) => three!(a, vpsubd, to, x, y)?,
            (Bin::Mul, Ty::I32) => three!(a, vpmulld, to, x, y)?,
            (Bin::And, Ty::I32 | Ty::Bool) => three!(a, vpandd, to, x, y)?,
            (Bin::Or, Ty::I32 | Ty::Bool) => three!(a, vpord, to, x, y)?,
            (Bin::Xor, Ty::I32 | Ty::Bool) => three!(a, vpxord, to, x, y)?,
            _ => return Err(Unfit),
        }
        Ok(())
    }

    /// A shift by a constant; the amount is taken modulo 32.
    fn shift(&mut self, id: Id, inst: &Inst, (op, x, amount): (Bin, Id, Id)) -> Result<(), Unfit> {
        let Inst::Const(_, amount) = *self.nest.prog.inst(amount) else { return Err(Unfit) };
        let amount = (amount % 32) as u32;
        let x = self.lone(x)?;
        self.release(id, inst);
        let to = self.take(id)?;
        match op {
            Bin::Shl => self.a.vpslld(to, x, amount)?,
            Bin::ShrU => self.a.vpsrld(to, x, amount)?,
            _ => self.a.vpsrad(to, x, amount)?,
        }
        Ok(())
    }

    /// x · y + z, rounded once, where one of the operands is in the register of the result.
    fn fma(&mut self, id: Id, inst: &Inst, [x, y, z]: [Id; 3]) -> Result<(), Unfit> {
        let dies = |this: &Self, own: Id, others: [Id; 2]| {
            let own = this.root[own.index()];
            let alone = others.iter().all(|other| this.root[other.index()] != own);
            this.by_lane[own.index()] && this.last[own.index()] == id.index() && alone
        };
        // A factor in the result's register, preferably one that nothing needs any more.
        let (x, y) = if !dies(self, x, [y, z]) && dies(self, y, [x, z]) { (y, x) } else { (x, y) };
        if !dies(self, x, [y, z]) && dies(self, z, [x, y]) {
            let to = self.begun(id, z, &[x, y])?;
            let (mut x, mut y) = (self.operand(x)?, self.operand(y)?);
            if matches!(x, Operand::Shared(..)) {
                std::mem::swap(&mut x, &mut y);
            }
            let x = self.in_register(x, zmm30)?;
            three!(self.a, vfmadd231ps, to, x, y)?;
        } else {
            let to = self.begun(id, x, &[y, z])?;
            match (self.operand(y)?, self.operand(z)?) {
                (Operand::Register(y), z) => three!(self.a, vfmadd213ps, to, y, z)?,
                (Operand::Shared(y, _), z) => {
                    let z = self.in_register(z, zmm30)?;
                    self.a.vfmadd132ps(to, z, y)?;
                }
            }
        }
        self.release(id, inst);
        Ok(())
    }

    fn compare(&mut self, id: Id, inst: &Inst, (op, x, y): (Cmp, Id, Id)) -> Result<(), Unfit> {
        let ty = self.nest.prog.ty(x);
        let (x, y) = (self.operand(x)?, self.operand(y)?);
        let x = self.in_register(x, zmm30)?;
        // Quiet comparisons: false on NaN but for `Ne`.
        let (float, int) = match op {
            Cmp::Eq => (0x00, 0),
            Cmp::Ne => (0x04, 4),
            Cmp::Lt => (0x11, 1),
            Cmp::Le => (0x12, 2),
            Cmp::Gt => (0x1e, 6),
            Cmp::Ge => (0x1d, 5),
        };
        match ty {
            Ty::F32 => three!(self.a, vcmpps, k1, x, y, float)?,
            Ty::I32 => three!(self.a, vpcmpd, k1, x, y, int)?,
            _ => return Err(Unfit),
        }
        self.release(id, inst);
        let to = self.take(id)?;
        self.a.vpternlogd(to.k1().z(), to, to, 0xff)?;
        Ok(())
    }

    fn convert(&mut self, id: Id, inst: &Inst, ty: Ty, x: Id) -> Result<(), Unfit> {
        let from = self.nest.prog.ty(x);
        let x = self.lone(x)?;
        self.release(id, inst);
        let to = self.take(id)?;
        match (from, ty) {
            (Ty::I32 | Ty::U8, Ty::F32) => self.a.vcvtdq2ps(to, x)?,
            (Ty::Bool, Ty::F32 | Ty::I32) => {
                let one = if ty == Ty::F32 { 1f32.to_bits() } else { 1 };
                let one = self.constant(one);
                three!(self.a, vpandd, to, x, one)?;
            }
            _ => return Err(Unfit),
        }
        Ok(())
    }

    fn load(&mut self, id: Id, port: usize, ty: Ty, masked: bool) -> Result<(), Unfit> {
        let to = self.take(id)?;
        let into = if masked { to.k2().z() } else { to };
        let a = &mut self.a;
        a.mov(rax, ptr(rdi + 8 * port as i32))?;
        match ty {
            Ty::F32 | Ty::I32 => a.vmovups(into, zmmword_ptr(rax + rdx * 4))?,
            Ty::U8 | Ty::Bool => a.vpmovzxbd(into, xmmword_ptr(rax + rdx))?,
            Ty::F64 | Ty::I64 => return Err(Unfit),
        }
        if ty == Ty::Bool {
            a.vpxord(zmm31, zmm31, zmm31)?;
            a.vpsubd(to, zmm31, to)?;
        }
        Ok(())
    }

    fn store(&mut self, place: usize, value: Id, ty: Ty, masked: bool) -> Result<(), Unfit> {
        let value = self.operand(value)?;
        let value = self.in_register(value, zmm30)?;
        let one = self.constant(1);
        let a = &mut self.a;
        a.mov(rax, ptr(rdi + 8 * place as i32))?;
        match ty {
            Ty::F32 | Ty::I32 => {
                let to = zmmword_ptr(rax + rdx * 4);
                a.vmovups(if masked { to.k2() } else { to }, value)?;
            }
            Ty::U8 | Ty::Bool => {
                let value = match ty {
                    Ty::Bool => {
                        three!(a, vpandd, zmm31, value, one)?;
                        zmm31
                    }
                    _ => value,
                };
                let to = xmmword_ptr(rax + rdx);
                a.vpmovdb(if masked { to.k2() } else { to }, value)?;
            }
            Ty::F64 | Ty::I64 => return Err(Unfit),
        }
        Ok(())
    }
}

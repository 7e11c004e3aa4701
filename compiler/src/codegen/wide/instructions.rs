//! One instruction of a program on sixteen lanes, and loads and stores.

use super::{Assembler, Operand, Unfit};
use crate::prog::{Bin, Cmp, Id, Inst, Ty, Un};
use iced_x86::code_asm::*;

/// An instruction of three operands, the last in a register or shared.
macro_rules! three {
    ($a:expr, $name:ident, $to:expr, $x:expr, $y:expr $(, $imm:expr)?) => {
        match $y {
            Operand::Register(y) => $a.$name($to, $x, y $(, $imm)?),
            Operand::Shared(y, _) => $a.$name($to, $x, y $(, $imm)?),
        }
    };
}

impl Assembler<'_> {
    pub(super) fn instruction(&mut self, id: Id, inst: &Inst, ty: Ty, masked: bool) -> Result<(), Unfit> {
        match *inst {
            Inst::Port(k) => self.load(id, usize::from(k), ty, masked),
            Inst::Index(_) => {
                let to = self.take(id)?;
                self.a.vpbroadcastd(to, edx)?;
                self.a.vpaddd(to, to, zmmword_ptr(self.numbers))?;
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

    pub(super) fn store(&mut self, place: usize, value: Id, ty: Ty, masked: bool) -> Result<(), Unfit> {
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

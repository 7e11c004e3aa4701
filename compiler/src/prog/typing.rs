//! The typing rule of instructions.

use super::{Bin, Id, Inst, Ty, Un};

/// The type of `inst`, given the types of its operands, or what is wrong with it. A port has no type of its own here.
pub(super) fn type_of(inst: &Inst, ty: impl Fn(Id) -> Ty) -> Result<Ty, String> {
    let same = |a: Id, b: Id| match (ty(a), ty(b)) {
        (s, t) if s == t => Ok(s),
        (s, t) => Err(format!("operands have the types {s} and {t}")),
    };
    let require = |holds: bool, t: Ty| if holds { Ok(t) } else { Err(format!("not defined for {t}")) };
    match *inst {
        Inst::Port(k) => Err(format!("port {k} has no declared type")),
        Inst::Const(t, _) => Ok(t),
        Inst::Index(_) => Ok(Ty::I32),
        Inst::Unary(op, a) => {
            let t = ty(a);
            require(
                match op {
                    Un::Neg => t.is_float() || t.is_int(),
                    Un::Not => t.is_int() || t == Ty::Bool,
                    Un::Abs | Un::Sqrt | Un::Floor | Un::Ceil | Un::Trunc | Un::Nearest => t.is_float(),
                },
                t,
            )
        }
        Inst::Binary(op, a, b) => {
            let t = same(a, b)?;
            require(
                match op {
                    Bin::Add | Bin::Sub | Bin::Mul => t.is_float() || t.is_int(),
                    Bin::Div => t.is_float(),
                    Bin::And | Bin::Or | Bin::Xor => t.is_int() || t == Ty::Bool,
                    Bin::Shl | Bin::ShrU | Bin::ShrS => t.is_int(),
                },
                t,
            )
        }
        Inst::Fma(a, b, c) => {
            same(a, b)?;
            let t = same(b, c)?;
            require(t.is_float(), t)
        }
        Inst::Compare(_, a, b) => {
            let t = same(a, b)?;
            require(t.is_int() || t.is_float(), t)?;
            Ok(Ty::Bool)
        }
        Inst::Select(c, a, b) => {
            if ty(c) != Ty::Bool {
                return Err(format!("the condition has the type {}", ty(c)));
            }
            same(a, b)
        }
        Inst::Convert(to, a) => {
            if to.is_float() || to.is_int() {
                Ok(to)
            } else {
                Err(format!("{} does not convert to {to}", ty(a)))
            }
        }
        Inst::ZeroExtend(a) => {
            require(ty(a) == Ty::I32, ty(a))?;
            Ok(Ty::I64)
        }
        Inst::Bitcast(to, a) => {
            if ty(a).bits_partner() == Some(to) {
                Ok(to)
            } else {
                Err(format!("{} has other bits than {to}", ty(a)))
            }
        }
    }
}

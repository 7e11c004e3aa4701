//! How programs are written: one instruction a line, constants in place in shortest decimal.

use std::fmt;

use super::{Bin, Cmp, Id, Inst, Lane, Prog, Ty, Un};

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ty::F32 => "f32",
            Ty::F64 => "f64",
            Ty::I32 => "i32",
            Ty::I64 => "i64",
            Ty::U8 => "u8",
            Ty::Bool => "bool",
        })
    }
}

impl fmt::Display for Un {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Un::Neg => "neg",
            Un::Abs => "abs",
            Un::Sqrt => "sqrt",
            Un::Floor => "floor",
            Un::Ceil => "ceil",
            Un::Trunc => "trunc",
            Un::Nearest => "nearest",
            Un::Not => "not",
        })
    }
}

impl fmt::Display for Bin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bin::Add => "add",
            Bin::Sub => "sub",
            Bin::Mul => "mul",
            Bin::Div => "div",
            Bin::And => "and",
            Bin::Or => "or",
            Bin::Xor => "xor",
            Bin::Shl => "shl",
            Bin::ShrU => "shr_u",
            Bin::ShrS => "shr_s",
        })
    }
}

impl fmt::Display for Cmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cmp::Eq => "eq",
            Cmp::Ne => "ne",
            Cmp::Lt => "lt",
            Cmp::Le => "le",
            Cmp::Gt => "gt",
            Cmp::Ge => "ge",
        })
    }
}

impl fmt::Display for Lane {
    /// Floats in the shortest decimal that reads back as the same value, with a point or an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lane::F32(v) => write!(f, "{v:?}"),
            Lane::F64(v) => write!(f, "{v:?}"),
            Lane::I32(v) => write!(f, "{v}"),
            Lane::I64(v) => write!(f, "{v}"),
            Lane::U8(v) => write!(f, "{v}"),
            Lane::Bool(v) => write!(f, "{v}"),
        }
    }
}

/// An operand: `%7`, or the constant itself.
struct Operand<'a>(&'a Prog, Id);

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0.inst(self.1) {
            Inst::Const(ty, bits) => Lane::from_bits(ty, bits).fmt(f),
            _ => write!(f, "%{}", self.1.0),
        }
    }
}

impl fmt::Display for Prog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, inst, ty) in self.iter() {
            if matches!(inst, Inst::Const(..)) {
                continue;
            }
            write!(f, "%{}: {ty} = ", id.0)?;
            match inst {
                Inst::Port(k) => write!(f, "port {k}")?,
                Inst::Const(..) => {}
                Inst::Index(d) => write!(f, "index {d}")?,
                Inst::Unary(op, _) => write!(f, "{op}")?,
                Inst::Binary(op, ..) => write!(f, "{op}")?,
                Inst::Fma(..) => f.write_str("fma")?,
                Inst::Compare(op, ..) => write!(f, "{op}")?,
                Inst::Select(..) => f.write_str("select")?,
                Inst::Convert(..) => f.write_str("convert")?,
                Inst::ZeroExtend(_) => f.write_str("zero_extend")?,
                Inst::Bitcast(..) => f.write_str("bits")?,
            }
            for (i, operand) in inst.operands().enumerate() {
                write!(f, "{} {}", if i == 0 { "" } else { "," }, Operand(self, operand))?;
            }
            writeln!(f)?;
        }
        f.write_str("out")?;
        for (i, id) in self.outs().iter().enumerate() {
            write!(f, "{} {}", if i == 0 { "" } else { "," }, Operand(self, *id))?;
        }
        writeln!(f)
    }
}

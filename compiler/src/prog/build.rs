//! Makes programs: interning, exact simplification, dead code.
//!
//! Only rewrites that keep every bit happen here (`x·1`, `x/1`, `−(−x)`, integer identities, a select with a known or
//! pointless condition, and operations on constants, folded by the interpreter). A breach of the typing rule panics: programs
//! are written by the operation table and by passes, never by a user's text, so it is a bug of this crate.

use std::cell::RefCell;
use std::collections::HashMap;

use super::{Bin, Cmp, E, Id, Inst, Lane, Prog, Ty, Un, interp, typing};

/// A program under construction. Values are handled as [`E`], which refers to its builder.
#[derive(Debug, Default)]
pub struct Builder {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    insts: Vec<Inst>,
    tys: Vec<Ty>,
    known: HashMap<Inst, Id>,
}

impl Builder {
    /// An empty program.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// The element of input port `k`, which has the type `ty`.
    ///
    /// # Panics
    /// If the port was used at another type before.
    pub fn port(&self, k: u16, ty: Ty) -> E<'_> {
        let e = self.insert_typed(Inst::Port(k), ty);
        assert!(e.ty() == ty, "port {k} has the type {}, not {ty}", e.ty());
        e
    }

    /// The coordinate along loop axis `d`, an `I32`.
    pub fn index(&self, d: u8) -> E<'_> {
        self.insert(Inst::Index(d))
    }

    /// A constant.
    pub fn constant(&self, value: Lane) -> E<'_> {
        self.insert(Inst::Const(value.ty(), value.to_bits()))
    }

    /// The float constant `value`, rounded to `ty`.
    ///
    /// # Panics
    /// If `ty` is no float type.
    pub fn f(&self, ty: Ty, value: f64) -> E<'_> {
        match ty {
            Ty::F32 => self.constant(Lane::F32(value as f32)),
            Ty::F64 => self.constant(Lane::F64(value)),
            _ => panic!("a float constant cannot have the type {ty}"),
        }
    }

    /// The integer constant `value`; for `I32` any value that fits as signed or as unsigned.
    ///
    /// # Panics
    /// If `ty` is no integer type, or `value` does not fit.
    pub fn int(&self, ty: Ty, value: i64) -> E<'_> {
        match ty {
            Ty::I32 => {
                assert!(
                    i32::try_from(value).is_ok() || u32::try_from(value).is_ok(),
                    "the constant {value} does not fit i32"
                );
                self.constant(Lane::I32(value as i32))
            }
            Ty::I64 => self.constant(Lane::I64(value)),
            _ => panic!("an integer constant cannot have the type {ty}"),
        }
    }

    /// The truth value `value`.
    pub fn truth(&self, value: bool) -> E<'_> {
        self.constant(Lane::Bool(value))
    }

    /// Splices `prog` in: its ports and indices become the given values of this program. Returns its outputs.
    ///
    /// # Panics
    /// If an argument is missing or has another type than its use in `prog`.
    pub fn inline<'p>(&'p self, prog: &Prog, ports: &[E<'p>], index: &[E<'p>]) -> Vec<E<'p>> {
        let mut values: Vec<Id> = Vec::with_capacity(prog.insts.len());
        for (_, inst, ty) in prog.iter() {
            let argument = match *inst {
                Inst::Port(k) => Some(ports.get(usize::from(k))),
                Inst::Index(d) => Some(index.get(usize::from(d))),
                _ => None,
            };
            let value = match argument {
                Some(Some(e)) => *e,
                Some(None) => panic!("no argument for {inst:?} of the inlined program"),
                None => self.insert(inst.map_operands(|id| values[id.index()])),
            };
            assert!(value.ty() == ty, "{inst:?} of the inlined program has the type {ty}, its argument {}", value.ty());
            values.push(value.id());
        }
        prog.outs.iter().map(|id| E::new(self, values[id.index()])).collect()
    }

    /// The program with these outputs, without instructions that none of them needs.
    pub fn finish(self, outs: &[Id]) -> Prog {
        let State { insts, tys, .. } = self.state.into_inner();
        let mut needed = vec![false; insts.len()];
        outs.iter().for_each(|id| needed[id.index()] = true);
        for i in (0..insts.len()).rev() {
            if needed[i] {
                insts[i].operands().for_each(|id| needed[id.index()] = true);
            }
        }
        let mut renamed = vec![Id(0); insts.len()];
        let mut prog = Prog { insts: Vec::new(), tys: Vec::new(), outs: Vec::new() };
        for (i, inst) in insts.iter().enumerate().filter(|(i, _)| needed[*i]) {
            renamed[i] = Id(prog.insts.len() as u32);
            prog.insts.push(inst.map_operands(|id| renamed[id.index()]));
            prog.tys.push(tys[i]);
        }
        prog.outs = outs.iter().map(|id| renamed[id.index()]).collect();
        prog
    }

    pub(super) fn ty(&self, id: Id) -> Ty {
        self.state.borrow().tys[id.index()]
    }

    /// The value of `inst`: an existing equal instruction, a simpler one, or a new one.
    pub(super) fn insert(&self, inst: Inst) -> E<'_> {
        let inst = self.ordered(inst);
        let ty = typing::type_of(&inst, |id| self.ty(id)).unwrap_or_else(|why| panic!("ill-typed {inst:?}: {why}"));
        match self.simplified(&inst, ty) {
            Some(e) => e,
            None => self.insert_typed(inst, ty),
        }
    }

    fn insert_typed(&self, inst: Inst, ty: Ty) -> E<'_> {
        let mut state = self.state.borrow_mut();
        let next = state.insts.len();
        let id = match state.known.get(&inst) {
            Some(&id) => id,
            None => {
                let id = Id(u32::try_from(next).unwrap_or_else(|_| panic!("a program of 2^32 instructions")));
                state.known.insert(inst, id);
                state.insts.push(inst);
                state.tys.push(ty);
                id
            }
        };
        E::new(self, id)
    }

    /// Operands of commuting operations in one order, so that a+b and b+a are one instruction. The first factor of a fused
    /// multiply-add is the younger one and no constant: x86 overwrites it, and it is the likelier to be dead by then.
    fn ordered(&self, inst: Inst) -> Inst {
        match inst {
            Inst::Binary(op, a, b) if op.commutes() && b < a => Inst::Binary(op, b, a),
            Inst::Compare(op @ (Cmp::Eq | Cmp::Ne), a, b) if b < a => Inst::Compare(op, b, a),
            Inst::Fma(a, b, c) if self.later(b, a) => Inst::Fma(b, a, c),
            other => other,
        }
    }

    /// Whether `a` goes before `b` as a factor: values before constants, the younger before the older.
    fn later(&self, a: Id, b: Id) -> bool {
        (self.constant_of(a).is_none(), a) > (self.constant_of(b).is_none(), b)
    }

    fn get(&self, id: Id) -> Inst {
        self.state.borrow().insts[id.index()]
    }

    fn constant_of(&self, id: Id) -> Option<Lane> {
        match self.get(id) {
            Inst::Const(ty, bits) => Some(Lane::from_bits(ty, bits)),
            _ => None,
        }
    }

    /// A value with the same bits as `inst` that needs no new instruction, or fewer.
    fn simplified(&self, inst: &Inst, ty: Ty) -> Option<E<'_>> {
        let value = |id| Some(E::new(self, id));
        let constants: Option<Vec<Lane>> = inst.operands().map(|id| self.constant_of(id)).collect();
        if let Some(constants) = constants
            && !constants.is_empty()
        {
            return Some(self.constant(interp::fold(inst, ty, &constants)));
        }
        match *inst {
            Inst::Unary(op @ (Un::Neg | Un::Not), a) => match self.get(a) {
                Inst::Unary(inner, b) if inner == op => value(b),
                _ => None,
            },
            Inst::Binary(Bin::Mul, a, b) if self.is_number(b, 1) => value(a),
            Inst::Binary(Bin::Mul, a, b) if self.is_number(a, 1) => value(b),
            Inst::Binary(Bin::Div, a, b) if self.is_number(b, 1) => value(a),
            Inst::Binary(Bin::Sub | Bin::Shl | Bin::ShrU | Bin::ShrS, a, b) if ty.is_int() && self.is_number(b, 0) => {
                value(a)
            }
            Inst::Binary(Bin::Add | Bin::Or | Bin::Xor, a, b) if ty.is_int() && self.is_number(b, 0) => value(a),
            Inst::Binary(Bin::Add | Bin::Or | Bin::Xor, a, b) if ty.is_int() && self.is_number(a, 0) => value(b),
            Inst::Binary(Bin::And | Bin::Or, a, b) if a == b => value(a),
            Inst::Select(_, a, b) if a == b => value(a),
            Inst::Select(c, a, b) => match self.constant_of(c) {
                Some(Lane::Bool(holds)) => value(if holds { a } else { b }),
                _ => None,
            },
            Inst::Convert(to, a) if to == self.ty(a) => value(a),
            Inst::Bitcast(to, a) => match self.get(a) {
                Inst::Bitcast(_, b) if self.ty(b) == to => value(b),
                _ => None,
            },
            _ => None,
        }
    }

    fn is_number(&self, id: Id, number: i8) -> bool {
        match self.constant_of(id) {
            // 0 is only asked of integers, so the sign of a float zero does not matter.
            Some(Lane::F32(v)) => v == f32::from(number),
            Some(Lane::F64(v)) => v == f64::from(number),
            Some(Lane::I32(v)) => v == i32::from(number),
            Some(Lane::I64(v)) => v == i64::from(number),
            Some(Lane::U8(_) | Lane::Bool(_)) | None => false,
        }
    }
}

//! The program of one element of a group: rows' meanings joined, movements followed to storage as strided ports.

use super::loops::Place;
use super::lower::Lowering;
use crate::ir::attrs::{Attrs, Const};
use crate::ir::graph::NodeId;
use crate::ir::op::{Meaning, ScalarArgs};
use crate::ops::logic::scalar_type;
use crate::passes::fuse::Class;
use crate::passes::fuse::access::{Access, coordinates};
use crate::prog::{Builder, E, Lane, Ty};
use std::collections::HashMap;

impl Lowering<'_> {
    /// The element of a value at the place that `access` gives over the iteration space.
    pub(super) fn read<'p>(
        &mut self,
        p: &'p Builder,
        body: &mut Body,
        made: &[(NodeId, E<'p>)],
        access: &Access,
    ) -> Result<E<'p>, String> {
        let root = access.root;
        let node = self.graph.node(root);
        if let Some((_, value)) = made.iter().find(|m| m.0 == root)
            && access.is_dense(&body.shape)
            && self.shape(root) == body.shape
        {
            return Ok(*value);
        }
        match (self.fusion.class[root.0 as usize], &node.attrs) {
            (Class::Const, Attrs::Const(c, _)) => Ok(constant(p, *c)),
            (Class::Trivial, _) => self.compute(p, body, made, root, access),
            _ => {
                let place = Place {
                    buffer: self.held(root)?,
                    ty: self.ty(root),
                    offset: access.offset,
                    strides: access.strides.clone(),
                };
                let k = body.port(place);
                Ok(p.port(k, self.ty(root)))
            }
        }
    }

    /// The element of an elementwise node at the place that `at` gives over the iteration space.
    pub(super) fn compute<'p>(
        &mut self,
        p: &'p Builder,
        body: &mut Body,
        made: &[(NodeId, E<'p>)],
        id: NodeId,
        at: &Access,
    ) -> Result<E<'p>, String> {
        let node = self.graph.node(id);
        let Meaning::Scalar(build) = node.op.meaning else {
            return Err(format!("%{} `{}` has no scalar meaning", id.0, node.op.name));
        };
        let mut args = Vec::with_capacity(node.operands.len());
        for v in &node.operands {
            let operand = &self.fusion.access[v.node.0 as usize];
            let everywhere = |offset| Access { root: operand.root, offset, strides: vec![0; body.shape.len()] };
            let inner = match operand.through(at.offset, &at.strides, &body.shape, self.shape(v.node)) {
                // Operands of another shape are scalars, the same at every place.
                _ if self.shape(v.node).is_empty() => everywhere(operand.offset),
                Some(inner) => inner,
                None if self.fusion.class[operand.root.0 as usize] == Class::Const => everywhere(0),
                None => return Err(format!("%{} is not found by affine coordinates", v.node.0)),
            };
            args.push(self.read(p, body, made, &inner)?);
        }
        let index = coordinates(at.offset, &at.strides, &body.shape, self.shape(id)).unwrap_or_default();
        let index: Vec<E<'p>> = index
            .iter()
            .map(|axis| {
                let mut sum = p.int(Ty::I32, axis.start as i64);
                for (d, step) in axis.steps.iter().enumerate().filter(|s| *s.1 != 0) {
                    sum = sum + p.index(d as u8) * p.int(Ty::I32, *step as i64);
                }
                sum
            })
            .collect();
        Ok(build(&ScalarArgs { p, args: &args, attrs: &node.attrs, ty: &node.types[0], index: &index }))
    }
}

fn constant(p: &Builder, c: Const) -> E<'_> {
    p.constant(Lane::from_bits(scalar_type(c.dtype()), c.bits()))
}

/// The ports of a loop while its program is built.
pub(super) struct Body {
    shape: Vec<usize>,
    pub(super) ports: Vec<Place>,
    known: HashMap<Place, u16>,
}

impl Body {
    pub(super) fn new(shape: Vec<usize>) -> Body {
        Body { shape, ports: vec![], known: HashMap::new() }
    }

    pub(super) fn port(&mut self, place: Place) -> u16 {
        *self.known.entry(place).or_insert_with_key(|place| {
            self.ports.push(place.clone());
            self.ports.len() as u16 - 1
        })
    }
}

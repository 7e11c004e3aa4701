//! Products of a loop whose right operand is the same for all turns: a recurrent cell's. It is copied once, before the loop, into
//! panels that tile kernels read one behind the other; otherwise every turn would copy it, or find its rows far apart.

use super::kernels::{Home, Kernel, Product, ProductShape, Stage};
use super::loops::{BufferId, Place};
use super::lower::Lowering;
use super::product;
use crate::ir::graph::NodeId;
use crate::ops::movement::row_major;
use crate::passes::fuse::access::Access;
use nnc_runtime::kernels::product::{COLUMN_UNIT, FAR_ROWS, Walk};

/// Columns of a panel: as many as no product divides among its parts.
const PANEL: usize = COLUMN_UNIT;

impl Lowering<'_> {
    /// Adds the copies that go before a loop with these stages, and makes the products read them; gives the copies. `given` are
    /// the buffers that no turn changes.
    pub(super) fn pack_invariant(&mut self, loop_: NodeId, stages: &mut [Stage], given: &[BufferId]) -> Vec<BufferId> {
        let mut packed: Vec<(Product, BufferId)> = vec![];
        for stage in stages {
            let Kernel::Product(product) = &mut stage.kernel else { continue };
            if !given.contains(&product.b.0) || !gains(&product.shape) {
                continue;
            }
            let same = |p: &Product| p.b == product.b && p.shape.b == product.shape.b && p.shape.k == product.shape.k;
            let known = packed.iter().find(|(p, _)| same(p) && p.shape.n == product.shape.n).map(|known| known.1);
            let buffer = known.unwrap_or_else(|| {
                let buffer = self.panels(loop_, product);
                packed.push((product.clone(), buffer));
                buffer
            });
            read_panels(product, buffer);
            product.scratch = product::scratch(self, product.ty, &product.shape);
        }
        packed.into_iter().map(|(_, buffer)| buffer).collect()
    }

    /// Copies the right operand of a product into panels: `[n / PANEL, k, PANEL]`.
    fn panels(&mut self, loop_: NodeId, product: &Product) -> BufferId {
        let shape = [product.shape.n / PANEL, product.shape.k, PANEL];
        let bytes = shape.iter().product::<usize>() * product.ty.bytes();
        let buffer = self.buffer(Home::Arena, bytes, format!("panels of a product of %{}", loop_.0));
        let [_, (down, _), (across, _)] = product.shape.b;
        let from = Access { root: loop_, offset: product.b.1, strides: vec![across * PANEL as isize, down, across] };
        let to = Place { buffer, ty: product.ty, offset: 0, strides: row_major(&shape) };
        self.copy_from(product.b.0, &from, product.ty, &shape, to);
        buffer
    }
}

/// Whether a product gains from panels and can be one product a panel.
fn gains(shape: &ProductShape) -> bool {
    let [_, (down, downs), (across, acrosses)] = shape.b;
    let even = downs.is_even() && acrosses.is_even();
    even && shape.batch == 1 && shape.n.is_multiple_of(PANEL) && (across != 1 || down.unsigned_abs() >= FAR_ROWS)
}

/// Makes a product a batch of products, one a panel. Each result stays the chain that it was.
fn read_panels(product: &mut Product, buffer: BufferId) {
    product.b = (buffer, 0);
    let shape = &mut product.shape;
    let even = |stride: usize| (stride as isize, Walk::EVEN);
    shape.batch = shape.n / PANEL;
    shape.n = PANEL;
    shape.a[0] = even(0);
    shape.b = [even(shape.k * PANEL), even(PANEL), even(1)];
    shape.c[0] = PANEL as isize;
}

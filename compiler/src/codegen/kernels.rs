//! The stages of a step: loop nests, trees of partial results, products, the check of the guarded value, and turns of stages,
//! over named buffers.

use super::loops::{BufferId, Loop, Tree};
use crate::ir::op::Routine;
use crate::prog::Ty;
use nnc_runtime::kernels::product::{KSplit, ProductDesc, Walk};
use nnc_runtime::kernels::routine::RoutineDesc;

/// Where a buffer lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Home {
    /// In the step's working memory.
    Arena,
    /// A state by number.
    State(u32),
    /// A field of the batch by number.
    Input(u32),
    /// The seed of the run.
    Seed,
    /// The steps taken.
    Step,
    /// Beside the code, by the number of the constant.
    Table(usize),
    /// The part of a stack that belongs to the position of a loop.
    Element {
        /// The stack.
        stack: BufferId,
        /// Bytes from a position to the next.
        stride: usize,
        /// Where the position is kept.
        position: BufferId,
    },
}

/// Memory that stages read and write.
#[derive(Debug, Clone)]
pub struct Buffer {
    /// Where.
    pub home: Home,
    /// How much.
    pub bytes: usize,
    /// The node, or what it is for.
    pub name: String,
}

/// A dense product, or a batch of them.
#[derive(Debug, Clone)]
pub struct Product {
    /// `F32` or `F64`.
    pub ty: Ty,
    /// Left operand and its first element.
    pub a: (BufferId, isize),
    /// Right operand and its first element.
    pub b: (BufferId, isize),
    /// Result.
    pub c: BufferId,
    /// Working memory of the kernel, if it needs any.
    pub scratch: Option<BufferId>,
    /// Sizes and strides.
    pub shape: Box<ProductShape>,
}

/// The plain numbers of a [`ProductDesc`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProductShape {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Length of the contraction.
    pub k: usize,
    /// How many products.
    pub batch: usize,
    /// A by batch, row, contraction: the stride of each and the walk around it.
    pub a: [(isize, Walk); 3],
    /// B by batch, contraction, column.
    pub b: [(isize, Walk); 3],
    /// Strides of C by batch and row.
    pub c: [isize; 2],
    /// Where the contraction is cut.
    pub split: KSplit,
}

impl ProductShape {
    /// The descriptor that kernels take; the rows of C are contiguous, and there is no epilogue.
    pub fn desc(&self) -> ProductDesc {
        ProductDesc {
            m: self.m,
            n: self.n,
            k: self.k,
            a_rs: self.a[1].0,
            a_cs: self.a[2].0,
            b_rs: self.b[1].0,
            b_cs: self.b[2].0,
            c_rs: self.c[1],
            split: self.split,
            batch: self.batch,
            a_bs: self.a[0].0,
            b_bs: self.b[0].0,
            c_bs: self.c[0],
            a_rows: self.a[1].1,
            a_ks: self.a[2].1,
            b_ks: self.b[1].1,
            b_cols: self.b[2].1,
            a_batch: self.a[0].1,
            b_batch: self.b[0].1,
            epilogue: None,
            epilogue_ctx: std::ptr::null_mut(),
        }
    }
}

/// A routine of the runtime on rows.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which.
    pub routine: Routine,
    /// Bytes of an element.
    pub bytes: usize,
    /// The rows and the first element.
    pub a: (BufferId, isize),
    /// What a routine of two operands reads besides, and its first element.
    pub b: Option<(BufferId, isize)>,
    /// Result.
    pub c: BufferId,
    /// Sizes, strides and parts.
    pub desc: RoutineDesc,
}

impl Call {
    /// Nanoseconds that one thread takes, roughly.
    fn cost(&self) -> f64 {
        let elements = self.desc.elements(self.routine) as f64;
        let each = match self.routine {
            Routine::Gather | Routine::ScatterAdd => 0.2,
            Routine::CumSum | Routine::Recurrence => 0.8,
            Routine::ArgSort => 3.0 * (self.desc.size.max(2) as f64).log2(),
        };
        elements * each + (self.desc.outer * self.desc.count) as f64
    }
}

/// What a stage does.
#[derive(Debug, Clone)]
pub enum Kernel {
    /// A loop nest.
    Loop(Loop),
    /// Joins the blocks of a reduction.
    Tree(Tree),
    /// A product by the tile kernels.
    Product(Product),
    /// A routine on rows.
    Call(Call),
    /// Returns from the step unless the float at the start of the buffer is finite.
    Guard(BufferId, Ty),
    /// Stages that run once for each position.
    Turns(Turns),
}

/// A loop over positions.
#[derive(Debug, Clone)]
pub struct Turns {
    /// How many.
    pub count: usize,
    /// Whether from the last to the first.
    pub reversed: bool,
    /// Where the position is kept, an i64.
    pub position: BufferId,
    /// What a turn does.
    pub stages: Vec<Stage>,
    /// What turns share with what is around them: carries, stacks, what is the same for all.
    pub shared: Vec<BufferId>,
}

/// A stage: one function of the code, run in parts.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The group it belongs to, by its place in the order of the step.
    pub group: usize,
    /// What it does.
    pub kernel: Kernel,
}

/// The stages that are functions or checks, those of turns in their place, in order.
pub fn leaves(stages: &[Stage]) -> Vec<&Stage> {
    let mut out = vec![];
    for stage in stages {
        match &stage.kernel {
            Kernel::Turns(turns) => out.extend(leaves(&turns.stages)),
            _ => out.push(stage),
        }
    }
    out
}

impl Kernel {
    /// The buffers read and those written.
    pub fn buffers(&self) -> (Vec<BufferId>, Vec<BufferId>) {
        match self {
            Kernel::Loop(l) => (
                l.ports.iter().map(|p| p.buffer).collect(),
                l.stores.iter().map(|s| s.1.buffer).chain(l.reductions.iter().map(|r| r.to.buffer)).collect(),
            ),
            Kernel::Tree(t) => (vec![t.from], vec![t.from, t.to]),
            Kernel::Product(p) => (vec![p.a.0, p.b.0], p.scratch.into_iter().chain([p.c]).collect()),
            Kernel::Call(c) => ([c.a.0].into_iter().chain(c.b.map(|b| b.0)).collect(), vec![c.c]),
            Kernel::Guard(b, _) => (vec![*b], vec![]),
            Kernel::Turns(t) => (t.shared.clone(), vec![t.position]),
        }
    }

    /// Parts that threads share; the guard is no region.
    pub fn parts(&self) -> u32 {
        match self {
            Kernel::Loop(l) => l.parts(),
            Kernel::Tree(t) => t.parts(),
            Kernel::Product(p) => nnc_runtime::kernels::product::parts(&p.shape.desc()),
            Kernel::Call(c) => c.desc.parts(c.routine),
            Kernel::Guard(..) => 0,
            Kernel::Turns(t) => t.stages.iter().map(|s| s.kernel.parts()).max().unwrap_or(0),
        }
    }

    /// Nanoseconds that one thread takes, roughly.
    pub fn cost(&self) -> f64 {
        match self {
            Kernel::Loop(l) => l.cost(),
            Kernel::Tree(t) => t.cost(),
            // Tile kernels come near the peak of two 256-bit units: some 90 operations a nanosecond in f32, half in f64.
            Kernel::Product(p) => self.flops() / if p.ty == Ty::F64 { 45.0 } else { 90.0 },
            Kernel::Call(c) => c.cost(),
            Kernel::Guard(..) => 0.0,
            Kernel::Turns(t) => t.count as f64 * t.stages.iter().map(|s| s.kernel.cost()).sum::<f64>(),
        }
    }

    /// Floating-point and integer operations, a fused multiply-add counted as two.
    pub fn flops(&self) -> f64 {
        match self {
            Kernel::Loop(l) => {
                use crate::prog::Inst;
                let ops = l.prog.insts().iter().map(|inst| match inst {
                    Inst::Unary(..) | Inst::Binary(..) | Inst::Compare(..) | Inst::Select(..) | Inst::Convert(..) => {
                        1.0
                    }
                    Inst::Fma(..) => 2.0,
                    _ => 0.0,
                });
                l.elements() as f64 * (ops.sum::<f64>() + l.reductions.len() as f64)
            }
            Kernel::Tree(t) => (t.columns * (t.blocks - 1)) as f64,
            Kernel::Product(p) => 2.0 * (p.shape.m * p.shape.n) as f64 * (p.shape.k * p.shape.batch) as f64,
            Kernel::Call(c) => match c.routine {
                Routine::Gather | Routine::ArgSort => 0.0,
                Routine::ScatterAdd | Routine::CumSum => c.desc.elements(c.routine) as f64,
                Routine::Recurrence => 2.0 * c.desc.elements(c.routine) as f64,
            },
            Kernel::Guard(..) => 0.0,
            Kernel::Turns(t) => t.count as f64 * t.stages.iter().map(|s| s.kernel.flops()).sum::<f64>(),
        }
    }

    /// Whether it has nothing to do.
    pub fn is_empty(&self) -> bool {
        match self {
            Kernel::Loop(l) => l.units() == 0 || (l.elements() == 0 && l.reductions.is_empty()),
            Kernel::Tree(t) => t.columns == 0,
            Kernel::Product(p) => p.shape.m * p.shape.n * p.shape.batch == 0,
            Kernel::Call(c) => c.desc.parts(c.routine) == 0,
            Kernel::Guard(..) => false,
            Kernel::Turns(t) => t.count == 0 || t.stages.is_empty(),
        }
    }
}

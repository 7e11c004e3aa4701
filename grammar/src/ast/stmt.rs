//! Blocks and their statements.

use super::{Expr, Name, Rearrange, TypeExpr};
use crate::span::Span;

/// `{ … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The statements; a block's value is its last one if that is an expression.
    pub stmts: Vec<Stmt>,
    /// With the braces.
    pub span: Span,
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// From its first to its last token.
    pub span: Span,
}

/// What a binding binds.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The name.
    pub name: Name,
    /// Its annotation.
    pub ty: Option<TypeExpr>,
}

/// The kinds of statements.
#[derive(Debug, Clone, PartialEq)]
pub enum StmtKind {
    /// `name = e`, `name: type = e`, `a, b = e`, `sample = e as png(grid = 8)`
    Bind {
        /// One or more names.
        targets: Vec<Target>,
        /// The value.
        value: Expr,
        /// The form of an output.
        form: Option<Expr>,
    },
    /// `name: e`
    Setting {
        /// Its name.
        name: Name,
        /// Its value.
        value: Expr,
    },
    /// `param w: [n, units] = glorot_uniform() if bias as torch weight`
    Param {
        /// Its name.
        name: Name,
        /// Its type.
        ty: TypeExpr,
        /// Its initial value.
        init: Expr,
        /// The condition under which it exists.
        condition: Option<Expr>,
        /// How another system keeps it.
        layout: Option<Layout>,
    },
    /// `state m: [..] = zeros()`
    State {
        /// Its name.
        name: Name,
        /// Its type.
        ty: TypeExpr,
        /// Its initial value.
        init: Expr,
        /// How another system keeps it.
        layout: Option<Layout>,
    },
    /// `var h: [..] = e`: what a `repeat` carries.
    Var {
        /// The name and its annotation.
        target: Target,
        /// Its first value.
        value: Expr,
    },
    /// `update m = e`
    Update {
        /// The state.
        name: Name,
        /// Its new value.
        value: Expr,
    },
    /// `loss = e`, `loss d = e`
    Loss {
        /// Its name; `loss` when none is given.
        name: Option<Name>,
        /// The scalar.
        value: Expr,
        /// `, weight = e`: how much a batch counts over a pass.
        weight: Option<Expr>,
    },
    /// `metric accuracy(logits, digit)`, `metric top = accuracy(…)`
    Metric {
        /// Its name; the called definition's when none is given.
        name: Option<Name>,
        /// The call.
        value: Expr,
        /// As of a loss.
        weight: Option<Expr>,
    },
    /// `optimize SEL, … [if rank >= 2] [on LOSS] with OPT`
    Optimize {
        /// What is optimised.
        selectors: Vec<Selector>,
        /// A condition on each parameter.
        condition: Option<Expr>,
        /// The loss meant.
        on: Option<Name>,
        /// The optimizer.
        with: Expr,
    },
    /// `freeze SEL, …`
    Freeze {
        /// What is frozen.
        selectors: Vec<Selector>,
    },
    /// `keep highest valid.accuracy`
    Keep {
        /// Highest rather than lowest.
        highest: bool,
        /// The figure: `valid.accuracy`.
        figure: Vec<Name>,
    },
    /// `stop after 3 epochs without lower valid.loss`
    Stop {
        /// How many epochs.
        patience: Expr,
        /// `higher` rather than `lower`.
        higher: bool,
        /// The figure.
        figure: Vec<Name>,
    },
    /// `then`: the next phase begins.
    Then,
    /// `every k steps { … }`
    Every {
        /// The cadence.
        steps: Expr,
        /// What happens then.
        body: Block,
    },
    /// `init Encoder from "pretrained.safetensors" as torch("net.3")`
    Init {
        /// What is initialised.
        target: Selector,
        /// The file.
        from: Expr,
        /// The system whose names and shapes the file has, with what it calls the part that is initialised.
        layout: Option<Expr>,
    },
    /// `assert c % 8 == 0 : "…"`
    Assert {
        /// What must hold.
        condition: Expr,
        /// What is said otherwise.
        message: Option<Expr>,
    },
    /// `fit m = mean(area)`: a statistic of the training rows.
    Fit {
        /// Its name.
        name: Name,
        /// Its value.
        value: Expr,
    },
    /// `name given as torch("in_proj_*")`
    Called {
        /// The layer, by its step.
        part: Name,
        /// The system, with what it calls it.
        form: Expr,
    },
    /// `yield h`
    Yield(Expr),
    /// The value of the block.
    Expr(Expr),
    /// A statement that could not be parsed; the names it would have bound.
    Invalid(Vec<Name>),
}

/// How another system keeps a parameter or a state: `as torch weight [i, o] -> [o, i]`,
/// `as torch bias_ih_l0 + bias_hh_l0[0..2 * units]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The system.
    pub system: Name,
    /// The tensors that it is the sum of.
    pub parts: Vec<LayoutPart>,
    /// Where its axes stand there; as here when absent.
    pub axes: Option<Rearrange>,
    /// With the `as`.
    pub span: Span,
}

/// A tensor of a [`Layout`], or places of its first axis.
#[derive(Debug, Clone, PartialEq)]
pub struct LayoutPart {
    /// Its name.
    pub name: Name,
    /// From which place to before which.
    pub range: Option<(Expr, Expr)>,
}

/// A set of parameters by path: `Mlp`, `Encoder.trunk`, `Mlp.*.b`, `rest`.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// The steps of the path.
    pub steps: Vec<SelectorStep>,
    /// Its place.
    pub span: Span,
}

/// One step of a [`Selector`].
#[derive(Debug, Clone, PartialEq)]
pub enum SelectorStep {
    /// A name.
    Name(Name),
    /// `name[2]`, `name[2][0]`: one turn of each `repeat` around, the outermost first.
    Turn(Name, Vec<u32>),
    /// `*`: any one step.
    Any,
    /// `**`: any number of steps.
    Deep,
}

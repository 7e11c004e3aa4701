//! The syntax tree: what was written, nothing more. Every node keeps its span; a part that could not be parsed is an
//! `Invalid` node whose names still exist, so that later stages stay silent about it.

use crate::span::{SourceId, Span};

/// An identifier and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The identifier.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// A whole source.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// The source parsed.
    pub source: SourceId,
    /// `nn 1` at the head, if written.
    pub version: Option<(u32, Span)>,
    /// The items in order.
    pub items: Vec<Item>,
}

/// One top-level thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The text of the `///` lines before it, without the slashes.
    pub doc: Option<String>,
    /// From its first to its last token.
    pub span: Span,
    /// What it is.
    pub kind: ItemKind,
}

/// The kinds of items.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemKind {
    /// `use "file.nn" { A, B }`
    Use {
        /// The path, as written between the quotes.
        path: String,
        /// Its place.
        path_span: Span,
        /// The names taken from it.
        names: Vec<Name>,
    },
    /// `width = 64`
    Const {
        /// Its name.
        name: Name,
        /// Its value.
        value: Expr,
    },
    /// `option lr = 0.01 in log(1e-4, 1e-1)`
    Option {
        /// Its name, as `--set` says it.
        name: Name,
        /// The value when it is not set.
        value: Expr,
        /// The range for a search.
        range: Option<Expr>,
    },
    /// `precision: f64`
    Setting {
        /// Its name.
        name: Name,
        /// Its value.
        value: Expr,
    },
    /// `fn`, `layer`, `model`, `loss`, `metric`, `optimizer`, `schedule`, `initializer`
    Def(Def),
    /// `data Name { … }`
    Data {
        /// Its name.
        name: Name,
        /// Settings and typed fields.
        body: Block,
    },
    /// `train on A, B { … }`
    Train {
        /// Its name, if it has one.
        name: Option<Name>,
        /// The data blocks; the first ends the epoch.
        on: Vec<Name>,
        /// Settings, bindings, losses, metrics, optimize lines.
        body: Block,
    },
    /// `predict Name(prompt: text) on Data { … }`
    Predict {
        /// Its name, if it has one.
        name: Option<Name>,
        /// Arguments from the command line.
        inputs: Vec<Param>,
        /// The data block it reads.
        on: Option<Name>,
        /// Bindings; those that no line uses are the outputs.
        body: Block,
    },
    /// An item that could not be parsed; the name it would have declared.
    Invalid(Option<Name>),
}

/// Which kind of definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DefKind {
    /// `fn`
    Fn,
    /// `layer`
    Layer,
    /// `model`
    Model,
    /// `loss`
    Loss,
    /// `metric`
    Metric,
    /// `optimizer`
    Optimizer,
    /// `schedule`
    Schedule,
    /// `initializer`
    Initializer,
}

impl DefKind {
    /// The keyword.
    pub fn keyword(self) -> &'static str {
        match self {
            DefKind::Fn => "fn",
            DefKind::Layer => "layer",
            DefKind::Model => "model",
            DefKind::Loss => "loss",
            DefKind::Metric => "metric",
            DefKind::Optimizer => "optimizer",
            DefKind::Schedule => "schedule",
            DefKind::Initializer => "initializer",
        }
    }
}

/// A definition: `layer Dense(units: int)(x: [.., n]) -> [.., units] { … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Def {
    /// Which kind.
    pub kind: DefKind,
    /// Its name.
    pub name: Name,
    /// The first list when there are two: what makes an instance.
    pub settings: Vec<Param>,
    /// The last (or only) list: what it is applied to.
    pub inputs: Vec<Param>,
    /// Whether two lists were written.
    pub two_lists: bool,
    /// The declared result.
    pub result: Option<TypeExpr>,
    /// The body.
    pub body: Block,
}

/// A parameter of a definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Whether `over` stands before it: an axis argument given as `over = …`.
    pub over: bool,
    /// Its type; the `shape` of an initializer has none.
    pub ty: Option<TypeExpr>,
    /// Its default.
    pub default: Option<Expr>,
    /// From its first to its last token.
    pub span: Span,
}

/// A type.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeExpr {
    /// What it is.
    pub kind: TypeKind,
    /// Its place.
    pub span: Span,
}

/// The kinds of types.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeKind {
    /// `[batch, height = 28]`, `index(10)[batch]`, `bool[..]`; without an element type it is float.
    Tensor {
        /// `index(10)`, `bool`, `int`.
        element: Option<Element>,
        /// The axes.
        dims: Vec<Dim>,
    },
    /// `int`, `bool`, `float`, `rate`, `axis`, `layer`, `fn`, `initializer`, `text`, `index(time)`.
    Scalar(Element),
    /// `same | valid`
    Choice(Vec<Name>),
    /// `([..], [..])`
    Tuple(Vec<TypeExpr>),
}

/// An element or scalar type: a name, with a size for `index`.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// `index`, `bool`, `int`, `float`, …
    pub name: Name,
    /// The number of classes of `index(n)`.
    pub size: Option<Box<Expr>>,
}

/// One axis of a tensor type.
#[derive(Debug, Clone, PartialEq)]
pub struct Dim {
    /// What it is.
    pub kind: DimKind,
    /// Its place.
    pub span: Span,
}

/// The kinds of axes in a tensor type.
#[derive(Debug, Clone, PartialEq)]
pub enum DimKind {
    /// `..` or `..a`
    Rest(Option<Name>),
    /// `batch`: a name that binds or must agree.
    Name(Name),
    /// `height = 28`
    Sized(Name, Expr),
    /// `28`, `4*units`: an unnamed axis of this size.
    Size(Expr),
}

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

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its place.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A number as written: `1e-3`, `1_000`.
    Number(String),
    /// A string, unescaped.
    Str(String),
    /// `true`, `false`
    Bool(bool),
    /// A name.
    Name(String),
    /// `..` where an axis set is wanted.
    Rest,
    /// `all but batch`
    AllBut(Vec<Name>),
    /// `Encoder.trunk`
    Member(Box<Expr>, Name),
    /// `f(a, over = k)`
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// With what.
        args: Vec<Arg>,
    },
    /// `x[.., new]`, `z[time = t]`
    Index {
        /// What is indexed.
        base: Box<Expr>,
        /// One item an axis.
        items: Vec<IndexItem>,
    },
    /// `-x`, `not x`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `x |> Dense(64) as head`
    Pipe {
        /// What flows in.
        input: Box<Expr>,
        /// What it is applied to: a name, a call or a call of a call.
        stage: Box<Expr>,
        /// The path step.
        name: Option<Name>,
    },
    /// `if c { … } else { … }`
    If {
        /// Known at compile time.
        condition: Box<Expr>,
        /// Taken when true.
        then: Block,
        /// Taken when false; `else if` is a block of one expression.
        otherwise: Option<Block>,
    },
    /// `scan t over time reversed with h: [batch] = 0 { … }`
    Scan(Box<Scan>),
    /// `repeat 6 as i { … }`
    Repeat {
        /// How many turns.
        turns: Box<Expr>,
        /// The turn's name.
        name: Option<Name>,
        /// What is repeated.
        body: Block,
    },
    /// `rearrange [b, t, (h k)] -> [b, h, t, k] with h = heads`, applied by a pipe or to `of`.
    Rearrange(Box<Rearrange>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `a, b` as a block's value.
    Tuple(Vec<Expr>),
    /// `fresh f`
    Fresh(Box<Expr>),
    /// An expression that could not be parsed.
    Invalid,
}

/// `scan t over time [= N] [reversed] [with h: T = e, …] { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// The position's name.
    pub index: Name,
    /// The axis walked.
    pub axis: Name,
    /// `over name = N` makes an axis.
    pub size: Option<Expr>,
    /// From the end.
    pub reversed: bool,
    /// What is carried, with its first value.
    pub carries: Vec<(Target, Expr)>,
    /// The loop body.
    pub body: Block,
}

/// An einops pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Rearrange {
    /// The axes taken apart; a group is one axis made of several.
    pub from: Vec<Group>,
    /// The axes put together.
    pub to: Vec<Group>,
    /// Sizes of names that the input does not tell.
    pub with: Vec<(Name, Expr)>,
}

/// One axis of a [`Rearrange`] pattern.
#[derive(Debug, Clone, PartialEq)]
pub enum Group {
    /// `..`
    Rest,
    /// `b`
    One(Name),
    /// `(h k)`
    Many(Vec<Name>),
    /// `1`
    Unit(Span),
}

/// An argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    /// Its name, if given by name.
    pub name: Option<Name>,
    /// Its value.
    pub value: Expr,
    /// From its first to its last token.
    pub span: Span,
}

/// One item of an index.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexItem {
    /// `..`
    Rest(Span),
    /// `new`
    New(Span),
    /// An axis name kept whole, or an integer.
    At(Expr),
    /// `time = t`
    Axis(Name, Expr),
    /// `time = a..b`; either end may be absent.
    Range(Name, Option<Expr>, Option<Expr>),
}

/// A prefix operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `not`
    Not,
}

/// An infix operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
    /// `@`
    MatMul,
    /// `^`
    Pow,
}

impl BinaryOp {
    /// The spelling.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Rem => "%",
            BinaryOp::MatMul => "@",
            BinaryOp::Pow => "^",
        }
    }
}

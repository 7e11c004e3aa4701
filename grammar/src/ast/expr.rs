//! Expressions.

use super::{Block, Name, Target};
use crate::span::Span;

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

//! Files and their items: definitions, their parameters and types.

use super::{Block, Expr};
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

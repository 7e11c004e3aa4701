//! The text of types and expressions on one line, with no more brackets than the grammar needs. None where a block keeps
//! its own lines.

use super::Printer;
use crate::ast::*;
use crate::lex::escape;

/// How tightly an expression binds, loosest first; as in the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Pipe,
    Or,
    And,
    Not,
    Compare,
    Add,
    Multiply,
    Sign,
    Power,
    Simple,
}

pub(super) fn binary_level(op: BinaryOp) -> Level {
    use BinaryOp::*;
    match op {
        Or => Level::Or,
        And => Level::And,
        Eq | Ne | Lt | Le | Gt | Ge => Level::Compare,
        Add | Sub => Level::Add,
        Mul | Div | Rem | MatMul => Level::Multiply,
        Pow => Level::Power,
    }
}

/// The level above, for the side on which an operator does not group.
fn above(level: Level) -> Level {
    match level {
        Level::Pipe => Level::Or,
        Level::Or => Level::And,
        Level::And => Level::Not,
        Level::Not => Level::Compare,
        Level::Compare => Level::Add,
        Level::Add => Level::Multiply,
        Level::Multiply => Level::Sign,
        Level::Sign => Level::Power,
        Level::Power | Level::Simple => Level::Simple,
    }
}

/// The levels that the left and the right operand need.
pub(super) fn sides(op: BinaryOp, right: &Expr) -> (Level, Level) {
    let level = binary_level(op);
    match op {
        // A sign may follow `^` directly: `2^-x`.
        BinaryOp::Pow if matches!(right.kind, ExprKind::Unary(UnaryOp::Neg, _)) => (Level::Simple, Level::Sign),
        BinaryOp::Pow => (Level::Simple, Level::Power),
        _ if level == Level::Compare => (Level::Add, Level::Add),
        _ => (level, above(level)),
    }
}

pub(super) fn level(expr: &Expr) -> Level {
    match &expr.kind {
        ExprKind::Pipe { .. } | ExprKind::Tuple(_) => Level::Pipe,
        ExprKind::Binary(op, ..) => binary_level(*op),
        ExprKind::Unary(UnaryOp::Not, _) => Level::Not,
        ExprKind::Unary(UnaryOp::Neg, _) => Level::Sign,
        _ => Level::Simple,
    }
}

/// Whether a comma after an expression would be read as part of it: the sizes of a `rearrange` are a list.
pub(super) fn takes_commas(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Rearrange(r) => !r.with.is_empty(),
        ExprKind::Pipe { stage, name: None, .. } => takes_commas(stage),
        ExprKind::Binary(_, _, right) | ExprKind::Unary(_, right) => takes_commas(right),
        _ => false,
    }
}

/// Whether an expression can be called or indexed as it stands.
fn can_be_base(expr: &Expr, member: bool) -> bool {
    match &expr.kind {
        ExprKind::If { .. } | ExprKind::Scan(_) | ExprKind::Repeat { .. } => false,
        ExprKind::Rearrange(r) => r.with.is_empty(),
        ExprKind::Fresh(_) => !member,
        _ => level(expr) == Level::Simple,
    }
}

impl Printer<'_> {
    pub(super) fn names(&self, names: &[Name]) -> String {
        names.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn path(&self, names: &[Name]) -> String {
        names.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(".")
    }

    pub(super) fn ty(&self, ty: &TypeExpr) -> Option<String> {
        Some(match &ty.kind {
            TypeKind::Tensor { element, dims } => {
                let element = element.as_ref().map_or(Some(String::new()), |e| self.element(e))?;
                let dims = dims.iter().map(|d| self.dim(d)).collect::<Option<Vec<_>>>()?;
                format!("{element}[{}]", dims.join(", "))
            }
            TypeKind::Scalar(element) => self.element(element)?,
            TypeKind::Choice(names) => names.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(" | "),
            TypeKind::Tuple(types) => {
                let types = types.iter().map(|t| self.ty(t)).collect::<Option<Vec<_>>>()?;
                format!("({})", types.join(", "))
            }
        })
    }

    fn element(&self, element: &Element) -> Option<String> {
        Some(match &element.size {
            Some(size) => format!("{}({})", element.name.text, self.flat(size, Level::Pipe)?),
            None => element.name.text.clone(),
        })
    }

    fn dim(&self, dim: &Dim) -> Option<String> {
        // A lone name is an axis name, so a computed size that is one keeps its brackets.
        let size = |e: &Expr| match (&e.kind, self.flat(e, Level::Or)) {
            (ExprKind::Name(_), Some(text)) => Some(format!("({text})")),
            (_, text) => text.map(|t| tight(&t)),
        };
        Some(match &dim.kind {
            DimKind::Rest(None) => "..".to_owned(),
            DimKind::Rest(Some(name)) => format!("..{}", name.text),
            DimKind::Name(name) => name.text.clone(),
            DimKind::Sized(name, value) => format!("{} = {}", name.text, self.flat(value, Level::Or)?),
            DimKind::Size(value) => size(value)?,
        })
    }

    pub(super) fn param(&self, param: &Param) -> Option<String> {
        let mut out = format!("{}{}", if param.over { "over " } else { "" }, param.name.text);
        if let Some(ty) = &param.ty {
            out += &format!(": {}", self.ty(ty)?);
        }
        if let Some(default) = &param.default {
            out += &format!(" = {}", self.flat_item(default)?);
        }
        Some(out)
    }

    pub(super) fn target(&self, target: &Target) -> Option<String> {
        Some(match &target.ty {
            Some(ty) => format!("{}: {}", target.name.text, self.ty(ty)?),
            None => target.name.text.clone(),
        })
    }

    pub(super) fn selectors(&self, selectors: &[Selector]) -> String {
        let one = |s: &Selector| {
            let steps: Vec<String> = s
                .steps
                .iter()
                .map(|step| match step {
                    SelectorStep::Name(name) => name.text.clone(),
                    SelectorStep::Turn(name, turns) => {
                        turns.iter().fold(name.text.clone(), |text, turn| format!("{text}[{turn}]"))
                    }
                    SelectorStep::Any => "*".to_owned(),
                    SelectorStep::Deep => "**".to_owned(),
                })
                .collect();
            steps.join(".")
        };
        selectors.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// An expression in a list, where a comma follows.
    pub(super) fn flat_item(&self, expr: &Expr) -> Option<String> {
        let text = self.flat(expr, Level::Pipe)?;
        Some(if takes_commas(expr) { format!("({text})") } else { text })
    }

    /// An expression where at least `need` must bind.
    pub(super) fn flat(&self, expr: &Expr, need: Level) -> Option<String> {
        let text = self.flat_bare(expr)?;
        Some(if level(expr) < need { format!("({text})") } else { text })
    }

    pub(super) fn base(&self, expr: &Expr, member: bool) -> Option<String> {
        let text = self.flat_bare(expr)?;
        Some(if can_be_base(expr, member) { text } else { format!("({text})") })
    }

    pub(super) fn arg(&self, arg: &Arg) -> Option<String> {
        let value = self.flat_item(&arg.value)?;
        Some(arg.name.as_ref().map_or(value.clone(), |n| format!("{} = {value}", n.text)))
    }

    fn flat_bare(&self, expr: &Expr) -> Option<String> {
        Some(match &expr.kind {
            ExprKind::Number(text) => text.clone(),
            ExprKind::Str(text) => escape(text),
            ExprKind::Bool(value) => value.to_string(),
            ExprKind::Name(name) => name.clone(),
            ExprKind::Rest => "..".to_owned(),
            ExprKind::AllBut(names) => match names.as_slice() {
                [name] => format!("all but {}", name.text),
                names => format!("all but [{}]", self.names(names)),
            },
            ExprKind::Member(base, name) => format!("{}.{}", self.base(base, true)?, name.text),
            ExprKind::Call { callee, args } => {
                let args = args.iter().map(|a| self.arg(a)).collect::<Option<Vec<_>>>()?;
                format!("{}({})", self.base(callee, false)?, args.join(", "))
            }
            ExprKind::Index { base, items } => {
                let items = items.iter().map(|i| self.index_item(i)).collect::<Option<Vec<_>>>()?;
                format!("{}[{}]", self.base(base, false)?, items.join(", "))
            }
            ExprKind::Unary(UnaryOp::Not, inner) => format!("not {}", self.flat(inner, Level::Not)?),
            ExprKind::Unary(UnaryOp::Neg, inner) => format!("-{}", self.flat(inner, Level::Sign)?),
            ExprKind::Binary(op, left, right) => {
                let (l, r) = sides(*op, right);
                let (left, right) = (self.flat(left, l)?, self.flat(right, r)?);
                let gap = if *op == BinaryOp::Pow { "" } else { " " };
                format!("{left}{gap}{}{gap}{right}", op.symbol())
            }
            ExprKind::Pipe { input, stage, name } => {
                let stage = self.stage(stage, name.as_ref())?;
                format!("{} |> {stage}", self.flat(input, Level::Pipe)?)
            }
            ExprKind::If { condition, then, otherwise } => {
                let head = format!("if {} {}", self.flat(condition, Level::Or)?, self.flat_block(then)?);
                match otherwise.as_ref().map(|o| (o, nested_if(o))) {
                    None => head,
                    Some((_, Some(nested))) => format!("{head} else {}", self.flat(nested, Level::Pipe)?),
                    Some((other, None)) => format!("{head} else {}", self.flat_block(other)?),
                }
            }
            ExprKind::Scan(scan) => format!("{} {}", self.scan_head(scan)?, self.flat_block(&scan.body)?),
            ExprKind::Repeat { turns, name, body } => {
                format!("{} {}", self.repeat_head(turns, name.as_ref())?, self.flat_block(body)?)
            }
            ExprKind::Rearrange(r) => format!("rearrange {}", self.pattern(r)?),
            ExprKind::List(items) => {
                let items = items.iter().map(|i| self.flat_item(i)).collect::<Option<Vec<_>>>()?;
                format!("[{}]", items.join(", "))
            }
            ExprKind::Tuple(items) => items.iter().map(|i| self.flat_item(i)).collect::<Option<Vec<_>>>()?.join(", "),
            ExprKind::Fresh(path) => format!("fresh {}", self.flat(path, Level::Simple)?),
            ExprKind::Invalid => String::new(),
        })
    }

    pub(super) fn stage(&self, stage: &Expr, name: Option<&Name>) -> Option<String> {
        let text = self.flat(stage, Level::Simple)?;
        Some(name.map_or(text.clone(), |n| format!("{text} as {}", n.text)))
    }

    fn index_item(&self, item: &IndexItem) -> Option<String> {
        let bound = |e: &Option<Expr>| e.as_ref().map_or(Some(String::new()), |e| self.flat(e, Level::Or));
        Some(match item {
            IndexItem::Rest(_) => "..".to_owned(),
            IndexItem::New(_) => "new".to_owned(),
            IndexItem::At(expr) => self.flat_item(expr)?,
            IndexItem::Axis(name, expr) => format!("{} = {}", name.text, self.flat(expr, Level::Or)?),
            IndexItem::Range(name, start, end) => format!("{} = {}..{}", name.text, bound(start)?, bound(end)?),
        })
    }

    pub(super) fn scan_head(&self, scan: &Scan) -> Option<String> {
        let mut out = format!("scan {} over {}", scan.index.text, scan.axis.text);
        if let Some(size) = &scan.size {
            out += &format!(" = {}", self.flat(size, Level::Or)?);
        }
        if scan.reversed {
            out += " reversed";
        }
        for (at, (target, value)) in scan.carries.iter().enumerate() {
            out += if at == 0 { " with " } else { ", " };
            out += &format!("{} = {}", self.target(target)?, self.flat_item(value)?);
        }
        Some(out)
    }

    pub(super) fn repeat_head(&self, turns: &Expr, name: Option<&Name>) -> Option<String> {
        let turns = self.flat(turns, Level::Or)?;
        Some(name.map_or(format!("repeat {turns}"), |n| format!("repeat {turns} as {}", n.text)))
    }

    fn pattern(&self, r: &Rearrange) -> Option<String> {
        let group = |g: &Group| match g {
            Group::Rest => "..".to_owned(),
            Group::One(name) => name.text.clone(),
            Group::Many(names) => format!("({})", names.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(" ")),
            Group::Unit(_) => "1".to_owned(),
        };
        let side = |groups: &[Group]| groups.iter().map(group).collect::<Vec<_>>().join(", ");
        let mut out = format!("[{}] -> [{}]", side(&r.from), side(&r.to));
        for (at, (name, value)) in r.with.iter().enumerate() {
            out += if at == 0 { " with " } else { ", " };
            out += &format!("{} = {}", name.text, self.flat(value, Level::Or)?);
        }
        Some(out)
    }

    /// How another system keeps a tensor, from the `as` on.
    pub(super) fn layout(&self, layout: &Layout) -> Option<String> {
        let part = |part: &LayoutPart| match &part.range {
            Some((begin, end)) => {
                Some(format!("{}[{}..{}]", part.name.text, self.flat(begin, Level::Or)?, self.flat(end, Level::Or)?))
            }
            None => Some(part.name.text.clone()),
        };
        let parts = layout.parts.iter().map(part).collect::<Option<Vec<_>>>()?.join(" + ");
        let axes = layout.axes.as_ref().map_or(Some(String::new()), |r| Some(format!(" {}", self.pattern(r)?)))?;
        Some(format!("as {} {parts}{axes}", layout.system.text))
    }

    /// A block on one line, if it was written so.
    pub(super) fn flat_block(&self, block: &Block) -> Option<String> {
        if !self.on_one_line(block) {
            return None;
        }
        match block.stmts.as_slice() {
            [] => Some("{}".to_owned()),
            [only] => Some(format!("{{ {} }}", self.flat_stmt(only, true)?)),
            _ => None,
        }
    }
}

/// The `if` of an `else if`: the tree holds it as a block of one expression, which covers the block.
pub(super) fn nested_if(block: &Block) -> Option<&Expr> {
    match block.stmts.as_slice() {
        [Stmt { kind: StmtKind::Expr(expr), span }] if *span == block.span => {
            matches!(expr.kind, ExprKind::If { .. }).then_some(expr)
        }
        _ => None,
    }
}

/// Products in a shape are written without blanks: `[4*units]`.
fn tight(text: &str) -> String {
    if text.contains('"') { text.to_owned() } else { text.replace(" * ", "*").replace(" / ", "/") }
}

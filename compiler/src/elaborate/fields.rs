//! The fields of a data block: columns become tensors of declared shapes.

use super::axes::Subject;
use super::class_field::class_element;
use super::data::{BATCH, Data, Known};
use super::items::Item;
use super::scope::BoundAxis;
use super::source::data_error;
use super::value::{Axis, From, Tensor, Value};
use super::{Elab, Mode};
use crate::ir::attrs::Slot;
use crate::ir::dim::Dim;
use crate::ir::types::{DType, TensorType};
use crate::program::Input;
use nnc_grammar::ast::{Arg, Block, Expr, ExprKind, Name, StmtKind, Target};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role, Severity};
use nnc_grammar::span::Span;
use nnc_runtime::data::tokens::Unit;
use nnc_runtime::train::Fill;
use std::collections::HashMap;
use std::ops::Range;

/// What columns are shown to.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    /// The expression of a field.
    Field(&'a Target),
    /// That of a statistic.
    Fit,
}

/// What columns are read as.
pub(super) enum ReadAs {
    /// Floats, bytes where they are bytes.
    Floats,
    /// Whole numbers.
    Whole,
    /// Whole numbers of which `from` is the first class of `n`.
    Classes { from: i64, n: i64 },
}

impl ReadAs {
    fn is_whole(&self) -> bool {
        !matches!(self, ReadAs::Floats)
    }
}

impl<'a> Elab<'a> {
    /// Makes the fields of data blocks that `body` mentions visible in the block being elaborated, and their axis names with
    /// them. A field is named alone where no other block has one of its name, and always by `Data.field`.
    pub(super) fn bind_all_fields(&mut self, blocks: &[Data<'a>], body: &'a Block) {
        self.data_fields.clear();
        let outer = self.frame().dims.clone();
        let mut sizes: HashMap<String, Option<BoundAxis>> = HashMap::new();
        for data in blocks {
            let mut others = blocks.iter().filter(|other| other.name.span != data.name.span);
            let shared = |name: &str| others.clone().any(|other| other.has_field(name));
            let alone: Vec<&str> =
                data.fields.iter().map(|(t, _)| t.name.text.as_str()).filter(|name| !shared(name)).collect();
            self.frame().dims.clone_from(&outer);
            self.bind_fields(data, body, &alone);
            if others.next().is_none() {
                return;
            }
            // A name that two blocks give to axes of different sizes means neither.
            for (name, axis) in self.frame().dims.clone() {
                let known = sizes.entry(name).or_insert_with(|| Some(axis.clone()));
                if known.as_ref().is_some_and(|known| known.size != axis.size) {
                    *known = None;
                }
            }
        }
        self.frame().dims = sizes.into_iter().filter_map(|(name, axis)| Some((name, axis?))).collect();
    }

    /// Makes the fields of one data block visible; those of `alone` by their names alone, too.
    fn bind_fields(&mut self, data: &Data<'a>, body: &'a Block, alone: &[&str]) {
        let mut mentioned: Vec<String> = vec![];
        super::walk::walk_block(body, &mut |seen| {
            if let super::walk::Seen::Expr(e) = seen {
                match &e.kind {
                    ExprKind::Name(n) if alone.contains(&n.as_str()) => mentioned.push(n.clone()),
                    ExprKind::Member(base, field) if matches!(&base.kind, ExprKind::Name(b) if *b == data.name.text) => {
                        mentioned.push(field.text.clone());
                    }
                    _ => {}
                }
            }
        });
        let scope = self.frame().scope;
        self.enter_data(data);
        // The block sees the axis names of its data as its own.
        self.frame().scope = scope;
        let mut bound = vec![];
        for (target, e) in &data.fields {
            if mentioned.contains(&target.name.text) {
                let value = match &data.known {
                    Some(known) => self.field(data.name, known, target, e, Severity::Error),
                    None => Value::Invalid,
                };
                bound.push((&target.name, value, e.span));
                self.usage.mark(target.name.span);
            }
        }
        let dims = self.frames.pop().map(|f| f.dims).unwrap_or_default();
        for (name, value, span) in bound {
            self.bind_given(&format!("{}.{}", data.name.text, name.text), value.clone(), name.span);
            if alone.contains(&name.text.as_str()) {
                self.bind(name, value, span);
            }
        }
        if data.known.is_none() {
            // What the types would have named is not unknown, only its sizes are.
            for name in data.fields.iter().filter_map(|(t, _)| t.ty.as_ref()).flat_map(super::names::axes_of) {
                self.bind_given(&name.text, Value::Invalid, name.span);
            }
        }
        self.frame().dims.extend(dims);
        for (target, _) in &data.fields {
            self.data_fields.push((data.name.text.clone(), target.name.text.clone()));
        }
    }

    /// Checks the fields that no block mentions, together with the others, whose axis names they share. The graph is of no
    /// further use. What the source lacks for them is a warning: no block needs it.
    pub(super) fn check_unmentioned_fields(&mut self) {
        for data in std::mem::take(&mut self.data) {
            let Some(known) = &data.known else { continue };
            self.graph(Mode::Evaluate, |this| {
                this.enter_data(&data);
                for (target, e) in &data.fields {
                    let mentioned = this.usage.is_marked(target.name.span);
                    let lacking = if mentioned { Severity::Error } else { Severity::Warning };
                    this.field(data.name, known, target, e, lacking);
                }
                this.frames.pop();
                Some(())
            });
        }
    }

    /// Begins a frame in which fields are elaborated; the statistics of the block are visible in it.
    pub(super) fn enter_data(&mut self, data: &Data<'a>) {
        let name = data.name;
        let mut frame = self.new_frame(name.span.source, name.span, None, String::new());
        let batch = BoundAxis::of(Dim::sym(BATCH), name.span);
        frame.dims.insert(BATCH.into(), batch);
        self.frames.push(frame);
        for fit in &data.fits {
            self.bind_fit(fit);
        }
    }

    /// `A.image`
    pub(super) fn field_of(&mut self, data: &str, field: &Name) -> Option<Value<'a>> {
        if field.text == BATCH && self.data_fields.iter().any(|(d, _)| d == data) {
            return self.local(BATCH);
        }
        let known = self.data_fields.iter().any(|(d, f)| d == data && *f == field.text);
        if known { self.local(&format!("{data}.{}", field.text)) } else { None }
    }

    /// A field; `lacking` is how grave it is that the source has no such column.
    fn field(
        &mut self,
        name: &'a Name,
        data: &Known<'a>,
        target: &'a Target,
        e: &'a Expr,
        lacking: Severity,
    ) -> Value<'a> {
        if let Some(call) = self.token_call(e) {
            return self.token_field((name, data), (target, e), call, lacking);
        }
        let value = match class_element(target.ty.as_ref()) {
            Some(element) => self.class_field((name, data), (target, e), element, lacking),
            None => {
                self.bind_columns((name, data), Shown::Field(target), e, &ReadAs::Floats, lacking);
                self.expr(e)
            }
        };
        let value = match value {
            Value::Tensor(t) if t.classes.is_none() && !t.dtype.is_float() => {
                self.here(e.span);
                let handle = self.b.clone();
                let node = handle.val(t.node).cast(self.float).value;
                Value::Tensor(Tensor { node, dtype: self.float, ..t })
            }
            value => value,
        };
        self.typed_field(target, value, e.span)
    }

    /// How many classes a field declares. Only the fields of texts may name the number.
    pub(super) fn class_count(&mut self, size: &'a Expr) -> Option<Dim> {
        if let ExprKind::Name(name) = &size.kind
            && !self.means_something(name)
        {
            let d = Diagnostic::error(codes::UNKNOWN_NAME, size.span, format!("nothing here is called `{name}`"));
            self.report(d.help(
                "write a number; only `chars(column)` and `words(column)` count classes themselves and give that a name",
            ));
            return None;
        }
        self.size_of(size)
    }

    /// A field with the shape that is declared for it. An axis made by `new` is an axis of size 1 from here on: what is stored
    /// stretches no more.
    fn typed_field(&mut self, target: &'a Target, value: Value<'a>, span: Span) -> Value<'a> {
        match &target.ty {
            Some(ty) => {
                let what = format!("`{}`", target.name.text);
                match self.bind_type(ty, value, Subject::value(&what, span)) {
                    Some(Value::Tensor(mut t)) => {
                        t.axes.iter_mut().for_each(|axis| axis.stretch = false);
                        Value::Tensor(t)
                    }
                    value => value.unwrap_or(Value::Invalid),
                }
            }
            None => {
                let d = Diagnostic::error(
                    codes::UNDETERMINED_SIZE,
                    target.name.span,
                    format!("the field `{}` needs its shape", target.name.text),
                );
                self.fail(d.help("write `name: [batch, …] = column`"))
            }
        }
    }

    /// A field of tokens: class numbers, as many classes as the vocabulary has. `index(vocab)` names that number.
    fn token_field(
        &mut self,
        (name, data): (&'a Name, &Known<'a>),
        (target, e): (&'a Target, &'a Expr),
        call: (Unit, &'a [Arg]),
        lacking: Severity,
    ) -> Value<'a> {
        let weigh = |d: Diagnostic| Diagnostic { severity: lacking, ..d };
        let Some(text) = self.tokenised((name, data), call, e.span, &weigh) else { return Value::Invalid };
        let (encoding, at) = (text.encoding, text.at);
        let measured = (text.column, Some(&encoding), at);
        let Some((axis, fill)) = self.row_axis((name, data), target, measured, encoding.lengths) else {
            return Value::Invalid;
        };
        let classes = Dim::from(encoding.vocabulary.size());
        let row_shape = match fill {
            Fill::Fixed => vec![encoding.lengths.1],
            Fill::Padded(_) | Fill::Lengths(_) => vec![],
        };
        let column = Input {
            data: name.text.clone(),
            column: text.column.to_owned(),
            encoding: Some(encoding),
            dtype: DType::I32,
            row_shape,
            fill,
            classes: None,
            span: at,
        };
        let mut tensor = self.read_input(column, vec![axis]);
        tensor.classes = Some(classes);
        self.typed_field(target, Value::Tensor(tensor), e.span)
    }

    /// Makes the columns that an expression mentions locals of the data block.
    pub(super) fn bind_columns(
        &mut self,
        (block, data): (&'a Name, &Known<'a>),
        shown: Shown<'a>,
        e: &'a Expr,
        read_as: &ReadAs,
        lacking: Severity,
    ) {
        let (mut names, mut called, mut axes): (Vec<(&'a str, Span)>, Vec<Span>, Vec<Span>) = (vec![], vec![], vec![]);
        super::walk::walk(e, &mut |seen| {
            let super::walk::Seen::Expr(e) = seen else { return };
            match &e.kind {
                ExprKind::Name(n) => names.push((n, e.span)),
                ExprKind::Call { callee, args } => {
                    called.push(callee.span);
                    let over = args.iter().filter(|arg| arg.name.as_ref().is_some_and(|name| name.text == "over"));
                    axes.extend(over.map(|arg| arg.value.span));
                }
                ExprKind::Pipe { stage, .. } => called.push(stage.span),
                _ => {}
            }
        });
        // What is called is no column, nor is an axis.
        let is_axis = |span: &Span| axes.iter().any(|axis| axis.covers(*span));
        for (name, span) in names.into_iter().filter(|(_, span)| !called.contains(span) && !is_axis(span)) {
            let Some(column) = data.schema.columns.iter().find(|c| c.name == name) else {
                if self.frame().locals.contains_key(name)
                    || self.items.lookup(self.items.main, name).is_some()
                    || super::primitives::lookup(name).is_some()
                {
                    continue;
                }
                let d = self.no_column(data, name, span);
                let d = match name {
                    "batch" => d.help("a shape that has the rows is that of a column: `random_normal(shape(column))`"),
                    _ if self.is_field(Some(block), name) => {
                        d.help(format!("`{name}` is a field, and fields are made of columns, not of one another"))
                    }
                    _ => d,
                };
                self.report(Diagnostic { severity: lacking, ..d });
                self.bind_given(name, Value::Invalid, span);
                continue;
            };
            let bound = match self.frame().locals.get(name).map(|l| &l.value) {
                Some(Value::Tensor(t)) => (t.dtype == DType::I32) == read_as.is_whole() || t.dtype == DType::U8,
                _ => false,
            };
            let mut classes = None;
            if let ReadAs::Classes { from, n } = *read_as {
                if from == 0 {
                    self.check_class_names(data, name, n, span);
                }
                // A field that no block mentions says nothing of the values that others read.
                classes = (lacking == Severity::Error).then(|| from..from.saturating_add(n));
            }
            if bound {
                self.narrow(&block.text, name, classes);
                continue;
            }
            let raw = match &column.dtype {
                Ok(dtype) => *dtype,
                Err(why) => {
                    let d = data_error(span, why).origin(Role::Data, data.plan.source.span, "the source is named here");
                    let help = || format!("or read it as text: `words({name})`, `chars({name})`");
                    let d = if column.is_text { d.help(help()) } else { d };
                    self.report(Diagnostic { severity: lacking, ..d });
                    self.bind_given(name, Value::Invalid, span);
                    continue;
                }
            };
            let dtype = match raw {
                DType::U8 => DType::U8,
                _ if read_as.is_whole() => DType::I32,
                _ => self.precision,
            };
            let mut row_shape = column.row_shape.clone();
            let from = |n: usize| Some(From { span: data.plan.source.span, text: format!("{n} is what the data has") });
            let mut axes: Vec<Axis> =
                row_shape.iter().map(|&n| Axis { from: from(n), ..Axis::of(Dim::from(n)) }).collect();
            let mut fill = Fill::Fixed;
            if let Some(lengths) = column.lengths {
                let Shown::Field(target) = shown else {
                    self.unsupported(span, "a statistic of rows of different lengths");
                    self.bind_given(name, Value::Invalid, span);
                    continue;
                };
                let Some((axis, along)) = self.row_axis((block, data), target, (name, None, span), lengths) else {
                    self.bind_given(name, Value::Invalid, span);
                    continue;
                };
                if along == Fill::Fixed {
                    row_shape.insert(0, lengths.1);
                }
                fill = along;
                axes.insert(0, axis);
            }
            let (data, column) = (block.text.clone(), name.to_owned());
            let input = Input { data, column, encoding: None, dtype, row_shape, fill, classes, span };
            let tensor = self.read_input(input, axes);
            self.bind_given(name, Value::Tensor(tensor), span);
        }
    }

    /// Whether the data block of a name, or any of the file, has a field of this name.
    pub(super) fn is_field(&self, block: Option<&Name>, name: &str) -> bool {
        let bodies = self.items.own(self.items.main).filter_map(|(of, item)| match item {
            Item::Data(_, body) if block.is_none_or(|block| block.text == of) => Some(body),
            _ => None,
        });
        let targets = bodies.flat_map(|body| &body.stmts).filter_map(|s| match &s.kind {
            StmtKind::Bind { targets, .. } => Some(targets),
            _ => None,
        });
        targets.flatten().any(|target| target.name.text == name)
    }

    /// The error of naming a column that the source does not have.
    pub(super) fn no_column(&self, data: &Known<'a>, name: &str, span: Span) -> Diagnostic {
        let known = data.schema.columns.iter().map(|c| c.name.as_str());
        let d = Diagnostic::error(codes::DATA, span, format!("`{}` has no column `{name}`", data.plan.source.path));
        let d = super::suggest::suggest(d, &Name { text: name.to_owned(), span }, known.clone());
        let d = d.note(format!("columns: {}", known.take(20).collect::<Vec<_>>().join(", ")));
        d.origin(Role::Data, data.plan.source.span, "the source is named here")
    }

    /// The rows of an input as a tensor, these axes behind that of the batch.
    fn read_input(&mut self, input: Input, row: Vec<Axis>) -> Tensor {
        let (dtype, span) = (input.dtype, input.span);
        let number = self.input(input);
        let batch = Axis { name: Some(self.axis_name(BATCH)), ..Axis::of(Dim::sym(BATCH)) };
        let axes: Vec<Axis> = std::iter::once(batch).chain(row).collect();
        self.here(span);
        let handle = self.b.clone();
        let ty = TensorType::new(dtype, axes.iter().map(|a| a.size.clone()).collect());
        let node = handle.read(Slot::Input(number), ty).value;
        Tensor { node, dtype, axes, classes: None, scalar: false }
    }

    /// Notes that the values of a column are class numbers to a field: they must be such to all fields that take them for that.
    fn narrow(&mut self, data: &str, column: &str, classes: Option<Range<i64>>) {
        let Some(classes) = classes else { return };
        let whole = |i: &&mut Input| matches!(i.dtype, DType::I32 | DType::U8) && i.encoding.is_none();
        for input in self.inputs.iter_mut().filter(whole).filter(|i| i.data == data && i.column == column) {
            input.classes = Some(match input.classes.take() {
                Some(known) => known.start.max(classes.start)..known.end.min(classes.end),
                None => classes.clone(),
            });
        }
    }

    /// The number of an input: one a column, element type and way to fill it up.
    pub(super) fn input(&mut self, input: Input) -> u32 {
        let same = |i: &Input| {
            let kind = (i.dtype, i.fill) == (input.dtype, input.fill);
            kind && i.data == input.data && i.column == input.column && i.encoding == input.encoding
        };
        let known = self.inputs.iter().position(same);
        self.narrow(&input.data, &input.column, input.classes.clone());
        let number = known.unwrap_or_else(|| {
            self.inputs.push(input);
            self.inputs.len() - 1
        });
        number as u32
    }
}

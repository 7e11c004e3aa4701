//! Indexing: `x[.., new]`, `z[time = 3]`, `z[time = 0..8]`, `table[vocab = tokens]`, `r[t - n]` of a schedule.

use super::Elab;
use super::value::{Axis, Tensor, Value, show_axis};
use crate::ir::attrs::Const;
use crate::ir::dim::Dim;
use crate::ir::types::DType;
use nnc_grammar::ast::{DefKind, Expr, ExprKind, IndexItem, Name};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

/// What happens to one axis.
enum Step {
    Keep(usize),
    New,
    Take(usize, usize),
    Part(usize, usize, Dim),
    /// At the position of a loop.
    Element(usize, usize),
    /// At places that are known only while the program runs.
    Places(usize, Tensor),
}

impl<'a> Elab<'a> {
    /// `base[items]`
    pub(super) fn index(&mut self, e: &'a Expr, base: &'a Expr, items: &'a [IndexItem]) -> Value<'a> {
        if let Some(value) = self.turn_inside(e) {
            return value;
        }
        let value = self.expr(base);
        let number = match &value {
            Value::Num(_) | Value::Rate(_) => true,
            Value::Tensor(t) => t.scalar,
            Value::Closure(c) => c.def.kind == DefKind::Schedule,
            _ => false,
        };
        // One number meets anything, with new axes or without.
        if number && items.iter().all(|item| matches!(item, IndexItem::Rest(_) | IndexItem::New(_))) {
            return self.as_number(value, e.span);
        }
        match value {
            Value::Tensor(t) if t.scalar => self.rate_elsewhere(Value::Tensor(t), items, e.span),
            Value::Tensor(t) => {
                let Some(steps) = self.index_steps(&t, items, e.span) else { return Value::Invalid };
                self.take(t, steps, e.span)
            }
            rate @ (Value::Num(_) | Value::Closure(_) | Value::Rate(_)) => self.rate_elsewhere(rate, items, e.span),
            Value::List(list) => match items {
                [IndexItem::At(at)] => {
                    let value = self.expr(at);
                    if let Value::Tensor(Tensor { classes: Some(_), .. }) = &value {
                        return self.rows_of_list(&list, base.span, (value, at.span), e.span);
                    }
                    let Some(i) = self.int(&value, at.span, "a place in a list") else { return Value::Invalid };
                    let place = if i < 0 { i + list.len() as i64 } else { i };
                    match usize::try_from(place).ok().and_then(|p| list.get(p).cloned()) {
                        Some(value) => value,
                        None => self.fail(Diagnostic::error(
                            codes::OUT_OF_RANGE,
                            at.span,
                            format!("the list has {} places", list.len()),
                        )),
                    }
                }
                _ => self.fail(Diagnostic::error(codes::WRONG_KIND, e.span, "a list is indexed by one number")),
            },
            Value::Invalid => Value::Invalid,
            other => self.wrong_kind(&other, base.span, "a tensor"),
        }
    }

    /// `list[places]`: rows of a list of numbers, at places known while the program runs.
    fn rows_of_list(
        &mut self,
        list: &[Value<'a>],
        at_list: Span,
        (places, at): (Value<'a>, Span),
        span: Span,
    ) -> Value<'a> {
        let taken = self.table(list, at_list, self.float).and_then(|t| {
            let places = self.places(&t.axes[0], places, at)?;
            self.taken(&t, 0, &places, span)
        });
        taken.map_or(Value::Invalid, Value::Tensor)
    }

    fn index_steps(&mut self, t: &Tensor, items: &'a [IndexItem], span: Span) -> Option<Vec<Step>> {
        let by_name = |item: &IndexItem| matches!(item, IndexItem::Axis(..) | IndexItem::Range(..));
        // Items by name pick their axes out; the others are taken by place.
        if items.iter().any(by_name) {
            let mut steps: Vec<Step> = (0..t.rank()).map(Step::Keep).collect();
            for (i, item) in items.iter().enumerate() {
                if let IndexItem::Axis(name, _) | IndexItem::Range(name, ..) = item {
                    let same = |o: &IndexItem| matches!(o, IndexItem::Axis(n, _) | IndexItem::Range(n, ..) if n.text == name.text);
                    if items[..i].iter().any(same) {
                        let d = Diagnostic::error(
                            codes::DUPLICATE_ARGUMENT,
                            name.span,
                            format!("`{}` is indexed twice", name.text),
                        );
                        self.report(d);
                        return None;
                    }
                }
                match item {
                    IndexItem::Axis(name, at) => {
                        let axis = self.named_place(t, name)?;
                        steps[axis] = self.place_in(t, axis, at)?;
                    }
                    IndexItem::Range(name, from, to) => {
                        let axis = self.named_place(t, name)?;
                        steps[axis] = self.range(&t.axes[axis], axis, (from.as_ref(), to.as_ref()), name.span)?;
                    }
                    IndexItem::Rest(_) => {}
                    IndexItem::New(at) => {
                        self.report(Diagnostic::error(
                            codes::MISPLACED,
                            *at,
                            "`new` is given by place, not beside named items",
                        ));
                        return None;
                    }
                    IndexItem::At(e) => {
                        self.report(Diagnostic::error(
                            codes::MISPLACED,
                            e.span,
                            "items by place and by name do not mix",
                        ));
                        return None;
                    }
                }
            }
            return Some(steps);
        }
        let taken = items.iter().filter(|i| matches!(i, IndexItem::At(_))).count();
        let rests = items.iter().filter(|i| matches!(i, IndexItem::Rest(_))).count();
        if rests > 1 || taken > t.rank() || (rests == 0 && taken != t.rank()) {
            let items = if taken == 1 { "one item indexes".to_owned() } else { format!("{taken} items index") };
            let axes = if t.rank() == 1 { "one axis".to_owned() } else { format!("{} axes", t.rank()) };
            let d = Diagnostic::error(codes::WRONG_RANK, span, format!("{items} {axes}"))
                .label(format!("this is {}", t.show()))
                .help("`..` stands for the axes in between; `[axis = i]` takes a place of one axis by its name");
            self.report(d);
            return None;
        }
        let mut steps = vec![];
        let mut axis = 0;
        for item in items {
            match item {
                IndexItem::Rest(_) => {
                    for _ in 0..t.rank() - taken {
                        steps.push(Step::Keep(axis));
                        axis += 1;
                    }
                }
                IndexItem::New(_) => steps.push(Step::New),
                IndexItem::At(e) => {
                    steps.push(self.item_by_place(t, axis, e)?);
                    axis += 1;
                }
                IndexItem::Axis(..) | IndexItem::Range(..) => {}
            }
        }
        Some(steps)
    }

    fn item_by_place(&mut self, t: &Tensor, axis: usize, e: &'a Expr) -> Option<Step> {
        if let ExprKind::Name(name) = &e.kind
            && let Some(bound) = self.frame().dims.get(name).map(|d| d.span)
        {
            self.usage.mark(bound);
            let wanted = self.axis_name(name);
            if t.axes[axis].name.as_ref() == Some(&wanted) {
                return Some(Step::Keep(axis));
            }
            let d = Diagnostic::error(codes::AXIS_MISMATCH, e.span, format!("`{name}` is not the axis in this place"));
            self.report(d.label(format!("this is {}", t.show())));
            return None;
        }
        self.place_in(t, axis, e)
    }

    fn named_place(&mut self, t: &Tensor, name: &Name) -> Option<usize> {
        if let Some(bound) = self.frame().dims.get(&name.text).map(|d| d.span) {
            self.usage.mark(bound);
        }
        let wanted = self.axis_name(&name.text);
        self.place(&t.axes, &wanted, name.span)
    }

    /// An index of an axis: a constant, negative ones counting from the end, the position of a loop over as many places, or
    /// class numbers.
    fn place_in(&mut self, t: &Tensor, axis: usize, e: &'a Expr) -> Option<Step> {
        let value = self.expr(e);
        if let Some(at) = self.position_of(&value) {
            let (size, turns) = (&t.axes[axis].size, self.loops[at].turns.clone());
            if *size != turns {
                let d = Diagnostic::error(
                    codes::OUT_OF_RANGE,
                    e.span,
                    format!("the loop has {turns} turns, and this axis {size} places"),
                );
                self.report(super::axes::explain_axes(d, std::iter::once(&t.axes[axis])));
                return None;
            }
            return Some(Step::Element(axis, at));
        }
        if let Value::Tensor(_) = value {
            return self.places(&t.axes[axis], value, e.span).map(|places| Step::Places(axis, places));
        }
        let i = self.int(&value, e.span, "an index")?;
        // Each size that a free one may have is at least 1, so there is a first place.
        if i == 0 && t.axes[axis].size.is_sym() {
            self.here(e.span);
            let node = self.b.constant(Const::Int(DType::I32, 0), vec![]).value;
            let classes = Some(t.axes[axis].size.clone());
            return Some(Step::Places(axis, Tensor { node, dtype: DType::I32, axes: vec![], classes, scalar: false }));
        }
        Some(Step::Take(axis, self.counted(&t.axes[axis], i, e.span, false)?))
    }

    fn counted(&mut self, axis: &Axis, i: i64, span: Span, end: bool) -> Option<usize> {
        let size = axis.size.as_constant();
        let place = match (i < 0, size) {
            (false, _) => Some(i),
            (true, Some(n)) => Some(n + i),
            (true, None) => None,
        };
        let fits = place.is_some_and(|p| p >= 0 && size.is_none_or(|n| if end { p <= n } else { p < n }));
        // Of a free size only its start is a place for every value.
        if !fits || (size.is_none() && !(end && i == 0)) {
            let d = match size {
                Some(n) => Diagnostic::error(codes::OUT_OF_RANGE, span, format!("{i} lies outside an axis of {n}")),
                None => Diagnostic::error(
                    codes::NOT_CONSTANT,
                    span,
                    format!("places of `{}` are known only when the program runs", axis.size),
                ),
            };
            self.report(super::axes::explain_axes(d, std::iter::once(axis)));
            return None;
        }
        place.and_then(|p| usize::try_from(p).ok())
    }

    /// A part of an axis whose size is free: so many places are left out at its begin, and so many at its end.
    fn free_range(
        &mut self,
        axis: &Axis,
        place: usize,
        (from, to): (Option<&'a Expr>, Option<&'a Expr>),
        name: Span,
    ) -> Option<Step> {
        let mut ends = [0, 0];
        for (end, e, from_end) in [(0, from, false), (1, to, true)] {
            let Some(e) = e else { continue };
            let value = self.expr(e);
            let i = self.int(&value, e.span, "the end of a range")?;
            if (i < 0) != from_end {
                let headline = format!("places of `{}` are known only when the program runs", axis.size);
                let d = Diagnostic::error(codes::NOT_CONSTANT, e.span, headline);
                let d = d.help("of such an axis places may be left out: `1..` at its begin, `..-1` at its end");
                self.report(super::axes::explain_axes(d, std::iter::once(axis)));
                return None;
            }
            ends[end] = i.checked_abs()?;
        }
        let [before, after] = ends;
        let left_out = before.checked_add(after)?;
        let len = axis.size.checked_sub(&Dim::constant(left_out))?;
        self.need_places(left_out, &len, name)?;
        Some(Step::Part(place, usize::try_from(before).ok()?, len))
    }

    fn range(
        &mut self,
        axis: &Axis,
        place: usize,
        (from, to): (Option<&'a Expr>, Option<&'a Expr>),
        name: Span,
    ) -> Option<Step> {
        if from.is_none() && to.is_none() {
            return Some(Step::Keep(place));
        }
        if axis.size.as_constant().is_none() {
            return self.free_range(axis, place, (from, to), name);
        }
        let end = |this: &mut Self, e: Option<&'a Expr>, default: Option<i64>| match e {
            Some(e) => {
                let value = this.expr(e);
                let i = this.int(&value, e.span, "the end of a range")?;
                this.counted(axis, i, e.span, true)
            }
            None => default.and_then(|d| usize::try_from(d).ok()),
        };
        let start = end(self, from, Some(0))?;
        let stop = end(self, to, axis.size.as_constant())?;
        if stop < start {
            let span = from.map_or(name, |e| e.span).to(to.map_or(name, |e| e.span));
            self.report(Diagnostic::error(
                codes::OUT_OF_RANGE,
                span,
                format!("the range {start}..{stop} runs backwards"),
            ));
            return None;
        }
        Some(Step::Part(place, start, Dim::from(stop - start)))
    }

    fn take(&mut self, mut t: Tensor, mut steps: Vec<Step>, span: Span) -> Value<'a> {
        self.here(span);
        let handle = self.b.clone();
        // Axes that loops walk go first: what is left is a tensor of fewer axes. What is made in the loop has no elements
        // outside it: the position is a place like any other.
        let mut gone: Vec<usize> = vec![];
        for step in &mut steps {
            let Step::Element(axis, at) = *step else { continue };
            let place = axis - gone.iter().filter(|g| **g < axis).count();
            // A constant is the same at any place.
            if let Some(c) = handle.val(t.node).as_const() {
                let mut shape = handle.val(t.node).ty().shape;
                shape.remove(place);
                t.node = handle.constant(c, shape).value;
                gone.push(axis);
                continue;
            }
            match self.element(at, t.node, place) {
                Some(node) => {
                    t.node = node;
                    gone.push(axis);
                }
                None => *step = Step::Places(axis, self.position_of_loop(at)),
            }
        }
        let left = |axis: usize| axis - gone.iter().filter(|g| **g < axis).count();
        let mut x = handle.val(t.node);
        let mut axes = vec![];
        let mut places: Option<(usize, Tensor)> = None;
        for step in steps {
            match step {
                Step::Element(..) => {}
                Step::Keep(i) => axes.push(t.axes[i].clone()),
                Step::New => axes.push(Axis { stretch: true, ..Axis::of(Dim::constant(1)) }),
                Step::Take(i, place) => x = x.slice(left(i), place, Dim::constant(1)),
                Step::Part(i, start, len) => {
                    x = x.slice(left(i), start, len.clone());
                    axes.push(Axis::of(len));
                }
                Step::Places(i, _) if places.is_some() => {
                    let d = Diagnostic::error(codes::WRONG_RANK, span, "one axis at a time is indexed at run time");
                    return self.fail(
                        d.label(format!("{} is a second one", show_axis(&t.axes[i])))
                            .help("index the result again, or join the axes by `rearrange` and index the joined one"),
                    );
                }
                Step::Places(i, index) => {
                    places = Some((axes.len(), index));
                    axes.push(t.axes[i].clone());
                }
            }
        }
        // A value whose elements are not numbers of 64 bits may have been made, since nothing has counted them.
        let elements = |axes: &[Axis]| axes.iter().try_fold(Dim::constant(1), |n, axis| n.checked_mul(&axis.size));
        if elements(&axes).is_none() || elements(&t.axes).is_none() {
            return self.fail(Diagnostic::error(codes::TOO_LARGE, span, "the number of elements leaves 64 bits"));
        }
        let node = x.reshape(axes.iter().map(|a| a.size.clone()).collect()).value;
        let t = Tensor { node, axes, ..t };
        match places {
            Some((axis, index)) => self.taken(&t, axis, &index, span).map_or(Value::Invalid, Value::Tensor),
            None => Value::Tensor(t),
        }
    }
}

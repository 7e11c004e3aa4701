//! Statements with statements inside: loops, repetitions, conditions.

use crate::body::{Body, Ty, Val};
use crate::values::Production;

pub(crate) const FLOW: &[Production] =
    &[scan, scan, scan_two, last_carries, counted, nested, shifted, class_carry, repeat, condition];

/// A value with a time axis, that axis's name and size, and the type of what stands at a place.
fn sequence(b: &mut Body<'_>) -> Option<(usize, String, usize, Ty)> {
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 2)?;
    let ty = b.ty(x);
    Some((x, ty.axis(0), ty.dims[0], ty.without(0)))
}

fn reversed(b: &mut Body<'_>) -> &'static str {
    if b.rng.chance(0.4) { " reversed" } else { "" }
}

/// What the next value of the carry may be made of: `@` the place of the sequence.
fn change(b: &mut Body<'_>, carry: &Ty) -> String {
    let shape = carry.shape();
    let n = carry.last();
    let forms: &[&str] = if b.layers {
        &[
            "tanh(0.5 * h + @)",
            "0.9 * h + 0.1 * @",
            "max(h, @)",
            "sin(Dense(#)(h) + @)",
            "h * sigmoid(@) + @",
            "tanh(h + @) + 0.1 * random_normal(%)",
            "where(h < @, h + 0.1, 0.5 * @)",
            "softmax(h) + 0.2 * @",
            "where(random_mask(%, 0.3), h, tanh(@))",
            "h - mean(h, over = batch) + tanh(@)",
            "sort(h) + 0.5 * @",
            "h + grad(sum(sin(h) * @), h)",
            "0.5 * h + one_hot(argmax(@)) * tanh(@)",
            "h - 0.1 * grad(mean((Dense(#)(h) - @)^2), h)",
        ]
    } else {
        &[
            "tanh(0.5 * h + @)",
            "0.9 * h + 0.1 * @",
            "min(h, @)",
            "cumsum(0.3 * tanh(h)) + @",
            "h + @ * cos(h)",
            "0.5 * reverse(h) + @ / (1 + abs(h))",
            "grad(mean(tanh(h * @)), h) + @",
        ]
    };
    b.rng.pick(forms).replace('#', &n.to_string()).replace('%', &shape)
}

fn scan(b: &mut Body<'_>) -> Option<usize> {
    let (x, axis, _, part) = sequence(b)?;
    let y = b.find(|t| *t == part);
    let start = match y {
        Some(y) if b.rng.chance(0.5) => b.take(y),
        _ => "0".to_owned(),
    };
    let way = reversed(b);
    let name = b.take(x);
    let at = format!("{name}[{axis} = i]");
    let next = change(b, &part).replace('@', &at);
    let s = b.fresh("s");
    let (state, update) = if b.layers && b.rng.chance(0.3) {
        (format!("state c{s}: [] = 0\n"), format!("    update c{s} = c{s} + 0.5\n"))
    } else {
        Default::default()
    };
    let yields = *b.rng.pick(&["h", "h * 2", "h + @", "tanh(h) + 0.1 * float(i)"]);
    let text = format!(
        "{state}{s} = scan i over {axis}{way} with h: {} = {start} {{\n    h = {next}\n{update}    yield {}\n}}\n",
        part.text(),
        yields.replace('@', &at)
    );
    if b.rng.chance(0.3) {
        return b.bind_after(&text, part, &format!("{s}.h"));
    }
    b.bind_after(&text, b.ty(x), &s)
}

fn scan_two(b: &mut Body<'_>) -> Option<usize> {
    let (x, axis, turns, part) = sequence(b)?;
    let way = reversed(b);
    let name = b.take(x);
    let (p, q) = (b.fresh("p"), b.fresh("q"));
    let t = part.text();
    let text = format!(
        "{p}, {q} = scan i over {axis}{way} with h: {t} = 0, g: {t} = 1 {{\n    h = tanh(h + g * {name}[{axis} = i])\n    \
         g = 0.5 * g + h\n    yield h, mean(g, over = n{})\n}}\n",
        part.last()
    );
    let second = Ty::rows(&[turns]);
    let names = [b.fresh("v"), format!("v{}", b.vals.len() + 1)];
    let ty = b.ty(x);
    let text = format!("{text}{}: {} = {p}\n{}: {} = {q}\n", names[0], ty.text(), names[1], second.text());
    let [name, other] = names;
    b.push(text, vec![Val { name, ty }, Val { name: other, ty: second }]);
    Some(b.vals.len() - 1)
}

fn last_carries(b: &mut Body<'_>) -> Option<usize> {
    let (x, axis, _, part) = sequence(b)?;
    let way = reversed(b);
    let name = b.take(x);
    let s = b.fresh("s");
    let t = part.text();
    let text = format!(
        "{s} = scan i over {axis}{way} with total: {t} = 0, top: {t} = {name}[{axis} = 0] {{\n    \
         total = total + {name}[{axis} = i]\n    top = max(top, total)\n}}\n"
    );
    b.bind_after(&text, part, &format!("tanh({s}.total) * {s}.top"))
}

/// A loop over places that no value has.
fn counted(b: &mut Body<'_>) -> Option<usize> {
    let x = b.find(|t| t.is_float() && t.rows && t.dims.len() == 1)?;
    let ty = b.ty(x);
    let turns = 1 + b.rng.below(6);
    let name = b.take(x);
    let s = b.fresh("s");
    let text = format!(
        "{s} = scan i over turn{s} = {turns} with h: {} = {name} {{\n    h = sin(h + 0.1 * float(i))\n    yield h\n}}\n",
        ty.text()
    );
    let stack = Ty::rows(&[turns, ty.last()]);
    if b.fits(&stack) { b.bind_after(&text, stack, &s) } else { None }
}

/// A loop in each turn of a loop.
fn nested(b: &mut Body<'_>) -> Option<usize> {
    let (x, axis, _, part) = sequence(b)?;
    let (way, inner) = (reversed(b), reversed(b));
    let (name, s, n) = (b.take(x), b.fresh("s"), part.last());
    let form = *b.rng.pick(&[
        "tanh(0.5 * g + h[n# = j])",
        "0.9 * g + h[n# = j] * @[n# = j]",
        "max(g, h[n# = j] - float(i) * 0.1)",
    ]);
    let form = form.replace('#', &n.to_string()).replace('@', &format!("{name}[{axis} = i]"));
    let text = format!(
        "{s} = scan i over {axis}{way} with h: {} = 0 {{\n    h = sin(h) + {name}[{axis} = i]\n    \
         inner = scan j over n{n}{inner} with g: [batch] = 0 {{\n        g = {form}\n        yield g\n    }}\n    \
         yield h * 0.5 + inner\n}}\n",
        part.text()
    );
    b.bind_after(&text, b.ty(x), &s)
}

/// Places that follow from the turn.
fn shifted(b: &mut Body<'_>) -> Option<usize> {
    let (x, axis, turns, part) = sequence(b)?;
    let (way, name, s) = (reversed(b), b.take(x), b.fresh("s"));
    let place = *b.rng.pick(&["i - 1", "i + 1", "# - 1 - i", "2 * i"]);
    let at = format!("{name}[{axis} = index({}, {axis})]", place.replace('#', &turns.to_string()));
    if b.rng.chance(0.5) {
        return b.bind(b.ty(x), &format!("scan i over {axis}{way} {{ yield {name}[{axis} = i] - tanh({at}) }}"));
    }
    let text = format!(
        "{s} = scan i over {axis}{way} with h: {} = 1 {{ h = cos(h) * {at} + {name}[{axis} = i] }}\n",
        part.text()
    );
    b.bind_after(&text, part, &s)
}

/// Class numbers that go from turn to turn.
fn class_carry(b: &mut Body<'_>) -> Option<usize> {
    let (x, axis, _, part) = sequence(b)?;
    let (way, name, s, n) = (reversed(b), b.take(x), b.fresh("s"), part.last());
    let text = format!(
        "{s} = scan i over {axis}{way} with h: {} = 0, c: index({n})[batch] = argmax({name}[{axis} = 0]) {{\n    \
         h = tanh(h + {name}[{axis} = i]) + one_hot(c)\n    c = argmax(h)\n    yield h + h[n{n} = c][.., new]\n}}\n",
        part.text()
    );
    b.bind_after(&text, b.ty(x), &s)
}

fn repeat(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let r = b.fresh("r");
    let name = b.take(x);
    let turns = 1 + b.rng.below(3);
    let body = if b.layers {
        *b.rng.pick(&[
            "# |> Dense(@) |> tanh",
            "# + 0.3 * LayerNorm()(#)",
            "# |> Dropout(0.2) |> sin",
            "PReLU(0.1)(#) - 0.2 * i",
        ])
    } else {
        *b.rng.pick(&["sin(# + 0.2 * i)", "#1 - 0.1 * tanh(#)^2", "0.5 * # + softsign(#)"])
    };
    let body = body.replace("#1", &r).replace('#', &r).replace('@', &ty.last().to_string());
    let text = format!("var {r} = {name}\nrepeat {turns} as i {{ {r} = {body} }}\n");
    // The number of the turn may not be used.
    let text = if body.contains("* i") { text } else { text.replace(" as i", "") };
    b.bind_after(&text, ty, &r)
}

fn condition(b: &mut Body<'_>) -> Option<usize> {
    let x = b.float(1)?;
    let ty = b.ty(x);
    let name = b.take(x);
    let n = ty.last();
    let test = match b.rng.below(4) {
        0 => format!("n{n} > 7"),
        1 => format!("n{n} % 2 == 0 and true"),
        2 => "not training".to_owned(),
        _ => "training".to_owned(),
    };
    b.bind(ty, &format!("if {test} {{ tanh({name}) * 2 }} else {{ 0.5 * {name} }}"))
}

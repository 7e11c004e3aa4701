//! What a reader is told beside its path: `images("folder", size = [32, 32], channels = 3)`.

use super::Elab;
use super::data::Known;
use super::value::Value;
use nnc_grammar::ast::{Arg, Name};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use nnc_runtime::data::{Format, ImageForm, Pattern, WavForm, Windows};

/// The largest side of an image.
const LARGEST: usize = 1 << 15;

impl<'a> Elab<'a> {
    /// The format with the settings that are named in its call.
    pub(super) fn reader_settings(&mut self, format: Format, named: &[&'a Arg], span: Span) -> Option<Format> {
        let mut format = format;
        let mut seen: Vec<&Name> = vec![];
        for arg in named {
            let Some(name) = &arg.name else { continue };
            if let Some(first) = seen.iter().find(|other| other.text == name.text) {
                let d =
                    Diagnostic::error(codes::DUPLICATE_ARGUMENT, arg.span, format!("`{}` is given twice", name.text));
                self.report(d.origin(Role::Previous, first.span, "first given here"));
                return None;
            }
            seen.push(name);
            format = self.reader_setting(format, name, arg)?;
        }
        if let Format::Text(Windows { length: 0, .. }) = format {
            let d = Diagnostic::error(codes::MISSING_ARGUMENT, span, "how long a row is must be said");
            self.report(d.help("write `text(\"file.txt\", window = 65)`; `lines(\"file.txt\")` takes a row a line"));
            return None;
        }
        Some(format)
    }

    fn reader_setting(&mut self, format: Format, name: &'a Name, arg: &'a Arg) -> Option<Format> {
        let (reader, at) = (format.name(), arg.value.span);
        match (format, name.text.as_str()) {
            (Format::Images(form), "size") => {
                let given = (self.expr(&arg.value), at);
                let sizes = self.each(Some(given), 2, "the size", 1)?;
                let side = |size: usize| u32::try_from(size).ok().filter(|_| size <= LARGEST);
                let (Some(height), Some(width)) = (side(sizes[0]), side(sizes[1])) else {
                    let d = Diagnostic::error(codes::OUT_OF_RANGE, at, format!("a side has at most {LARGEST} pixels"));
                    self.report(d);
                    return None;
                };
                Some(Format::Images(ImageForm { size: Some([height, width]), ..form }))
            }
            (Format::Images(form), "channels") => {
                let value = self.expr(&arg.value);
                let channels = match self.int(&value, at, "the number of channels")? {
                    1 => 1,
                    3 => 3,
                    4 => 4,
                    n => {
                        let d = Diagnostic::error(codes::OUT_OF_RANGE, at, format!("no image has {n} channels"));
                        self.report(d.help("1 is grey, 3 are colours, 4 are colours with opacity"));
                        return None;
                    }
                };
                Some(Format::Images(ImageForm { channels: Some(channels), ..form }))
            }
            (Format::Wav(form), "samples") => {
                let value = self.expr(&arg.value);
                let samples = self.count(&value, at, "the number of samples", 1)?;
                Some(Format::Wav(WavForm { samples: u32::try_from(samples).ok(), ..form }))
            }
            (Format::Images(form), "names") => {
                Some(Format::Images(ImageForm { names: Some(self.pattern(arg)?), ..form }))
            }
            (Format::Wav(form), "names") => Some(Format::Wav(WavForm { names: Some(self.pattern(arg)?), ..form })),
            (Format::Text(windows), "window") => {
                let value = self.expr(&arg.value);
                let length = self.count(&value, at, "a number of characters", 1)?;
                Some(Format::Text(Windows { length, ..windows }))
            }
            (Format::Text(windows), "stride") => {
                let value = self.expr(&arg.value);
                let stride = Some(self.count(&value, at, "a number of characters", 1)?);
                Some(Format::Text(Windows { stride, ..windows }))
            }
            (format, _) => {
                let known: &[&str] = match format {
                    Format::Images(_) => &["size", "channels", "names"],
                    Format::Wav(_) => &["samples", "names"],
                    Format::Text(_) => &["window", "stride"],
                    Format::Idx | Format::Csv | Format::Npy | Format::Lines => &[],
                };
                let what = match known {
                    [] => format!("`{reader}` takes a path and nothing else"),
                    _ => format!("`{reader}` has no setting `{}`", name.text),
                };
                let d = Diagnostic::error(codes::UNKNOWN_ARGUMENT, name.span, what);
                let d = super::suggest::suggest(d, name, known.iter().copied());
                self.report(match known {
                    [] => d,
                    _ => d.note(format!("beside its path it takes: {}", known.join(", "))),
                });
                None
            }
        }
    }

    /// What names of files say.
    fn pattern(&mut self, arg: &'a Arg) -> Option<Pattern> {
        let at = arg.value.span;
        match self.expr(&arg.value) {
            Value::Text(text) => match Pattern::parse(&text) {
                Ok(pattern) => Some(pattern),
                Err(what) => {
                    let d = Diagnostic::error(codes::OUT_OF_RANGE, at, what);
                    self.report(d.help("write `\"{digit}_{speaker}_{_}\"`: a column for each name in braces"));
                    None
                }
            },
            other => {
                self.wrong_kind(&other, at, "a pattern in quotes");
                None
            }
        }
    }

    /// A source that names its classes has as many as the field declares.
    pub(super) fn check_class_names(&mut self, data: &Known<'a>, column: &str, declared: i64, span: Span) {
        let Some(names) = data.schema.classes_of(column).filter(|names| names.len() as i64 != declared) else { return };
        let shown: Vec<String> = names.iter().take(20).map(|name| name.escape_debug().to_string()).collect();
        let more = if names.len() > shown.len() { ", …" } else { "" };
        let what = format!("`{column}` has {} classes, and {declared} are declared", names.len());
        let d = Diagnostic::error(codes::DATA, span, what).note(format!("classes: {}{more}", shown.join(", ")));
        let d = d.origin(Role::Data, data.plan.source.span, "the source is named here");
        self.report(d.help(format!("write `index({})`", names.len())));
    }
}

//! Reading and checking a program.

use std::fs;
use std::path::{Path, PathBuf};

use nnc_compiler::elaborate::{self, Checked};
use nnc_compiler::program::{Program, SourceSpec};
use nnc_compiler::world::{Options, World};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::{Sources, Span};
use nnc_runtime::data::{DataError, Request, Schema};

use crate::cli::ProgramArguments;
use crate::console::{Console, Failed};
use crate::report::Plain;
use crate::world::Disk;

/// The largest program that is read, in bytes.
const MOST: u64 = 16 << 20;

/// A program that was checked.
pub(crate) struct Loaded {
    /// The name under which it is shown: the path as given.
    pub(crate) name: String,
    /// All texts.
    pub(crate) sources: Sources,
    /// What elaboration made of it.
    pub(crate) program: Program,
    /// The files around it.
    disk: Disk,
}

impl Loaded {
    /// The files of a source of data, which lie beside the text that names them.
    pub(crate) fn request(&self, spec: &SourceSpec) -> Request {
        self.disk.request(self.named_in(spec), spec)
    }

    /// What the head of a source of data says.
    pub(crate) fn schema(&self, spec: &SourceSpec) -> Result<Schema, DataError> {
        self.disk.schema(self.named_in(spec), spec)
    }

    /// A path that the text at a place names.
    pub(crate) fn beside(&self, named: Span, path: &str) -> PathBuf {
        let from = self.sources.get(named.source).map_or(&self.name, |source| &source.name);
        self.disk.path(from, path)
    }

    /// The text that names a source of data.
    fn named_in(&self, spec: &SourceSpec) -> &str {
        self.sources.get(spec.span.source).map_or(&self.name, |source| &source.name)
    }

    /// Reports an error at a place of the program.
    pub(crate) fn fail(&self, console: &Console, diagnostic: &Diagnostic) -> Failed {
        console.fail(&self.sources, diagnostic)
    }
}

/// Reads and checks; every diagnostic is printed, and any error ends it.
pub(crate) fn load(arguments: &ProgramArguments, options: Options, console: &Console) -> Result<Loaded, Failed> {
    let (name, disk, checked) = check(arguments, options)?;
    console.diagnose(&checked.sources, &checked.diagnostics, arguments.all);
    match checked.program {
        Some(program) => Ok(Loaded { name, sources: checked.sources, program, disk }),
        None if checked.diagnostics.iter().any(Diagnostic::is_error) => Err(Failed::Reported),
        None => Err(Plain::new(codes::EMPTY_FILE, format!("{name} declares nothing to compile")).into()),
    }
}

/// Reads and checks without printing: name, the files around, and the outcome.
pub(crate) fn check(arguments: &ProgramArguments, options: Options) -> Result<(String, Disk, Checked), Failed> {
    let name = arguments.file.display().to_string();
    let text = read(&arguments.file)?;
    let disk = Disk::new(&arguments.set);
    let options = Options { set: arguments.set.clone(), ..options };
    let checked = elaborate::check(&disk, nnc_models::LIBRARY, (&name, &text), &options);
    Ok((name, disk, checked))
}

/// The text of a program.
pub(crate) fn read(path: &Path) -> Result<String, Plain> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        let plain = Plain::new(codes::FILE, format!("{shown}: {error}"));
        match error.kind() {
            std::io::ErrorKind::NotFound => plain.help("name a .nn file; the repository has some in models/"),
            _ => plain,
        }
    };
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length > MOST {
        return Err(Plain::new(codes::TOO_LARGE, format!("{shown}: {length} bytes are more than {MOST}")));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Plain::new(codes::NOT_UTF8, format!("{shown}:{line}: byte {at} is not UTF-8 text"))
            .help("save the file as UTF-8")
    })
}

//! `nnc export`: weights for another system.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nnc_compiler::world::Options;
use nnc_grammar::codes;
use nnc_runtime::checkpoint::{self, Tensor};

use crate::cli::ProgramArguments;
use crate::compile::Engine;
use crate::console::{Console, Failed};
use crate::load::load;
use crate::report::Plain;
use crate::{foreign, session, weights};

/// Writes weights for another system: its names, its shapes.
///
/// Parameters, as their averages are where the program keeps some, and statistics of layers are written in the precision of the
/// program. `init … from "FILE" as torch` reads them again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,
    /// The weights: last.safetensors, best.safetensors, or a file with the same tensors.
    #[arg(long, value_name = "WEIGHTS.safetensors")]
    weights: PathBuf,
    /// The system that is to read them.
    #[arg(long = "as", value_name = "SYSTEM", value_enum)]
    system: System,
    /// The file to write, in place of one that may be there.
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
}

/// Systems that read weights.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum System {
    /// PyTorch: names and shapes of the modules in torch.nn.
    Torch,
}

/// Exports.
pub(crate) fn run(arguments: &Arguments, console: &Console) -> Result<(), Failed> {
    let System::Torch = arguments.system;
    let file = weights::read(&arguments.weights)?;
    let loaded = load(&arguments.program, Options::default(), console)?;
    let specs = session::state_specs(&loaded.program);
    // Statistics that the file lacks are as they begin.
    let pool = session::pool(1)?;
    let mut states = session::initial_states(&loaded, &specs, 0, (Engine::Native, &pool), console)?;
    weights::restore_into(&loaded, &arguments.weights, &file, &specs, &mut states, console)?;
    let tensors = foreign::tensors(&loaded.program, &specs, &states)?;
    if tensors.is_empty() {
        return Err(Plain::new(codes::WEIGHTS, format!("{} has no parameters to write", loaded.name)).into());
    }
    if let Some(folder) = arguments.out.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        let headline = format!("{}: there is no folder {}", arguments.out.display(), folder.display());
        return Err(Plain::new(codes::FILE, headline).into());
    }
    let views: Vec<_> = tensors.iter().map(Tensor::view).collect();
    // By this entry other programs know whose names and shapes these are.
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    let written = checkpoint::write(&arguments.out, &views, &metadata);
    written.map_err(|error| Plain { code: codes::FILE, ..Plain::from(error) })?;
    console.say(&format!("{} tensors in {}", tensors.len(), arguments.out.display()));
    Ok(())
}

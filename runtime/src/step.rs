//! A compiled step as the training loop sees it: a function from states and a batch to new states and reported values.
//!
//! [`Step`] is implemented by native code ([`Executable`]) and by the oracle, so that the loop and every test can drive either.

use crate::buffer::Buffer;
use crate::dtype::{DType, byte_count};
use crate::kernels::pool::Pool;
use std::any::Any;
use std::ffi::c_void;

/// A value that a step reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSpec {
    /// `loss`, `accuracy`, …
    pub name: String,
    /// Its element type.
    pub dtype: DType,
    /// Its sizes; empty for one number.
    pub shape: Vec<usize>,
}

/// What a step works on.
pub struct StepIo<'a> {
    /// The program's states, by number. A step of one mode touches only those it reads or updates.
    pub states: &'a mut [Buffer],
    /// The batch, by the program's input numbers; inputs that the step does not read may be empty.
    pub inputs: &'a [Buffer],
    /// The seed of the run.
    pub seed: i64,
    /// Steps taken before this one.
    pub step: i64,
    /// The threads to use.
    pub pool: &'a Pool,
    /// Use all threads of the pool even where a region is too small to gain from it.
    pub threads_always: bool,
}

/// Why a step stopped before it wrote any state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The guarded loss is not finite.
    NotFinite,
}

/// Something that performs a step.
pub trait Step: Send {
    /// Performs one step. After a fault no state has changed.
    fn run(&mut self, io: &mut StepIo<'_>) -> Result<(), Fault>;

    /// What it reports, in order.
    fn outputs(&self) -> &[OutputSpec];

    /// The bytes of a reported value after a step, row-major, little-endian.
    fn output(&self, index: usize) -> &[u8];

    /// Bytes of working memory beyond states and inputs.
    fn arena_bytes(&self) -> usize;
}

/// The arguments of native code. Pointers are valid for one call; generated code reads the fields by the offsets of this
/// layout.
#[repr(C)]
pub struct StepCtx {
    /// Working memory, aligned to a cache line.
    pub arena: *mut u8,
    /// One pointer a state.
    pub states: *const *mut u8,
    /// One pointer an input.
    pub inputs: *const *const u8,
    /// The seed of the run.
    pub seed: i64,
    /// Steps taken before this one.
    pub step: i64,
    /// The pool handed to `parallel`.
    pub pool: *const c_void,
    /// Runs a region on the pool: `parallel(pool, region, ctx, parts)`.
    pub parallel: ParallelFn,
    /// 1 to use all threads for every region that has parts, else 0.
    pub threads_always: u64,
    /// Threads of the pool.
    pub threads: u64,
}

/// Runs `region(ctx, begin, end)` over `0..parts`, split among threads, and returns when all is done.
pub type ParallelFn = unsafe extern "C" fn(
    pool: *const c_void,
    region: unsafe extern "C" fn(ctx: *mut c_void, begin: u32, end: u32),
    ctx: *mut c_void,
    parts: u32,
);

/// Native code of a step: 0 when it is done, 1 when the guarded loss is not finite.
pub type StepFn = unsafe extern "C" fn(ctx: *mut StepCtx) -> u32;

/// Native code with its memory.
pub struct Executable {
    entry: StepFn,
    arena: Buffer,
    outputs: Vec<OutputSpec>,
    offsets: Vec<usize>,
    states: Vec<usize>,
    inputs: Vec<usize>,
    state_pointers: Vec<*mut u8>,
    input_pointers: Vec<*const u8>,
    /// Keeps the code and its constants in memory.
    _code: Box<dyn Any + Send>,
}

// SAFETY: the pointer tables are scratch that `run` fills before use; everything else is owned.
unsafe impl Send for Executable {}

/// What a compiler hands over.
pub struct ExecutableParts {
    /// The entry point.
    pub entry: StepFn,
    /// Bytes of working memory.
    pub arena_bytes: usize,
    /// Reported values and where each lies in the working memory after a step.
    pub outputs: Vec<(OutputSpec, usize)>,
    /// Bytes of each state by number; 0 for a state that the code does not touch.
    pub states: Vec<usize>,
    /// Bytes of each input by number; 0 for an input that the code does not read.
    pub inputs: Vec<usize>,
    /// What keeps the code and its constants in memory.
    pub code: Box<dyn Any + Send>,
}

impl Executable {
    /// Takes code over.
    ///
    /// # Safety
    /// `entry` must be valid for as long as `code` lives and must touch only: `arena_bytes` of arena, the states and inputs
    /// within the bytes stated for them.
    ///
    /// # Panics
    /// When a reported value does not lie in the arena.
    pub unsafe fn new(parts: ExecutableParts) -> Executable {
        for (spec, offset) in &parts.outputs {
            let end = byte_count(spec.dtype, &spec.shape).and_then(|n| n.checked_add(*offset));
            assert!(end.is_some_and(|e| e <= parts.arena_bytes), "`{}` lies outside the arena", spec.name);
        }
        let (outputs, offsets) = parts.outputs.into_iter().unzip();
        Executable {
            entry: parts.entry,
            arena: Buffer::zeroed(parts.arena_bytes),
            outputs,
            offsets,
            state_pointers: vec![std::ptr::null_mut(); parts.states.len()],
            input_pointers: vec![std::ptr::null(); parts.inputs.len()],
            states: parts.states,
            inputs: parts.inputs,
            _code: parts.code,
        }
    }
}

impl Step for Executable {
    fn run(&mut self, io: &mut StepIo<'_>) -> Result<(), Fault> {
        assert!(io.states.len() >= self.states.len(), "every state of the program is held");
        for (i, (buffer, bytes)) in io.states.iter_mut().zip(&self.states).enumerate() {
            assert!(buffer.len() >= *bytes, "state {i} is shorter than the code needs");
            self.state_pointers[i] = buffer.as_mut_ptr();
        }
        assert!(io.inputs.len() >= self.inputs.len(), "every input of the program is held");
        for (i, (buffer, bytes)) in io.inputs.iter().zip(&self.inputs).enumerate() {
            assert!(buffer.len() >= *bytes, "input {i} is shorter than the code needs");
            self.input_pointers[i] = buffer.as_ptr();
        }
        let mut ctx = StepCtx {
            arena: self.arena.as_mut_ptr(),
            states: self.state_pointers.as_ptr(),
            inputs: self.input_pointers.as_ptr(),
            seed: io.seed,
            step: io.step,
            pool: std::ptr::from_ref(io.pool).cast(),
            parallel,
            threads_always: u64::from(io.threads_always),
            threads: io.pool.threads() as u64,
        };
        // SAFETY: the code keeps to the memory it stated (the contract of `new`), whose sizes were checked above.
        match unsafe { (self.entry)(&mut ctx) } {
            0 => Ok(()),
            _ => Err(Fault::NotFinite),
        }
    }

    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn output(&self, index: usize) -> &[u8] {
        let spec = &self.outputs[index];
        // `new` has checked that the value lies in the arena.
        let bytes = byte_count(spec.dtype, &spec.shape).unwrap_or(0);
        &self.arena.as_slice()[self.offsets[index]..][..bytes]
    }

    fn arena_bytes(&self) -> usize {
        self.arena.len()
    }
}

unsafe extern "C" fn parallel(
    pool: *const c_void,
    region: unsafe extern "C" fn(ctx: *mut c_void, begin: u32, end: u32),
    ctx: *mut c_void,
    parts: u32,
) {
    // SAFETY: `run` passed a pool that outlives the call, and the code passes one of its own regions.
    unsafe { (*pool.cast::<Pool>()).run(parts, region, ctx) }
}

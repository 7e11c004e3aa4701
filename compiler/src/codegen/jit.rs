//! Functions to memory: a Cranelift module whose pages are writable until they are executable.

use super::emit::{self, Env, WideRows};
use super::kernels::{Kernel, ProductShape, leaves};
use super::lower::Lowered;
use super::plan::{self, Plan};
use super::wide::{self, Wide};
use super::{CodegenError, Options};
use crate::prog::Ty;
use cranelift_codegen::Context;
use cranelift_codegen::ir::{GlobalValue, UserFuncName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{DataDescription, DataId, FuncId, Linkage, Module, ModuleError, default_libcall_names};
use nnc_runtime::kernels::product::ProductDesc;
use nnc_runtime::kernels::routine::{ENTRIES, RoutineDesc};
use nnc_runtime::kernels::{Isa, KernelTable};
use nnc_runtime::step::StepFn;

/// Names under which code knows the product kernels; those of routines are [`ENTRIES`]'.
const PRODUCT: [(&str, Ty); 2] = [("nnc_product_f32", Ty::F32), ("nnc_product_f64", Ty::F64)];

/// Alignment of hand-made functions: a cache line.
const ROWS_ALIGN: u64 = 64;

/// Code in memory.
pub(super) struct Code {
    /// The step.
    pub(super) entry: StepFn,
    /// Frees the code when dropped.
    pub(super) memory: Memory,
}

/// Owns the pages of a module.
pub(super) struct Memory(Option<JITModule>);

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(module) = self.0.take() {
            // SAFETY: whoever calls the code holds this value (the contract of `Executable::new`), so none of it is running.
            unsafe { module.free_memory() }
        }
    }
}

/// What the functions of a step look like.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    /// The intermediate form, as emitted.
    pub(super) clif: String,
    /// The machine code.
    pub(super) asm: String,
}

/// Compiles the stages of a step for this machine.
pub(super) fn compile(
    lowered: &Lowered,
    plan: &Plan,
    table: &'static KernelTable,
    options: &Options,
) -> Result<Code, CodegenError> {
    let mut module = module(table, options.verify)?;
    let entry = define(&mut module, lowered, plan, is_wide(table, options), None)?;
    module.finalize_definitions()?;
    let address = module.get_finalized_function(entry);
    // SAFETY: the function was defined with this signature, in the convention of C.
    let entry = unsafe { std::mem::transmute::<*const u8, StepFn>(address) };
    Ok(Code { entry, memory: Memory(Some(module)) })
}

/// The texts of the functions that [`compile`] makes.
pub(super) fn texts(
    lowered: &Lowered,
    plan: &Plan,
    table: &'static KernelTable,
    options: &Options,
) -> Result<Texts, CodegenError> {
    let mut texts = Texts::default();
    let mut memory = Memory(Some(module(table, true)?));
    if let Some(module) = &mut memory.0 {
        define(module, lowered, plan, is_wide(table, options), Some(&mut texts))?;
    }
    Ok(texts)
}

impl From<ModuleError> for CodegenError {
    fn from(e: ModuleError) -> CodegenError {
        CodegenError::Internal(match e {
            ModuleError::Compilation(e) => format!("{e:?}"),
            e => e.to_string(),
        })
    }
}

fn module(table: &'static KernelTable, verify: bool) -> Result<JITModule, CodegenError> {
    let mut builder = JITBuilder::with_isa(isa(verify)?, default_libcall_names());
    for (name, ty) in PRODUCT {
        builder
            .symbol(name, if ty == Ty::F64 { table.product_f64 as *const u8 } else { table.product_f32 as *const u8 });
    }
    for (_, _, name, entry) in ENTRIES {
        builder.symbol(name, entry as *const u8);
    }
    Ok(JITModule::new(builder))
}

/// This machine, with the settings measured best: the e-graph and the backtracking register allocator.
fn isa(verify: bool) -> Result<OwnedTargetIsa, CodegenError> {
    #[cfg(target_arch = "x86_64")]
    if !(std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")) {
        return Err(CodegenError::Machine(
            "compiled code needs an x86-64 processor with AVX2 and FMA (x86-64-v3, 2013 or later)".into(),
        ));
    }
    let setting = |e: settings::SetError| CodegenError::Internal(e.to_string());
    let mut flags = settings::builder();
    flags.set("opt_level", "speed").map_err(setting)?;
    flags.set("regalloc_algorithm", "backtracking").map_err(setting)?;
    flags.set("is_pic", "false").map_err(setting)?;
    flags.set("use_colocated_libcalls", "false").map_err(setting)?;
    flags.set("enable_verifier", if verify { "true" } else { "false" }).map_err(setting)?;
    let builder = cranelift_native::builder()
        .map_err(|why| CodegenError::Machine(format!("no code can be made for this machine: {why}")))?;
    builder.finish(settings::Flags::new(flags)).map_err(|e| CodegenError::Internal(e.to_string()))
}

/// Whether rows go sixteen lanes at once: where the tile kernels do.
fn is_wide(table: &KernelTable, options: &Options) -> bool {
    options.wide && table.isa == Isa::Avx512
}

/// Declares and defines everything; the entry is the step.
fn define(
    module: &mut JITModule,
    lowered: &Lowered,
    plan: &Plan,
    wide: bool,
    mut texts: Option<&mut Texts>,
) -> Result<FuncId, CodegenError> {
    let config = module.target_config();
    let convention = config.default_call_conv;
    let tables = lowered.tables.iter().map(|table| constant_data(module, &table.bytes));
    let tables = tables.collect::<Result<Vec<DataId>, _>>()?;
    let known = |module: &mut JITModule, context: &mut Context| -> Vec<GlobalValue> {
        tables.iter().map(|id| module.declare_data_in_func(*id, &mut context.func)).collect()
    };
    let imported = |module: &mut JITModule, name: &str| {
        module.declare_function(name, Linkage::Import, &emit::kernel_signature(convention)).map_err(CodegenError::from)
    };
    let mut context = module.make_context();
    let mut builders = FunctionBuilderContext::new();
    let mut regions: Vec<Option<FuncId>> = vec![];
    for (i, stage) in leaves(&lowered.stages).into_iter().enumerate() {
        if matches!(stage.kernel, Kernel::Guard(..)) {
            regions.push(None);
            continue;
        }
        let signature = emit::region_signature(convention);
        let id = module.declare_function(&format!("stage_{i}"), Linkage::Local, &signature)?;
        context.func.signature = signature;
        context.func.name = UserFuncName::user(0, id.as_u32());
        let callee = match &stage.kernel {
            Kernel::Product(p) => {
                Some((PRODUCT[usize::from(p.ty == Ty::F64)].0, product_descriptor(module, &p.shape)?))
            }
            Kernel::Call(c) => {
                let entry = ENTRIES.iter().find(|e| (e.0, e.1) == (c.routine, c.bytes));
                let (_, _, name, _) = entry.ok_or_else(|| {
                    CodegenError::Internal(format!("{:?} has no entry for {} bytes", c.routine, c.bytes))
                })?;
                Some((*name, routine_descriptor(module, &c.desc)?))
            }
            Kernel::Loop(_) | Kernel::Tree(_) | Kernel::Guard(..) | Kernel::Turns(_) => None,
        };
        let rows = match &stage.kernel {
            Kernel::Loop(nest) if wide => wide::compile(nest),
            _ => None,
        };
        let rows = rows.map(|rows| define_rows(module, &mut context, &rows, i, texts.as_deref_mut())).transpose()?;
        let callee = match callee {
            Some((name, data)) => {
                let function = imported(module, name)?;
                let function = module.declare_func_in_func(function, &mut context.func);
                Some((function, module.declare_data_in_func(data, &mut context.func)))
            }
            None => None,
        };
        let tables = known(module, &mut context);
        let env = Env { buffers: &lowered.buffers, plan, tables: &tables };
        let builder = FunctionBuilder::new(&mut context.func, &mut builders);
        emit::region(builder, env, stage, (callee, rows.as_ref()), config);
        finish(module, id, &mut context, texts.as_deref_mut(), &format!("stage {i}"))?;
        regions.push(Some(id));
    }
    let signature = emit::step_signature(convention);
    let entry = module.declare_function("step", Linkage::Export, &signature)?;
    context.func.signature = signature;
    context.func.name = UserFuncName::user(0, entry.as_u32());
    let calls: Vec<_> =
        regions.iter().map(|id| id.map(|id| module.declare_func_in_func(id, &mut context.func))).collect();
    let tables = known(module, &mut context);
    let env = Env { buffers: &lowered.buffers, plan, tables: &tables };
    let builder = FunctionBuilder::new(&mut context.func, &mut builders);
    emit::step_function(builder, env, &lowered.stages, &calls, convention, config);
    finish(module, entry, &mut context, texts, "step")?;
    Ok(entry)
}

/// Defines the function of the rows of a nest, and makes it known to the function being made.
fn define_rows(
    module: &mut JITModule,
    context: &mut Context,
    wide: &Wide,
    stage: usize,
    texts: Option<&mut Texts>,
) -> Result<WideRows, CodegenError> {
    let signature = emit::rows_signature();
    let id = module.declare_function(&format!("rows_{stage}"), Linkage::Local, &signature)?;
    module.define_function_bytes(id, ROWS_ALIGN, &wide.bytes, &[])?;
    if let Some(texts) = texts {
        texts.asm += &format!("; rows of stage {stage}\n{}\n", wide.listing());
    }
    let function = module.declare_func_in_func(id, &mut context.func);
    Ok(WideRows { function, scalars: wide.scalars.clone() })
}

fn finish(
    module: &mut JITModule,
    id: FuncId,
    context: &mut Context,
    texts: Option<&mut Texts>,
    name: &str,
) -> Result<(), CodegenError> {
    context.set_disasm(texts.is_some());
    let clif = texts.is_some().then(|| context.func.display().to_string());
    module.define_function(id, context)?;
    if let (Some(texts), Some(clif)) = (texts, clif) {
        let code = context.compiled_code().and_then(|c| c.vcode.as_deref()).unwrap_or_default();
        texts.clif += &format!("; {name}\n{clif}\n");
        texts.asm += &format!("; {name}\n{code}\n");
    }
    module.clear_context(context);
    Ok(())
}

/// The descriptor of a product as read-only data beside the code.
fn product_descriptor(module: &mut JITModule, shape: &ProductShape) -> Result<DataId, CodegenError> {
    let desc = shape.desc();
    // SAFETY: a `ProductDesc` is made of 64-bit words without padding, and is read as bytes while it lives.
    let bytes = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(&desc).cast::<u8>(), size_of::<ProductDesc>()) };
    constant_data(module, bytes)
}

/// The descriptor of a routine as read-only data beside the code.
fn routine_descriptor(module: &mut JITModule, desc: &RoutineDesc) -> Result<DataId, CodegenError> {
    // SAFETY: a `RoutineDesc` is made of 64-bit words without padding, and is read as bytes while it lives.
    let bytes = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(desc).cast::<u8>(), size_of::<RoutineDesc>()) };
    constant_data(module, bytes)
}

/// Read-only data beside the code.
fn constant_data(module: &mut JITModule, bytes: &[u8]) -> Result<DataId, CodegenError> {
    let mut data = DataDescription::new();
    data.define(bytes.into());
    data.set_align(plan::ALIGN as u64);
    let id = module.declare_anonymous_data(false, false)?;
    module.define_data(id, &data)?;
    Ok(id)
}

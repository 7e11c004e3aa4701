use nnc_compiler::world::{World, Options};
use nnc_compiler::program::SourceSpec;
use nnc_runtime::data::{Schema, DataError, Request};
struct W;
impl World for W {
    fn source(&self, from: &str, path: &str) -> Result<(String, String), String> { let p = std::path::Path::new(from).parent().unwrap().join(path); std::fs::read_to_string(&p).map(|t| (p.display().to_string(), t)).map_err(|e| e.to_string()) }
    fn schema(&self, from: &str, spec: &SourceSpec) -> Result<Schema, DataError> { Request { format: spec.format, path: std::path::Path::new(from).parent().unwrap().join(&spec.path), hint: None }.schema() }
}
#[test]
fn t() {
    let f = std::env::var("F").unwrap();
    let text = std::fs::read_to_string(&f).unwrap();
    let set = std::env::var("SET").ok().map(|s| s.split(',').map(|kv| { let (k,v)=kv.split_once('=').unwrap(); (k.to_string(), v.to_string())}).collect()).unwrap_or_default();
    let t0 = std::time::Instant::now();
    let c = nnc_compiler::elaborate::check(&W, nnc_models::LIBRARY, (&f, &text), &Options { set, ..Default::default() });
    println!("elaborated in {:?}", t0.elapsed());
    for d in &c.diagnostics {
        println!("{:?}[{}] {} at {} : {}", d.severity, d.code.name, d.headline, c.sources.place(d.primary.span), d.primary.text);
        for o in &d.origins { println!("    {:?} {} {}", o.role, c.sources.place(o.span), o.text); }
        for n in &d.notes { println!("    note {n}"); }
        for n in &d.fixes { println!("    help {}", n.title); }
    }
    if let Some(p) = c.program {
        for s in &p.states { println!("{} {} {:?}", s.path, s.ty, s.role); }
        if std::env::var("P").is_ok() { if let Some(t) = &p.train { println!("{}", nnc_compiler::ir::print::print(&t.step, &p)); println!("{}", nnc_compiler::ir::print::print(&t.evaluate, &p)); }
        println!("{}", nnc_compiler::ir::print::print(&p.initialise, &p)); }
        for r in &p.table { println!("{:?}", r); }
    }
}

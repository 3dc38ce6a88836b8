//! The compiled code of components: from the cache, from another process, or compiled here.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::{CodeCache, of_code};
use super::compile::{CompileLimits, Compiler};
use super::source::{Source, off_thread, unusable};
use crate::error::LoadProblem;
use crate::limits::Limits;
use crate::sandbox::engine;
use crate::setup::CompileNotice;

/// A component that takes longer to compile is announced, in addition to the large ones.
const ANNOUNCED: Duration = Duration::from_secs(1);

/// A built-in plugin may take this many times as much CPU time as others.
const PATIENCE: u32 = 10;

/// Makes compiled code of components.
pub(crate) struct Code {
    pub(crate) engine: Engine,
    pub(crate) cache: Option<Arc<CodeCache>>,
    pub(crate) notice: Option<Arc<CompileNotice>>,
    pub(crate) compiler: Option<Compiler>,
}

impl Code {
    /// Takes compiled code from the cache, else compiles the component and stores the code.
    ///
    /// Only built-in plugins are compiled in this process, unless they are large. Dropping the future ends
    /// a process that was started for it.
    pub(crate) async fn of(
        &self,
        source: Source,
        limits: &Limits,
    ) -> Result<Component, LoadProblem> {
        let source = Arc::new(source);
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        let wanted = Arc::clone(&source);
        let known = move || cache?.get(&engine, &wanted.sha256);
        if let Some(component) = off_thread(known).await {
            return Ok(component);
        }
        let announce = || {
            if let Some(notice) = self.notice.as_deref() {
                notice(&source.name);
            }
        };
        if source.is_large() {
            announce();
        }
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        let Some(compiler) =
            self.compiler.as_ref().filter(|_| !source.built_in || source.is_large())
        else {
            return off_thread(move || {
                let code = compiled_here(&source)?;
                kept(&engine, cache.as_deref(), &source, &code)
            })
            .await;
        };
        let reading = Arc::clone(&source);
        let bytes = off_thread(move || reading.bytes().map(|bytes| bytes.into_owned())).await;
        let bytes = bytes.map_err(|error| LoadProblem::Read(Arc::new(error.into())))?;
        // A built-in plugin is not hostile, and a slow machine may need minutes for it.
        let patience = if source.built_in { PATIENCE } else { 1 };
        let compiling = compiler.compile(
            &bytes,
            CompileLimits {
                cpu: limits.compile_cpu.saturating_mul(patience),
                wall: limits.compile_wall,
                memory: limits.compile_memory,
            },
        );
        tokio::pin!(compiling);
        let code = tokio::select! {
            code = &mut compiling => code?,
            () = tokio::time::sleep(ANNOUNCED), if !source.is_large() => {
                announce();
                compiling.await?
            }
        };
        off_thread(move || kept(&engine, cache.as_deref(), &source, &code)).await
    }
}

/// Compiles a component in this process.
fn compiled_here(source: &Source) -> Result<Vec<u8>, LoadProblem> {
    let bytes = source.bytes().map_err(|error| LoadProblem::Read(Arc::new(error.into())))?;
    let compiler = engine::compiler().map_err(|error| unusable(&error))?;
    compiler.precompile_component(&bytes).map_err(|error| unusable(&error))
}

/// Stores compiled code in the cache, and returns the component.
fn kept(
    engine: &Engine,
    cache: Option<&CodeCache>,
    source: &Source,
    code: &[u8],
) -> Result<Component, LoadProblem> {
    if let Some(Err(error)) = cache.map(|cache| cache.put(&source.sha256, code)) {
        tracing::debug!(%error, plugin = source.name, "cannot cache the compiled plugin");
    }
    // The cache maps the code, which takes less memory than a copy of it.
    let kept = cache.and_then(|cache| cache.get(engine, &source.sha256));
    kept.map_or_else(|| of_code(engine, code).map_err(|error| unusable(&error)), Ok)
}

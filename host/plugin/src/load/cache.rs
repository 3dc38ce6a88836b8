//! A cache of compiled plugins on disk, so that each version of longshore compiles a plugin once.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use twox_hash::XxHash3_128;
use wasmtime::Engine;
use wasmtime::component::Component;

use longshore_files::{CacheFolder, read_from};

/// The name of the folder.
const FOLDER: &str = "compiled";
/// The extension of a file with compiled code.
const CODE: &str = "cwasm";
/// The extension of a file with the checksum of compiled code.
const SIDECAR: &str = "xxh3";
/// The largest such file, in bytes.
const SIDECAR_LIMIT: u64 = 64;

/// A folder of compiled components that only this user can access.
pub(crate) struct CodeCache {
    folder: CacheFolder,
    /// The hash of what else compiled code depends on: the version of wasmtime, our settings and the
    /// processor. So machines with one home folder and different processors keep out of each other's way.
    compatibility: u64,
}

impl CodeCache {
    /// Opens the cache below `root`.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be created, belongs to another user or is open to others.
    pub(crate) fn open(root: &Path, engine: &Engine) -> io::Result<Self> {
        let folder = CacheFolder::open(root, FOLDER)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        processor().hash(&mut hasher);
        Ok(Self { folder, compatibility: hasher.finish() })
    }

    /// Returns the compiled form of a component if the cache has it and its checksum matches.
    pub(crate) fn get(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let sidecar = self.folder.open_file(&self.name(sha256, SIDECAR)).ok()?;
        let expected = read_from(sidecar, SIDECAR_LIMIT).ok()?;
        let mut code = self.folder.open_file(&self.name(sha256, CODE)).ok()?;
        if checksum_of(&mut code).ok()?.as_bytes() != expected {
            return None;
        }
        deserialize(engine, &code)
    }

    /// Stores the compiled form of a component. Replaces an older one.
    pub(crate) fn put(&self, sha256: &str, compiled: &[u8]) -> io::Result<()> {
        let checksum = checksum(XxHash3_128::oneshot(compiled));
        self.folder.replace(&self.name(sha256, CODE), &[compiled])?;
        self.folder.replace(&self.name(sha256, SIDECAR), &[checksum.as_bytes()])
    }

    fn name(&self, sha256: &str, extension: &str) -> String {
        format!("{sha256}-{:016x}.{extension}", self.compatibility)
    }
}

/// Returns what of the processor compiled code depends on. Wasmtime itself refuses code that the processor
/// cannot run.
fn processor() -> Vec<bool> {
    #[cfg(target_arch = "x86_64")]
    return vec![
        is_x86_feature_detected!("sse4.2"),
        is_x86_feature_detected!("popcnt"),
        is_x86_feature_detected!("lzcnt"),
        is_x86_feature_detected!("bmi1"),
        is_x86_feature_detected!("bmi2"),
        is_x86_feature_detected!("avx"),
        is_x86_feature_detected!("avx2"),
        is_x86_feature_detected!("fma"),
        is_x86_feature_detected!("avxvnni"),
        is_x86_feature_detected!("avx512f"),
        is_x86_feature_detected!("avx512vnni"),
        is_x86_feature_detected!("avx512vl"),
        is_x86_feature_detected!("avx512dq"),
        is_x86_feature_detected!("avx512bitalg"),
        is_x86_feature_detected!("avx512vbmi"),
    ];
    #[cfg(target_arch = "aarch64")]
    return vec![
        std::arch::is_aarch64_feature_detected!("lse"),
        std::arch::is_aarch64_feature_detected!("paca"),
        std::arch::is_aarch64_feature_detected!("fp16"),
    ];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    Vec::new()
}

/// Takes compiled code that this process wrote, or another one of this program.
#[expect(unsafe_code, reason = "without a cache, compiled code comes from another process")]
pub(crate) fn of_code(engine: &Engine, code: &[u8]) -> Result<Component, wasmtime::Error> {
    // SAFETY: wasmtime requires that `Component::serialize` or `Engine::precompile_component` of the same
    // version made the bytes. They were made in this process, or came through a pipe from a process that we
    // started of our own program, and that nobody else could write to. wasmtime compares its version and
    // settings.
    unsafe { Component::deserialize(engine, code) }
}

/// Maps compiled code into memory, by the file that was hashed and not by its name.
#[expect(unsafe_code, reason = "mapped code starts in milliseconds, compiling takes seconds")]
fn deserialize(engine: &Engine, code: &File) -> Option<Component> {
    let path = format!("/proc/self/fd/{}", code.as_raw_fd());
    // SAFETY: wasmtime requires that `Component::serialize` of the same version wrote the file, and
    // that it does not change while it is mapped. The file belongs to this user and is closed to others
    // (mode 0600). It was opened in a folder of this user that is closed too (0700), and nobody else can
    // exchange a folder above that one. Its name holds the hash of wasmtime's version and settings. The
    // checksum of this open file was just compared with the one of the compiled code, so that it is not
    // damaged. We never write into such a file, but rename a new file over it. Only this user could
    // forge both files, and this user could replace the program too.
    unsafe { Component::deserialize_file(engine, path) }.ok()
}

/// Returns the checksum of a file, which detects damage. A cryptographic hash would not detect forgery
/// either: a forger would write both files. Reads the file in pieces, because each run reads megabytes.
fn checksum_of(file: &mut File) -> io::Result<String> {
    let mut hasher = XxHash3_128::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(checksum(hasher.finish_128())),
            read => hasher.write(&buffer[..read]),
        }
    }
}

/// Returns a checksum as text.
fn checksum(xxh3: u128) -> String {
    format!("{xxh3:032x}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{CODE, CodeCache, SIDECAR};
    use crate::sandbox::engine::{compiler, engine};

    const SHA256: &str = "00ff";

    #[test]
    fn code_is_returned_unless_it_or_its_checksum_was_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine().expect("an engine");
        let cache = CodeCache::open(folder.path(), &engine).expect("a cache");
        let component = wat::parse_str("(component)").expect("a component");
        let compiler = compiler().expect("a compiler");
        let compiled = compiler.precompile_component(&component).expect("compiles");
        assert!(cache.get(&engine, SHA256).is_none(), "an empty cache returned code");
        cache.put(SHA256, &compiled).expect("is written");
        assert!(cache.get(&engine, SHA256).is_some());

        let mut damaged = compiled.clone();
        damaged[100] ^= 1;
        let path = |extension| cache.folder.path().join(cache.name(SHA256, extension));
        fs::write(path(CODE), damaged).expect("is damaged");
        assert!(cache.get(&engine, SHA256).is_none(), "damaged code was mapped");
        cache.put(SHA256, &compiled).expect("is written again");
        assert!(cache.get(&engine, SHA256).is_some());
        fs::remove_file(path(SIDECAR)).expect("is removed");
        assert!(cache.get(&engine, SHA256).is_none(), "code without a checksum was mapped");
    }
    #[test]
    fn code_that_others_put_in_its_place_is_not_mapped() {
        let root = tempfile::tempdir().expect("a folder");
        let engine = engine().expect("an engine");
        let cache = CodeCache::open(root.path(), &engine).expect("a cache");
        let compiler = compiler().expect("a compiler");
        let compile = |text: &str| {
            let component = wat::parse_str(text).expect("a component");
            compiler.precompile_component(&component)
        };
        let right = compile("(component)").expect("compiles");
        let wrong = compile("(component (core module))").expect("compiles");
        cache.put(SHA256, &right).expect("is written");
        // The folder is exchanged for one with other code and its hash.
        let (place, moved) = (cache.folder.path(), root.path().join("moved"));
        fs::rename(place, &moved).expect("is moved");
        let other = CodeCache::open(root.path(), &engine).expect("another cache");
        other.put(SHA256, &wrong).expect("is written");
        let mapped = cache.get(&engine, SHA256).expect("the code of the checked folder");
        assert_eq!(mapped.serialize().expect("its code"), right);

        // The code is a link to other code, or another user may write it.
        let file = other.folder.path().join(other.name(SHA256, CODE));
        let elsewhere = root.path().join("elsewhere");
        fs::rename(&file, &elsewhere).expect("is moved");
        std::os::unix::fs::symlink(&elsewhere, &file).expect("a link");
        assert!(other.get(&engine, SHA256).is_none(), "a link was followed");
        fs::remove_file(&file).expect("is removed");
        fs::rename(&elsewhere, &file).expect("is moved back");
        assert!(other.get(&engine, SHA256).is_some());
        let shared = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        fs::set_permissions(&file, shared).expect("is shared");
        assert!(other.get(&engine, SHA256).is_none(), "code that others may write was mapped");
    }
}

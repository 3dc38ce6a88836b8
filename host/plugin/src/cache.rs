//! Compiled code on disk, so that a plugin is compiled once per machine and longshore.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use longshore_cache::CacheFolder;

/// The folder's name.
const FOLDER: &str = "compiled";
/// Extension of compiled code.
const CODE: &str = "cwasm";
/// Extension of the file with its hash.
const SIDECAR: &str = "sha256";

/// A folder of compiled components that belongs to this user alone.
pub(super) struct CodeCache {
    folder: CacheFolder,
    /// Hash of all that compiled code depends on beside the component: wasmtime's version, the
    /// machine and our settings.
    compatibility: u64,
}

impl CodeCache {
    /// Opens the cache below `root`.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made, is not ours or is open to others: then there is no cache.
    pub(super) fn open(root: &Path, engine: &Engine) -> io::Result<Self> {
        let folder = CacheFolder::open(root, FOLDER)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { folder, compatibility: hasher.finish() })
    }

    /// The compiled form of a component, if it is here and unharmed.
    pub(super) fn get(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let code = self.code(sha256);
        let expected = std::fs::read_to_string(self.sidecar(sha256)).ok()?;
        if hash_of(&code).ok()? != expected {
            return None;
        }
        deserialize(engine, &code)
    }

    /// Keeps the compiled form of a component, replacing an older one.
    pub(super) fn put(&self, sha256: &str, compiled: &[u8]) -> io::Result<()> {
        let hash = hex(&Sha256::digest(compiled));
        self.folder.replace(&self.name(sha256, CODE), &[compiled])?;
        self.folder.replace(&self.name(sha256, SIDECAR), &[hash.as_bytes()])
    }

    fn code(&self, sha256: &str) -> PathBuf {
        self.folder.file(&self.name(sha256, CODE))
    }

    fn sidecar(&self, sha256: &str) -> PathBuf {
        self.folder.file(&self.name(sha256, SIDECAR))
    }

    fn name(&self, sha256: &str, extension: &str) -> String {
        format!("{sha256}-{:016x}.{extension}", self.compatibility)
    }
}

/// Maps compiled code.
#[expect(unsafe_code, reason = "mapping compiled code is what makes a start take milliseconds")]
fn deserialize(engine: &Engine, code: &Path) -> Option<Component> {
    // SAFETY: wasmtime asks that the file was written by `Component::serialize` of the same version
    // and is not changed while it is mapped. It lies in a folder that was found to be this user's
    // and closed to everybody else (mode 0700), under a name that holds the hash of wasmtime's
    // version and settings; its SHA-256 was just compared with the one written when it was compiled,
    // so a torn or damaged file does not get here; and we never write into such a file but rename a
    // new one over its name. What is left is this user forging both files, who could as well replace
    // the program.
    unsafe { Component::deserialize_file(engine, code) }.ok()
}

/// The SHA-256 of a file in hexadecimal digits, without holding it in memory.
fn hash_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use wasmtime::component::Component;

    use super::super::engine::engine;
    use super::CodeCache;

    const SHA256: &str = "00ff";

    #[test]
    fn code_comes_back_unless_it_or_its_hash_was_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine().expect("an engine");
        let cache = CodeCache::open(folder.path(), &engine).expect("a cache");
        let component = wat::parse_str("(component)").expect("a component");
        let compiled = Component::new(&engine, component)
            .and_then(|component| component.serialize())
            .expect("compiles");
        assert!(cache.get(&engine, SHA256).is_none(), "an empty cache answered");
        cache.put(SHA256, &compiled).expect("is written");
        assert!(cache.get(&engine, SHA256).is_some());

        let mut damaged = compiled.clone();
        damaged[100] ^= 1;
        fs::write(cache.code(SHA256), damaged).expect("is damaged");
        assert!(cache.get(&engine, SHA256).is_none(), "damaged code was mapped");
        cache.put(SHA256, &compiled).expect("is written again");
        assert!(cache.get(&engine, SHA256).is_some());
        fs::remove_file(cache.sidecar(SHA256)).expect("is removed");
        assert!(cache.get(&engine, SHA256).is_none(), "code without a hash was mapped");
    }
}

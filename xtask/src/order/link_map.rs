//! The linker's map: which function is where, and of which crate.

use std::collections::BTreeMap;

/// A function of the program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Function {
    /// The crate whose object file has it, with `_` for `-`.
    pub(super) package: String,
    /// Its mangled name without what differs between builds: the hash at the end of a legacy name, and the
    /// crates' hashes in a v0 name, for which there is a `*`.
    pub(super) name: String,
}

/// Returns the program's functions in Rust by their addresses before relocation. `map` is what LLD writes for
/// `-Map`: a line has the address, the load address, the size, the alignment, and `FILE:(SECTION)`.
pub(super) fn functions(map: &str) -> BTreeMap<u64, Function> {
    map.lines().filter_map(function).collect()
}

fn function(line: &str) -> Option<(u64, Function)> {
    let (numbers, section) = line.rsplit_once(":(.text.")?;
    let mut words = numbers.split_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let size = words.nth(1)?;
    let file = words.nth(1)?;
    let section = section.strip_suffix(')')?;
    // What the compiler expects not to run has a section of its own already.
    if size == "0" || section.starts_with("unlikely.") {
        return None;
    }
    Some((address, Function { package: package(file)?, name: name(section)? }))
}

/// Returns `tokio` of `…/longshore-HASH.tokio-HASH.tokio.HASH-cgu.0.rcgu.o.rcgu.o`, and `std` of
/// `…/libstd-HASH.rlib(std-HASH.std.HASH-cgu.0.rcgu.o)`. The program's own object has no name.
fn package(file: &str) -> Option<String> {
    let object = file.rsplit('/').next()?;
    let object = object.split_once('(').map_or(object, |(_, member)| member);
    let named = object.split('.').find_map(|part| {
        let (package, hash) = part.rsplit_once('-')?;
        let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hash && package != "longshore").then(|| package.to_owned())
    });
    // The library has the name of the program: `longshore-HASH.longshore-HASH.longshore.HASH-cgu.0…`.
    named.or_else(|| object.contains(".longshore-").then(|| "longshore".to_owned()))
}

/// Returns the name without its hashes.
fn name(section: &str) -> Option<String> {
    if section.starts_with("_ZN") {
        let hash = section.rfind("17h")?;
        return Some(section[..hash].to_owned());
    }
    section.starts_with("_R").then(|| {
        let name = section.split_once(".llvm.").map_or(section, |(name, _)| name);
        without_crate_hashes(name)
    })
}

/// Replaces the disambiguator of each crate root, `Cs…_` in the grammar of v0 names, by `Cs*_`.
fn without_crate_hashes(name: &str) -> String {
    let mut parts = name.split("Cs");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let is_hash = end >= 8 && part[end..].starts_with('_');
        plain.push_str("Cs");
        if is_hash {
            plain.push('*');
        }
        plain.push_str(if is_hash { &part[end..] } else { part });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Function, function, functions};

    fn line(file: &str, section: &str) -> String {
        format!("  1447870  1447870   63  16         {file}:({section})")
    }

    #[test]
    fn a_function_is_known_by_crate_and_name() {
        let cases = [
            (
                "/t/longshore-4766d259118b029d.tokio-13e678211cad37d7.tokio.86ed084f-cgu.0.rcgu.o.rcgu.o",
                ".text._ZN5tokio7runtime4park17h4450d666f2c70736E",
                ("tokio", "_ZN5tokio7runtime4park"),
            ),
            (
                "/t/longshore-4766d259118b029d.longshore-03e678211cad37d7.longshore.8-cgu.0.rcgu.o.rcgu.o",
                ".text._ZN9longshore4main17h4450d666f2c70736E.llvm.364",
                ("longshore", "_ZN9longshore4main"),
            ),
            (
                "/t/libstd-13e678211cad37d7.rlib(std-13e678211cad37d7.std.3b2-cgu.0.rcgu.o)",
                ".text._RNvNtCsgEmfK2I1SDS_4core3ptr4dropCsjrHSEGnQ3l9_3std.llvm.364",
                ("std", "_RNvNtCs*_4core3ptr4dropCs*_3std"),
            ),
        ];
        for (file, section, (package, name)) in cases {
            let expected = Function { package: package.to_owned(), name: name.to_owned() };
            assert_eq!(function(&line(file, section)), Some((0x144_7870, expected)), "{section}");
        }
    }

    #[test]
    fn what_is_no_function_in_rust_is_left_out() {
        let rust =
            "/t/longshore-4766d259118b029d.tokio-13e678211cad37d7.tokio.8-cgu.0.rcgu.o.rcgu.o";
        let map = [
            "             VMA              LMA     Size Align Out     In      Symbol".to_owned(),
            line(rust, ".text.unlikely._ZN5tokio4cold17h4450d666f2c70736E"),
            line(rust, ".rodata._ZN5tokio4text17h4450d666f2c70736E"),
            line("/t/libaws_lc-1.rlib(abc-chacha.o)", ".text.OPENSSL_memory_get_size"),
            line(
                "/t/longshore-4766d259118b029d.5zw97i4wp1xm.rcgu.o",
                ".text._ZN4main17h4450d666f2c70736E",
            ),
            line(rust, ".text._ZN5tokio5empty17h4450d666f2c70736E").replace("   63", "    0"),
        ];
        assert_eq!(functions(&map.join("\n")).len(), 0);
    }
}

//! Finds the images that instructions name.

use std::collections::HashSet;

use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::reference::Parts;

use crate::instruction::{Instruction, KNOWN, Text, Word};
use crate::scope::{Scope, Value};

/// The name of the empty image.
const SCRATCH: &str = "scratch";

/// Adds an entry for each image.
pub(crate) fn find(text: &Text, scope: &mut Scope<'_>, parsed: &mut Parsed) {
    // `COPY --from=` may name any stage, `FROM` only an earlier one.
    let all: HashSet<String> = text.instructions.iter().filter_map(stage_name).collect();
    let mut earlier = HashSet::new();
    for instruction in &text.instructions {
        if instruction.is("FROM") {
            from(instruction, &earlier, scope, parsed);
            earlier.extend(stage_name(instruction));
            scope.start_stage();
        } else if let Some(inner) = instruction.inner() {
            sources(&inner, &all, true, scope, parsed);
        } else if KNOWN.iter().any(|known| instruction.is(known)) {
            scope.read(instruction);
            sources(instruction, &all, false, scope, parsed);
        } else {
            let word = instruction.words.first().map_or("", |word| word.text.as_str());
            parsed.error(instruction.place(), format!("`{word}` is not an instruction"));
        }
    }
    if !text.instructions.iter().any(|instruction| instruction.is("FROM")) {
        let place = text.instructions.first().map(Instruction::place);
        let whole = longshore_plugin_sdk::diagnostic::Place { line: 0, column: 0 };
        parsed.warn(place.unwrap_or(whole), "there is no FROM");
    }
}

/// Returns the name that a `FROM` gives its stage, in lower case.
fn stage_name(instruction: &Instruction) -> Option<String> {
    let (_, words) = options(instruction);
    match words {
        [_, keyword, name] if instruction.is("FROM") && keyword.text.eq_ignore_ascii_case("as") => {
            Some(name.text.to_lowercase())
        }
        _ => None,
    }
}

/// Splits the arguments into the options in front, `--NAME=VALUE`, and the rest.
fn options(instruction: &Instruction) -> (&[Word], &[Word]) {
    let arguments = instruction.arguments();
    let count = arguments.iter().take_while(|word| word.text.starts_with("--")).count();
    arguments.split_at(count)
}

/// Reads `FROM [--platform=PLATFORM] IMAGE [AS NAME]`.
fn from(
    instruction: &Instruction,
    stages: &HashSet<String>,
    scope: &Scope<'_>,
    parsed: &mut Parsed,
) {
    let (options, words) = options(instruction);
    let image = match words {
        [image] => image,
        [image, keyword, _] if keyword.text.eq_ignore_ascii_case("as") => image,
        _ => {
            let message = "FROM takes an image, or an image and `AS NAME`";
            parsed.error(instruction.place(), message);
            return;
        }
    };
    let before = parsed.entries.len();
    add(image, &image.text, scope.of_from(&image.text), stages, parsed);
    for option in options {
        let Some(platform) = option.text.strip_prefix("--platform=") else { continue };
        match scope.of_from(platform) {
            Ok(Value::Known(expanded)) => {
                for entry in &mut parsed.entries[before..] {
                    entry.keep_platform(&expanded.text);
                }
            }
            // The platform of the builder or of the result: the command line decides.
            Ok(Value::Automatic(_)) => {}
            Err(why) => parsed.error(option.place, why),
        }
    }
}

/// Reads `--from=` of `COPY`, and `from=` in `--mount=` of `RUN`.
fn sources(
    instruction: &Instruction,
    stages: &HashSet<String>,
    on_build: bool,
    scope: &Scope<'_>,
    parsed: &mut Parsed,
) {
    let (options, _) = options(instruction);
    for option in options {
        let named = if instruction.is("COPY") {
            option.text.strip_prefix("--from=").map(unquoted)
        } else if instruction.is("RUN") {
            option.text.strip_prefix("--mount=").map(unquoted).and_then(mounted)
        } else {
            None
        };
        let Some(named) = named else { continue };
        // A number is a stage.
        if named.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let parts = Parts::of(named);
        if on_build && !named.contains('/') && parts.tag.is_none() && parts.digest.is_none() {
            let message = format!(
                "`{named}` may be a stage of the build that uses this image; it is not mirrored"
            );
            parsed.warn(option.place, message);
            continue;
        }
        add(option, named, scope.of_stage(named), stages, parsed);
    }
}

/// Returns the image of a mount, `type=bind,from=IMAGE,…`.
fn mounted(options: &str) -> Option<&str> {
    let mut options = options.split(',').map(|option| unquoted(option.trim()));
    options.find_map(|option| option.strip_prefix("from=")).map(unquoted)
}

fn unquoted(text: &str) -> &str {
    text.trim_matches('"')
}

/// Adds the image that a word names, unless it names a stage.
fn add(
    word: &Word,
    written: &str,
    value: Result<Value, String>,
    stages: &HashSet<String>,
    parsed: &mut Parsed,
) {
    let expanded = match value {
        Ok(Value::Known(expanded)) => expanded,
        Ok(Value::Automatic(name)) => {
            let message = format!(
                "`{written}` depends on `{name}`; set it with --plugin-config dockerfile.args"
            );
            parsed.error(word.place, message);
            return;
        }
        Err(why) => {
            parsed.error(word.place, format!("`{written}`: {why}"));
            return;
        }
    };
    let image = expanded.text.as_str();
    if image == SCRATCH || stages.contains(&image.to_lowercase()) {
        return;
    }
    let unset: Vec<String> = expanded.unset.iter().map(|name| format!("`{name}`")).collect();
    let unset = unset.join(", ");
    let parts = Parts::of(image);
    let is_whole = !image.is_empty()
        && !image.starts_with(['/', ':', '@'])
        && !parts.name.ends_with('/')
        && parts.tag != Some("")
        && parts.digest != Some("");
    if !unset.is_empty() && !is_whole {
        let message = format!(
            "`{written}` needs {unset}; set it with --plugin-config dockerfile.args=NAME=VALUE"
        );
        parsed.error(word.place, message);
        return;
    }
    if parsed.image(word.place, image).is_some() && !unset.is_empty() {
        parsed.warn(
            word.place,
            format!("{unset} in `{written}` has no value and stands for nothing"),
        );
    }
}

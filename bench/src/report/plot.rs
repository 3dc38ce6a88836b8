//! Draws the tables of wall times in a Markdown document as SVG pictures.
//!
//! The pictures come from the document and not from the measurements, so that figures of several runs in one
//! document have pictures too.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// The columns of a table that are drawn.
const COLD: &str = "cold: wall";
const WARM: &str = "warm: wall";

/// The sizes of a picture: its width, the start and the longest length of a bar, and the height of a client.
const WIDTH: f64 = 900.0;
const LEFT: f64 = 240.0;
const LONGEST: f64 = 520.0;
const CLIENT: f64 = 44.0;
const TOP: f64 = 44.0;

const STYLE: &str = "text{font:14px system-ui,sans-serif;fill:#1f2328}.quiet{fill:#57606a}\
    .cold{fill:#0969da}.other{fill:#8c959f}.warm{fill:#bf8700}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9da7b3}\
    .cold{fill:#58a6ff}.other{fill:#6e7681}.warm{fill:#d29922}}";

/// One client in a table.
#[derive(Debug, PartialEq)]
struct Client {
    name: String,
    /// Seconds.
    cold: f64,
    warm: f64,
    /// The column after the cold wall time, such as `2.72×`.
    ratio: String,
}

/// Draws each table of wall times in the document at `path` into the folder beside it that has its name, and
/// links the picture above the table. Returns the number of pictures.
pub(crate) fn draw(path: &Path) -> Result<usize> {
    let text =
        fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let Some(stem) = stem else { bail!("{} is not a document", path.display()) };
    let folder = path.with_file_name(stem);
    let (text, pictures) = illustrated(&text, stem);
    if pictures.is_empty() {
        return Ok(0);
    }
    fs::create_dir_all(&folder)
        .with_context(|| format!("failed to create {}", folder.display()))?;
    for (name, svg) in &pictures {
        let path = folder.join(name);
        fs::write(&path, svg).with_context(|| format!("failed to write {}", path.display()))?;
    }
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(pictures.len())
}

/// Returns the document with links into `folder`, and the pictures by file name.
fn illustrated(text: &str, folder: &str) -> (String, Vec<(String, String)>) {
    let lines: Vec<&str> = text.lines().collect();
    let (mut kept, mut pictures): (Vec<String>, _) = (Vec::new(), Vec::new());
    let mut title = "";
    for (at, line) in lines.iter().enumerate() {
        title = line.strip_prefix("## ").unwrap_or(title);
        let clients = clients_of(&lines[at..]);
        if !clients.is_empty() {
            let name = format!("{}.svg", slug(title));
            // A picture of an earlier run stands there already.
            while kept.last().is_some_and(|line| line.is_empty() || line.starts_with("![")) {
                kept.pop();
            }
            let alternative = told(title, &clients);
            kept.extend([
                String::new(),
                format!("![{alternative}]({folder}/{name})"),
                String::new(),
            ]);
            pictures.push((name, picture(title, &clients)));
        }
        kept.push((*line).to_owned());
    }
    (kept.join("\n") + "\n", pictures)
}

/// Returns the clients of the table that starts with the first of `lines`, if it has wall times.
fn clients_of(lines: &[&str]) -> Vec<Client> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim().trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().replace("**", "")).collect()
    };
    let Some(head) = lines.first().filter(|line| line.starts_with('|')).map(|line| cells(line))
    else {
        return Vec::new();
    };
    let column = |name: &str| head.iter().position(|cell| cell == name);
    let (Some(cold), Some(warm)) = (column(COLD), column(WARM)) else { return Vec::new() };
    let rows = lines.iter().skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|line| {
        let cells = cells(line);
        let names: Vec<String> = (0..cold)
            .map(|at| match head[at].as_str() {
                "" => cells[at].clone(),
                // Such as `500 images`.
                what => format!("{} {what}", cells[at]),
            })
            .collect();
        Some(Client {
            name: names.join(", "),
            cold: seconds(cells.get(cold)?)?,
            warm: seconds(cells.get(warm)?)?,
            ratio: match head.get(cold + 1).map(String::as_str) {
                Some("ratio") => cells.get(cold + 1)?.clone(),
                _ => String::new(),
            },
        })
    })
    .collect()
}

/// Reads `8.92 s`, and `8.92 s*` of a disturbed run.
fn seconds(cell: &str) -> Option<f64> {
    cell.trim_end_matches('*').strip_suffix(" s")?.parse().ok()
}

/// Returns a title as a file name.
fn slug(title: &str) -> String {
    let words = title.split(|character: char| !character.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_lowercase()
}

/// Says in words what a picture shows.
fn told(title: &str, clients: &[Client]) -> String {
    let clients: Vec<String> =
        clients.iter().map(|client| format!("{} {} s", client.name, client.cold)).collect();
    format!("Cold wall times, {title}: {}", clients.join("; "))
}

/// Draws two bars for each client: cold and warm.
fn picture(title: &str, clients: &[Client]) -> String {
    let longest = clients.iter().map(|client| client.cold.max(client.warm)).fold(0.01, f64::max);
    let length = |seconds: f64| (seconds / longest * LONGEST).max(1.0);
    let height = clients.len() as f64 * CLIENT + TOP;
    // Writing into a string cannot fail.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n\
         <text x=\"{LEFT}\" y=\"20\" class=\"quiet\">Wall time in seconds, shorter is better: first a cold run, below it a warm one</text>\n",
        escaped(&told(title, clients))
    );
    for (at, client) in clients.iter().enumerate() {
        let top = TOP + at as f64 * CLIENT;
        let class = if client.name.contains("longshore") { "cold" } else { "other" };
        let (cold, warm) = (length(client.cold), length(client.warm));
        let ratio =
            if client.ratio.is_empty() { String::new() } else { format!(", {}", client.ratio) };
        let _infallible = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{top:.0}\" width=\"{cold:.1}\" height=\"18\"/>\n\
             <text x=\"{:.1}\" y=\"{:.0}\">{:.2} s{}</text>\n\
             <rect class=\"warm\" x=\"{LEFT}\" y=\"{:.0}\" width=\"{warm:.1}\" height=\"8\"/>\n\
             <text class=\"quiet\" x=\"{:.1}\" y=\"{:.0}\" font-size=\"11\">{:.2} s</text>",
            LEFT - 10.0,
            top + 15.0,
            escaped(&client.name),
            LEFT + cold + 8.0,
            top + 14.0,
            client.cold,
            escaped(&ratio),
            top + 20.0,
            LEFT + warm + 8.0,
            top + 30.0,
            client.warm,
        );
    }
    svg + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{Client, clients_of, illustrated};

    const DOCUMENT: &str = "\
# Benchmarks

## mixed, 20 ms round trip

Ratios are wall times.

| | cold: wall | ratio | warm: wall | ratio |
|---|---|---|---|---|
| **longshore** | 10.83 s | 1.00× | 0.29 s | 1.00× |
| crane copy <4> | 32.60 s* | 3.01× | 2.40 s | 8.15× |
| hangar | not run | | | |

| cold requests | mount |
|---|---|
| **longshore** | 3 |
";

    #[test]
    fn the_tables_of_wall_times_are_read() {
        let lines: Vec<&str> = DOCUMENT.lines().skip(6).collect();
        let client = |name: &str, cold, warm, ratio: &str| Client {
            name: name.to_owned(),
            cold,
            warm,
            ratio: ratio.to_owned(),
        };
        assert_eq!(
            clients_of(&lines),
            [
                client("longshore", 10.83, 0.29, "1.00×"),
                client("crane copy <4>", 32.6, 2.4, "3.01×")
            ]
        );
        let images =
            "| images | | cold: wall | warm: wall |\n|---|---|---|---|\n| 500 | a | 1 s | 2 s |";
        let lines: Vec<&str> = images.lines().collect();
        assert_eq!(clients_of(&lines), [client("500 images, a", 1.0, 2.0, "")]);
        for other in ["", "text", "| cold requests | mount |\n|---|---|\n| a | 3 |"] {
            assert_eq!(clients_of(&other.lines().collect::<Vec<_>>()), []);
        }
    }

    #[test]
    fn a_picture_stands_above_its_table_once() {
        let (text, pictures) = illustrated(DOCUMENT, "benchmarks");
        let [(name, svg)] = &pictures[..] else { panic!("one picture: {pictures:?}") };
        assert_eq!(name, "mixed-20-ms-round-trip.svg");
        let link = format!("](benchmarks/{name})\n\n| | cold: wall");
        assert!(text.contains(&link), "{text}");
        assert_eq!(illustrated(&text, "benchmarks"), (text.clone(), pictures.clone()), "again");
        assert!(svg.contains(">crane copy &lt;4&gt;</text>"), "{svg}");
        assert!(svg.contains("10.83 s, 1.00×") && svg.contains("32.60 s, 3.01×"), "{svg}");
        let rest = |text: &str| {
            let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("!["));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(rest(&text), rest(DOCUMENT), "nothing else changes");
    }
}

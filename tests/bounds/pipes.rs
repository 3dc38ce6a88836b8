//! Pipes without another end, and plugins that take long: the first Ctrl-C ends the run.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::plugin::{component, edited};
use crate::support::Longshore;

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "no pipe could be made");
}

/// Starts the run, interrupts it once, and checks that it ends.
#[track_caller]
fn ends_at_the_first_interrupt(longshore: Longshore) {
    let running = longshore.start();
    std::thread::sleep(Duration::from_millis(700));
    let started = Instant::now();
    running.interrupt();
    running.finish().exits(130);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10), "it took {took:?} to end");
}

/// Waits until somebody reads the pipe, and opens its other end.
fn writer_of(pipe: &Path) -> File {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    loop {
        match File::options().write(true).custom_flags(flags).open(pipe) {
            Ok(writer) => return writer,
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[test]
fn a_server_whose_files_nobody_writes_ends() {
    for flags in [
        &["--htpasswd", "pipe"][..],
        &["--tls-cert", "pipe", "--tls-key", "pipe"],
        &["--read-only", "--htpasswd", "pipe"],
    ] {
        let serve = Longshore::new().args(["serve", "folder", "--listen", "127.0.0.1:0"]);
        let pipe = serve.directory().join("pipe");
        make_pipe(&pipe);
        let running = serve.args(flags).start();
        let _writer = writer_of(&pipe);
        running.interrupt();
        running.finish().exits(0);
    }
}

const LIST: &str = "team/app team/copy 1\n";

fn run() -> Longshore {
    Longshore::new().mirror().args(["-s", "127.0.0.1:9", "-d", "127.0.0.1:9"])
}

#[test]
fn a_list_that_nobody_writes_ends() {
    let run = run().args(["-f", "pipe"]);
    make_pipe(&run.directory().join("pipe"));
    ends_at_the_first_interrupt(run);
}

#[test]
fn a_list_that_is_not_written_to_its_end_ends() {
    let run = run().args(["-f", "pipe"]);
    let pipe = run.directory().join("pipe");
    make_pipe(&pipe);
    let mut writer = Command::new("sh");
    let script = format!("exec 3>'{}'; echo '{}' >&3; sleep 60", pipe.display(), LIST.trim());
    let mut writer = writer.args(["-c", &script]).spawn().expect("a shell starts");
    ends_at_the_first_interrupt(run);
    writer.kill().expect("the shell is there");
    writer.wait().expect("the shell ends");
}

#[test]
fn a_list_from_a_pipe_is_read() {
    let run = run().args(["-f", "pipe"]);
    let pipe = run.directory().join("pipe");
    make_pipe(&pipe);
    let writer = std::thread::spawn(move || std::fs::write(pipe, LIST));
    run.run().exits(1).sums_up("0 copied, 0 skipped, 1 failed");
    writer.join().expect("no panic").expect("it is written");
}

#[test]
fn a_failed_list_that_nobody_reads_ends() {
    let run = run().list(LIST).args(["-o", "pipe"]);
    make_pipe(&run.directory().join("pipe"));
    ends_at_the_first_interrupt(run);
}

#[test]
fn a_plugin_that_computes_while_the_list_is_read_ends() {
    let run = run().list(LIST).file("loops.wasm", component("loops"));
    ends_at_the_first_interrupt(run.args(["--list-format", "./loops.wasm"]));
}

/// A plugin whose compilation takes very long: it has a function with very many instructions. Only what
/// is a plugin of the wanted kind is compiled.
fn slow_to_compile(plugin: &str) -> Vec<u8> {
    let body = "local.get 0 i64.const 7 i64.mul local.set 0 ".repeat(300_000);
    let module = format!("(core module (func (param i64) (result i64) {body} local.get 0))");
    edited(plugin, |text| text.replacen("(component", &format!("(component {module}"), 1))
}

#[test]
fn a_plugin_that_takes_long_to_compile_ends() {
    for (flag, plugin) in
        [("--list-format", "newline"), ("--rewrite", "keeps"), ("--repo-type", "waits")]
    {
        let run = run().list(LIST).file("slow.wasm", slow_to_compile(plugin));
        ends_at_the_first_interrupt(run.args([flag, "./slow.wasm"]));
    }
}

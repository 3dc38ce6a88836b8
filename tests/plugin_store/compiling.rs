//! Components that wear out the compiler are stopped in a process of their own.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{certain, plugin};
use crate::plugin::with_metadata;
use crate::support::Longshore;

/// The signal of a process that used up its CPU time.
const SIGXCPU: i32 = 24;

/// Returns a list format with a function that keeps the compiler busy: `loops` nested loops, each of which
/// carries all of `locals` variables around.
fn bomb(locals: u32, loops: u32) -> Vec<u8> {
    let mut body = vec![1];
    number(locals, &mut body);
    body.push(0x7e);
    for _ in 0..loops {
        body.extend([0x03, 0x40]);
    }
    for local in 0..locals {
        body.push(0x20);
        number(local, &mut body);
        body.extend([0x42, 0x01, 0x7c, 0x21]);
        number(local, &mut body);
    }
    for _ in 0..loops {
        body.extend([0x20, 0x00, 0xa7, 0x0d, 0x00, 0x0b]);
    }
    body.push(0x0b);
    let mut code = vec![1];
    sized(&body, &mut code);
    let mut module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0".to_vec();
    module.push(0x0a);
    sized(&code, &mut module);
    let metadata = json!({"name": "bomb", "version": "1", "kind": "list-format"});
    let mut component = certain();
    component.push(0x01);
    sized(&module, &mut component);
    with_metadata(&component, &metadata)
}

fn sized(content: &[u8], into: &mut Vec<u8>) {
    number(u32::try_from(content.len()).expect("it is small"), into);
    into.extend_from_slice(content);
}

/// Writes a number as WebAssembly does (LEB128).
fn number(mut value: u32, into: &mut Vec<u8>) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            into.push(byte);
            return;
        }
        into.push(byte | 0x80);
    }
}

#[test]
fn a_component_that_takes_all_memory_to_compile_is_stopped() {
    let longshore = Longshore::new().file("bomb.wasm", bomb(4_000, 4_000));
    let mut running = plugin(longshore, &["add", "bomb.wasm", "--yes"]).start();
    let mut peak = 0;
    while let Some(now) = running.peak_memory() {
        peak = now.max(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    let run = running.finish().exits(2);
    let run = run
        .complains("load plugin `bomb`: it takes more than 2147483648 bytes of memory to compile");
    assert_eq!(run.file("../home/.config/longshore.lock"), None, "it was locked");
    assert!(peak < 300 * 1024, "the compiler ran in this process: {peak} KiB");
}

#[test]
fn the_first_interrupt_ends_the_compiler() {
    let longshore = Longshore::new().file("bomb.wasm", bomb(1_500, 1_500));
    let longshore = longshore.mirror().list("x\n").args(["--list-format", "./bomb.wasm"]);
    let running = longshore.args(["-s", "127.0.0.1:9", "-d", "127.0.0.1:9"]).start();
    running.line(|line| line.contains("compiling the plugin bomb").then_some(()));
    let started = Instant::now();
    running.interrupt();
    running.finish().exits(130);
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
}

#[test]
fn the_compiler_ends_at_its_cpu_time() {
    let component = bomb(1_500, 1_500);
    // Its memory in bytes and its CPU time in seconds.
    let mut compiler = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .args(["--compile-plugin", "2147483648", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    // A closed pipe would tell the compiler that nobody waits for it.
    let mut stdin = compiler.stdin.take().expect("a pipe");
    stdin.write_all(&(component.len() as u64).to_le_bytes()).expect("it reads");
    stdin.write_all(&component).expect("it reads");
    let ended = compiler.wait().expect("it ends");
    assert_eq!(ended.signal(), Some(SIGXCPU), "{ended}");
}

//! Compiles each hook with clang, links those of a pillar into one object and generates the typed
//! skeleton from it. Each pillar is loaded alone: trouble with one never unloads another.

use libbpf_cargo::SkeletonBuilder;
use libbpf_rs::Linker;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders of hooks.
const PILLARS: [&str; 2] = ["observe", "enforce"];
/// The oldest clang that is known to do, the default of Debian 12 and Ubuntu 22.04; xtask/setup.sh reads both from here.
const OLDEST_CLANG: u32 = 14;
/// The newest that is looked for under a name of its own; `clang` may be newer.
const NEWEST_CLANG: u32 = 22;

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let bpf = manifest.join("../../bpf").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", bpf.display());
    println!("cargo:rerun-if-env-changed=CLANG");
    let clang = find_clang()?;
    let made_by = version(&clang).unwrap_or_default();
    println!("cargo:rustc-env=FOREBAY_CLANG={made_by}");
    for pillar in PILLARS {
        link(pillar, &bpf, &clang, &out)?;
    }
    Ok(())
}

fn link(pillar: &str, bpf: &Path, clang: &str, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut hooks: Vec<PathBuf> = fs::read_dir(bpf.join(pillar))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".bpf.c"))
        .collect();
    hooks.sort();
    let linked = out.join(pillar).with_extension("o");
    let mut linker = Linker::new(&linked)?;
    for hook in &hooks {
        linker.add_file(compile(hook, clang, out)?)?;
    }
    linker.link()?;
    SkeletonBuilder::new()
        .obj(&linked)
        .generate(out.join(format!("{pillar}.skel.rs")))?;
    Ok(())
}

fn compile(hook: &Path, clang: &str, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let name = hook.file_stem().ok_or("hook without a name")?;
    let object = out.join(name).with_extension("o");
    let arch = env::var("CARGO_CFG_TARGET_ARCH")?;
    let (define, triple) = match arch.as_str() {
        "x86_64" => ("-D__TARGET_ARCH_x86", "x86_64-linux-gnu"),
        "aarch64" => ("-D__TARGET_ARCH_arm64", "aarch64-linux-gnu"),
        other => return Err(format!("no kernel half for {other}").into()),
    };
    SkeletonBuilder::new()
        .source(hook)
        .obj(&object)
        .clang(clang)
        .clang_args([
            OsString::from("-mcpu=v3"),
            OsString::from("-Wall"),
            OsString::from("-Werror"),
            OsString::from(define),
            OsString::from(format!("-I/usr/include/{triple}")),
        ])
        .build()?;
    Ok(object)
}

/// `CLANG`, else the newest `clang-N`, else `clang`; none older than [`OLDEST_CLANG`].
fn find_clang() -> Result<String, Box<dyn Error>> {
    let next = format!("Next: `make setup`, or set CLANG to clang {OLDEST_CLANG} or newer");
    if let Ok(clang) = env::var("CLANG") {
        return match version(&clang) {
            Some(found) if found >= OLDEST_CLANG => Ok(clang),
            Some(found) => Err(format!("CLANG={clang} is version {found}: too old. {next}").into()),
            None => Err(format!("CLANG={clang} does not run. {next}").into()),
        };
    }
    let numbered = (OLDEST_CLANG..=NEWEST_CLANG).rev();
    let names = numbered.map(|number| format!("clang-{number}"));
    let found: Vec<_> = names
        .chain(["clang".to_owned()])
        .filter_map(|name| version(&name).map(|version| (name, version)))
        .collect();
    let best = found.iter().find(|(_, version)| *version >= OLDEST_CLANG);
    match (best, found.first()) {
        (Some((name, _)), _) => Ok(name.clone()),
        (None, Some((name, old))) => {
            Err(format!("{name} is version {old}: too old for the kernel half. {next}").into())
        }
        (None, None) => Err(format!("clang not found: the kernel half is C. {next}").into()),
    }
}

/// Major version of a clang; `None` if it does not run.
fn version(clang: &str) -> Option<u32> {
    let output = Command::new(clang).arg("-dumpversion").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().split('.').next()?.parse().ok()
}

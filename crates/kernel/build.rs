//! Compiles each hook of `bpf/observe` with clang, links them into one object and generates the
//! typed skeleton from it.

use libbpf_cargo::SkeletonBuilder;
use libbpf_rs::Linker;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Newest first; 14 is the oldest that knows the relocations we use.
const CLANGS: &[&str] = &[
    "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang",
];

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let bpf = manifest.join("../../bpf").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", bpf.display());
    println!("cargo:rerun-if-env-changed=CLANG");
    let clang = find_clang()?;
    let mut hooks: Vec<PathBuf> = fs::read_dir(bpf.join("observe"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".bpf.c"))
        .collect();
    hooks.sort();
    let linked = out.join("observe.o");
    let mut linker = Linker::new(&linked)?;
    for hook in &hooks {
        linker.add_file(compile(hook, &clang, &out)?)?;
    }
    linker.link()?;
    SkeletonBuilder::new()
        .obj(&linked)
        .generate(out.join("observe.skel.rs"))?;
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

fn find_clang() -> Result<String, Box<dyn Error>> {
    if let Ok(clang) = env::var("CLANG") {
        return Ok(clang);
    }
    let paths = env::var_os("PATH").unwrap_or_default();
    CLANGS
        .iter()
        .find(|name| env::split_paths(&paths).any(|dir| dir.join(name).exists()))
        .map(|name| (*name).to_owned())
        .ok_or_else(|| {
            "clang not found: the kernel half is C. Next: `make setup`, or set CLANG".into()
        })
}

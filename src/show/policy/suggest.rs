//! `forebay policy suggest`: drafts policies from real traffic.

use super::flows::Source;
use super::{PolicyError, sources};
use crate::show::cli::Global;
use crate::show::failure::Failure;
use crate::show::observe::output::print;
use clap::{Args, ValueEnum};
use forebay_core::policy::suggest::{Options, suggest};
use std::path::PathBuf;

/// What else the help says.
pub const DETAILS: &str = "Drafts NetworkPolicies that let pass what was seen and refuse the rest, one for all copies of\n\
    a workload, with a comment for whatever was seen. They are drafts: what nobody did while it was\n\
    watched is missing, and only TCP is recorded. `policy diff` shows what they would do to other\n\
    traffic. FILE says who there is; policies in it are not looked at.\n\n\
    Examples:\n  kubectl get ns,po,no,svc -A -o yaml > who.yaml\n  \
    sudo forebay policy suggest who.yaml --live --duration 1h --namespace rag > rag.yaml\n  \
    forebay policy suggest who.yaml --flows day.fbcap | forebay policy check -";

/// Its flags.
#[derive(Args)]
pub struct Flags {
    /// Files or folders with Pods, Nodes, Services or Inventories; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// Only policies of this namespace; may be repeated
    #[arg(long, value_name = "NAME")]
    namespace: Vec<String>,
    /// Don't let everyone ask the cluster's DNS
    #[arg(long)]
    no_dns: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Form::Yaml)]
    output: Form,
}

/// How drafts are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Native YAML with comments
    Yaml,
}

/// Does it.
///
/// # Errors
/// When something can't be read or has an error.
pub fn run(flags: &Flags, global: &Global) -> Result<(), Failure> {
    flags.source.with(&[&flags.files])?;
    let files = sources::load_valid(&flags.files)?;
    if files.world.workloads.is_empty() {
        return Err(PolicyError::Nobody.into());
    }
    let traffic = flags.source.traffic(global)?;
    let options = Options {
        namespaces: flags.namespace.clone(),
        dns: !flags.no_dns,
    };
    let suggestion = suggest(&files.world, &traffic, options);
    if suggestion.policies() == 0 {
        eprintln!("no policies: no workload of these files that labels select was seen");
    }
    match flags.output {
        Form::Yaml => print(&suggestion.text()),
    }
}

//! The protocols, in the order in which they are tried on a new connection.

mod http;
mod postgresql;
mod redis;

use super::Protocol;

/// Every protocol Forebay understands. Order matters: the first that says `Mine` wins, so the
/// ones that are hardest to fool come first.
pub static PROTOCOLS: &[&Protocol] = &[&http::HTTP, &postgresql::POSTGRESQL, &redis::REDIS];

/// `docs/protocols.md`: every protocol, made from its definition.
pub fn markdown() -> String {
    let mut out = String::from(INTRO.trim_start());
    for protocol in PROTOCOLS {
        let about = protocol.about.trim_end_matches('.');
        out.push_str(&format!(
            "\n## `{}`\n\n{about}. Specified by <{}>.\n\n| attribute | value |\n|---|---|\n",
            protocol.name, protocol.spec
        ));
        for (name, value) in protocol.attributes {
            out.push_str(&format!("| `{name}` | {value} |\n"));
        }
    }
    out
}

const INTRO: &str = "
# Protocols

What Forebay understands, in the order in which it is tried on a connection. Attributes have
OpenTelemetry's names. Whatever is none of these shows as `tcp`: bytes and times of each turn.
Encrypted connections show as `tcp`, too.

Made by `cargo run -p xtask -- docs` from the definitions in `crates/core/src/decode/protocols/`.
";

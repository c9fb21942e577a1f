//! The names of commands that are told: only known words, never what a user could have made up.

use super::names::{COMMANDS, MODULES, SUBCOMMANDS};
use crate::decode::Role;
use std::borrow::Cow;

/// Shown for every word that is no known command.
pub(super) const OTHER: &str = "other";
/// Part of a name after a module's prefix.
const MODULE_NAME_BYTES_MAX: usize = 24;

/// The upper-case form of a command's name, if it is known.
pub(super) fn name(word: &[u8]) -> Option<Cow<'static, str>> {
    let mut room = [0; 32];
    let upper = uppercase(word, &mut room)?;
    match known(upper) {
        Some(name) => Some(Cow::Borrowed(name)),
        None => is_module(upper).then(|| Cow::Owned(upper.to_owned())),
    }
}

/// First eight bytes of each command, as a number that sorts as they do: every request is looked
/// up, and comparing numbers is cheap.
static STARTS: [u64; COMMANDS.len()] = {
    let mut starts = [0; COMMANDS.len()];
    let mut at = 0;
    while at < COMMANDS.len() {
        starts[at] = start(COMMANDS[at].as_bytes());
        at += 1;
    }
    starts
};

const fn start(word: &[u8]) -> u64 {
    let mut number = 0;
    let mut at = 0;
    while at < 8 {
        let byte = if at < word.len() { word[at] } else { 0 };
        number = number << 8 | byte as u64;
        at += 1;
    }
    number
}

fn known(upper: &str) -> Option<&'static str> {
    let wanted = start(upper.as_bytes());
    let first = STARTS.partition_point(|start| *start < wanted);
    let alike = STARTS[first..].iter().take_while(|start| **start == wanted);
    let mut names = COMMANDS[first..].iter().take(alike.count());
    names.find(|name| **name == upper).copied()
}

/// Commands of modules: a known prefix and letters.
fn is_module(upper: &str) -> bool {
    let Some(dot) = upper.find('.') else {
        return false;
    };
    let (prefix, rest) = (&upper[..dot], &upper[dot + 1..]);
    MODULES.contains(&prefix)
        && (1..=MODULE_NAME_BYTES_MAX).contains(&rest.len())
        && rest
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b == b'_' || b == b'.')
}

/// The second word belongs to the name.
pub(super) fn is_container(name: &str) -> bool {
    matches!(
        name,
        "ACL"
            | "CLIENT"
            | "CLUSTER"
            | "COMMAND"
            | "CONFIG"
            | "DEBUG"
            | "FUNCTION"
            | "LATENCY"
            | "MEMORY"
            | "MODULE"
            | "OBJECT"
            | "PUBSUB"
            | "SCRIPT"
            | "SENTINEL"
            | "SLOWLOG"
            | "XGROUP"
            | "XINFO"
            | "FT.CONFIG"
            | "FT.CURSOR"
            | "JSON.DEBUG"
    )
}

/// The upper-case form of a subcommand, if it is known.
pub(super) fn subcommand(word: &[u8]) -> Option<&'static str> {
    let mut room = [0; 32];
    let at = SUBCOMMANDS
        .binary_search(&uppercase(word, &mut room)?)
        .ok()?;
    Some(SUBCOMMANDS[at])
}

/// The command whose third argument tells its role.
pub(super) fn has_query(name: &str) -> bool {
    matches!(
        name,
        "FT.SEARCH" | "FT.AGGREGATE" | "FT.HYBRID" | "FT.PROFILE"
    )
}

/// What a command is for. `query` is what was seen of a search query, and whether that is all.
///
/// A search is a vector search when its query says `KNN` or `VECTOR_RANGE`. Where the query was
/// not seen whole, FT.SEARCH counts as one and FT.AGGREGATE does not. Streams and publishing are
/// queues; lists are not told from a cache.
pub(super) fn role(name: &str, query: &[u8], whole: bool) -> Role {
    match name {
        "VSIM" | "FT.HYBRID" => Role::VectorSearch,
        "FT.SEARCH" | "FT.AGGREGATE" | "FT.PROFILE" => {
            let says = |word: &[u8]| {
                query
                    .windows(word.len())
                    .any(|part| part.eq_ignore_ascii_case(word))
            };
            if says(b"KNN") || says(b"VECTOR_RANGE") || !whole && name == "FT.SEARCH" {
                Role::VectorSearch
            } else {
                Role::Database
            }
        }
        "PUBLISH" | "SPUBLISH" | "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" | "UNSUBSCRIBE"
        | "PUNSUBSCRIBE" | "SUNSUBSCRIBE" | "PUBSUB" => Role::Queue,
        _ if name.starts_with('X') => Role::Queue,
        _ if name.starts_with("FT.") || name.starts_with('V') => Role::Database,
        _ => Role::Cache,
    }
}

fn uppercase<'a>(word: &[u8], room: &'a mut [u8; 32]) -> Option<&'a str> {
    let room = room.get_mut(..word.len())?;
    room.copy_from_slice(word);
    room.make_ascii_uppercase();
    std::str::from_utf8(room).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(COMMANDS.is_sorted() && SUBCOMMANDS.is_sorted());
        assert!(
            COMMANDS
                .iter()
                .chain(SUBCOMMANDS)
                .all(|word| word.len() <= 32)
        );
    }

    #[test]
    fn only_known_words_are_told() {
        let told = |word: &str| name(word.as_bytes());
        for command in COMMANDS {
            assert_eq!(told(command).as_deref(), Some(*command));
        }
        for word in [
            "",
            "GE",
            "GETS",
            "GEORADIU",
            "GEORADIUSBY",
            "ZZZ",
            "RESTORE-",
        ] {
            assert_eq!(told(word), None, "{word}");
        }
        assert_eq!(told("get").as_deref(), Some("GET"));
        assert_eq!(told("ft.search").as_deref(), Some("FT.SEARCH"));
        assert_eq!(told("HUNTER"), None);
        assert_eq!(told("MY.SECRET"), None);
        assert_eq!(told("FT.S3CRET"), None);
        assert_eq!(told(&"G".repeat(40)), None);
        assert_eq!(subcommand(b"setinfo"), Some("SETINFO"));
        assert_eq!(subcommand(b"hunter"), None);
    }

    #[test]
    fn roles() {
        let table: [(&str, &[u8], bool, Role); 9] = [
            ("VSIM", b"", true, Role::VectorSearch),
            ("FT.SEARCH", b"*=>[KNN 5 @v $q]", true, Role::VectorSearch),
            (
                "FT.SEARCH",
                b"@v:[vector_range 0.2 $q]",
                true,
                Role::VectorSearch,
            ),
            ("FT.SEARCH", b"hello", true, Role::Database),
            ("FT.SEARCH", b"hel", false, Role::VectorSearch),
            ("FT.AGGREGATE", b"hel", false, Role::Database),
            ("XADD", b"", true, Role::Queue),
            ("VADD", b"", true, Role::Database),
            ("GET", b"", true, Role::Cache),
        ];
        for (name, query, whole, want) in table {
            assert_eq!(role(name, query, whole), want, "{name}");
        }
    }
}

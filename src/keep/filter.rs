//! Which requests a reader wants: one definition for the command line, the API and completions.
//!
//! A query parameter of the API is a flag of the command line without its dashes, and is parsed by
//! the same code: `/v1/observe?role=model&slower-than=20ms`.

use super::time::parse_duration;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use forebay_core::decode::Role;
use forebay_core::decode::protocols::PROTOCOLS;
use forebay_core::exchange::record::{Party, Record};
use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;
use wildmatch::WildMatchPattern;

/// A text in which `*` stands for any text; NUL, its one-letter wildcard, can't be typed.
pub type Pattern = WildMatchPattern<'*', '\0'>;

/// All roles, in the order of help and completions.
pub const ROLES: [Role; 9] = [
    Role::Model,
    Role::Embedding,
    Role::Rerank,
    Role::VectorSearch,
    Role::Cache,
    Role::Database,
    Role::Queue,
    Role::Web,
    Role::Other,
];

/// Protocol name of a connection nobody understood.
const UNKNOWN_PROTOCOL: &str = "tcp";

/// Lets requests through that meet every condition given.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Only requests from or to this workload: a workload, pod, unit, container or process name; `*` stands for any text
    #[arg(long, value_name = "NAME", value_parser = parse_pattern)]
    pub workload: Option<Pattern>,
    /// Only requests with this role
    #[arg(long, value_name = "ROLE", value_parser = role_parser())]
    pub role: Option<Role>,
    /// Only requests whose operation is this; `*` stands for any text, as in 'POST /v1/*'
    #[arg(long, value_name = "OP", value_parser = parse_pattern)]
    pub op: Option<Pattern>,
    /// Only requests in this protocol
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol_parser())]
    pub protocol: Option<String>,
    /// Only requests with this status: exactly this, a class such as 5xx, or `error` for every failed one
    #[arg(long, value_name = "STATUS")]
    pub status: Option<Status>,
    /// Only requests that took longer
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub slower_than: Option<Duration>,
}

/// What a status must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// This text, in any case of letters.
    Exactly(Box<str>),
    /// Three digits of which this is the first.
    Class(char),
    /// Whatever the protocol calls a failure.
    Error,
}

impl FromStr for Status {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Status, Infallible> {
        let mut chars = text.chars();
        Ok(match (chars.next(), chars.as_str()) {
            _ if text.eq_ignore_ascii_case("error") => Status::Error,
            (Some(digit @ '1'..='9'), "xx" | "XX") => Status::Class(digit),
            _ => Status::Exactly(text.into()),
        })
    }
}

impl Status {
    fn matches(&self, record: &Record) -> bool {
        let status = record.status.as_deref();
        match self {
            Status::Error => record.error.is_some(),
            Status::Exactly(text) => status.is_some_and(|s| s.eq_ignore_ascii_case(text)),
            Status::Class(digit) => status.is_some_and(|s| s.len() == 3 && s.starts_with(*digit)),
        }
    }
}

impl Filter {
    /// Whether a request meets all conditions.
    pub fn matches(&self, record: &Record) -> bool {
        let named = |name: &Pattern| {
            party_is_named(&record.client, name) || party_is_named(&record.server, name)
        };
        self.role.is_none_or(|role| role == record.role)
            && self
                .slower_than
                .is_none_or(|limit| u128::from(record.duration_ns) > limit.as_nanos())
            && self
                .protocol
                .as_deref()
                .is_none_or(|p| p == &*record.protocol)
            && self.status.as_ref().is_none_or(|s| s.matches(record))
            && self.op.as_ref().is_none_or(|op| op.matches(&record.op))
            && self.workload.as_ref().is_none_or(named)
    }
}

/// A filter, and which part of the stream.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Which requests.
    #[command(flatten)]
    pub filter: Filter,
    /// Begin with the requests of this long ago, as far as they are still kept
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub since: Option<Duration>,
    /// End after this time
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// End after this many requests
    #[arg(short = 'n', long = "limit", value_name = "COUNT")]
    pub limit: Option<u64>,
}

impl Selection {
    /// Reads the query part of a request to the API.
    ///
    /// # Errors
    /// The sentence the command line would have printed.
    pub fn from_query(query: &str) -> Result<Selection, String> {
        let flags = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| format!("--{name}={value}"));
        let parse = || {
            let matches = definition().try_get_matches_from(flags)?;
            Selection::from_arg_matches(&matches)
        };
        parse().map_err(|error| error.render().to_string())
    }

    /// The query part that says what the command line said.
    pub fn query_of(matches: &ArgMatches) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for arg in definition().get_arguments() {
            let value = matches.get_raw(arg.get_id().as_str());
            let value = value.and_then(|mut all| all.next_back());
            if let (Some(name), Some(value)) = (arg.get_long(), value) {
                query.append_pair(name, &value.to_string_lossy());
            }
        }
        query.finish()
    }
}

/// The selection's flags alone.
fn definition() -> Command {
    let bare = Command::new("query").no_binary_name(true);
    Selection::augment_args(bare.disable_help_flag(true))
}

fn party_is_named(party: &Party, name: &Pattern) -> bool {
    let names = [&party.pod, &party.unit, &party.container, &party.comm];
    name.matches(&party.workload) || names.into_iter().flatten().any(|n| name.matches(n))
}

/// Name of a role in the JSON.
pub fn role_name(role: Role) -> &'static str {
    role.name()
}

fn parse_pattern(text: &str) -> Result<Pattern, Infallible> {
    Ok(Pattern::new(text))
}

fn role_parser() -> impl TypedValueParser<Value = Role> {
    let named = |name: String| ROLES.into_iter().find(|role| role_name(*role) == name);
    PossibleValuesParser::new(ROLES.map(role_name)).map(move |name| named(name).unwrap_or_default())
}

fn protocol_parser() -> PossibleValuesParser {
    let known = PROTOCOLS.iter().map(|protocol| protocol.name);
    PossibleValuesParser::new(known.chain([UNKNOWN_PROTOCOL]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::hub::tests::record;

    fn filter(query: &str) -> Filter {
        Selection::from_query(query).unwrap().filter
    }

    #[test]
    fn every_role_is_listed_once() {
        for role in ROLES {
            assert_eq!(ROLES.iter().filter(|r| **r == role).count(), 1);
            assert_eq!(serde_json::to_value(role).unwrap(), role_name(role));
            // `Role::name` does not compile until it knows a new role; the list is as long as it.
            let listed = format!("role={}", role_name(role));
            assert_eq!(filter(&listed).role, Some(role));
        }
    }

    #[test]
    fn each_condition_decides() {
        let mut r = record(1);
        r.op = "POST /v1/chat/completions".into();
        r.status = Some("503".into());
        r.error = Some("503".into());
        r.duration_ns = 20_000_001;
        r.role = Role::Model;
        let yes = [
            "role=model",
            "op=POST+/v1/*",
            "status=503",
            "status=5xx",
            "status=error",
            "slower-than=20ms",
            "workload=rag",
            "workload=post*",
            "protocol=tcp",
        ];
        let no = [
            "role=cache",
            "op=POST",
            "status=50",
            "status=4xx",
            "slower-than=21ms",
            "workload=ra",
        ];
        r.protocol = "tcp".into();
        for query in yes {
            assert!(filter(query).matches(&r), "{query}");
        }
        for query in no {
            assert!(!filter(query).matches(&r), "{query}");
        }
        r.error = None;
        assert!(!filter("status=error").matches(&r));
        assert!(!filter("role=model&status=4xx").matches(&r));
    }

    #[test]
    fn a_command_line_survives_the_way_through_a_query() {
        let line = [
            "--op=GET /a?b=c&d",
            "--since=5m",
            "-n",
            "3",
            "--role",
            "vector_search",
        ];
        let matches = definition().try_get_matches_from(line).unwrap();
        let direct = Selection::from_arg_matches(&matches).unwrap();
        let query = Selection::query_of(&matches);
        assert_eq!(Selection::from_query(&query).unwrap(), direct);
        assert_eq!(direct.limit, Some(3));
        assert_eq!(direct.since, Some(Duration::from_secs(300)));
    }

    #[test]
    fn a_bad_query_is_explained() {
        let error = Selection::from_query("role=cook").unwrap_err();
        assert!(error.contains("vector_search"), "{error}");
        assert!(Selection::from_query("colour=red").is_err());
        assert!(Selection::from_query("slower-than=soon").is_err());
    }
}

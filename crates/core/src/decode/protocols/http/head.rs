//! Reads the head of a request or a response: its first line and the headers that frame its body.

use super::fields::{Fields, Length, Media};
use super::gen_ai::Rule;
use super::target;
use crate::decode::Facts;
use httparse::{ParserConfig, Status};
use std::mem::MaybeUninit;

/// Headers beyond this number make the head count as not understood.
const HEADERS_MAX: usize = 128;

/// What came of reading a head.
#[derive(Debug)]
pub(super) enum Parsed<T> {
    /// The head, and its length in bytes.
    Whole(T, usize),
    /// More bytes are needed.
    Partial,
    /// It is not HTTP/1.
    Broken,
}

/// A method, as far as it matters to the framing of the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Method {
    /// No peculiarity.
    #[default]
    Plain,
    /// The response has no body.
    Head,
    /// A 2xx response has no body and opens a tunnel.
    Connect,
}

/// Head of a request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) facts: Facts,
    /// The API it may be asking.
    pub(super) rule: Option<&'static Rule>,
    pub(super) length: Length,
    /// The body's bytes are not its content.
    pub(super) encoded: bool,
}

/// Head of a response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) length: Length,
    pub(super) media: Media,
    pub(super) encoded: bool,
}

/// Reads the head of a request.
pub(super) fn request(bytes: &[u8]) -> Parsed<Request> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let mut config = ParserConfig::default();
    config.ignore_invalid_headers_in_requests(true);
    match config.parse_request_with_uninit_headers(&mut request, bytes, &mut headers) {
        Ok(Status::Partial) => Parsed::Partial,
        Err(_) => Parsed::Broken,
        Ok(Status::Complete(len)) => {
            let method = request.method.unwrap_or_default();
            let path = target::path(method, request.path.unwrap_or_default().as_bytes());
            let rule = Rule::find(method, path);
            let mut facts = rule
                .filter(|rule| rule.proven())
                .map_or_else(web, |rule| rule.facts(path));
            facts.op = Some(target::op(method, path));
            let mut fields = Fields::default();
            request
                .headers
                .iter()
                .for_each(|header| fields.read(header));
            let method = match method {
                "HEAD" => Method::Head,
                "CONNECT" => Method::Connect,
                _ => Method::Plain,
            };
            let head = Request {
                method,
                facts,
                rule,
                length: fields.length,
                encoded: fields.encoded,
            };
            Parsed::Whole(head, len)
        }
    }
}

fn web() -> Facts {
    Facts {
        role: Some(crate::decode::Role::Web),
        ..Facts::default()
    }
}

/// Reads the head of a response.
pub(super) fn response(bytes: &[u8]) -> Parsed<Response> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let mut config = ParserConfig::default();
    config
        .ignore_invalid_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true);
    match config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
        Ok(Status::Partial) => Parsed::Partial,
        Err(_) => Parsed::Broken,
        Ok(Status::Complete(len)) => {
            let mut fields = Fields::default();
            response
                .headers
                .iter()
                .for_each(|header| fields.read(header));
            let status = response.code.unwrap_or_default();
            let Fields {
                length,
                media,
                encoded,
            } = fields;
            Parsed::Whole(
                Response {
                    status,
                    length,
                    media,
                    encoded,
                },
                len,
            )
        }
    }
}

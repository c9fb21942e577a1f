//! Labels, selectors and addresses.

use super::names::{LABEL_KEY, LABEL_VALUE, checked, is_label_key, is_label_value};
use super::problem::Log;
use super::walk::{At, join, shortened};
use crate::policy::cidr::{Cidr, unmapped};
use crate::policy::selector::{Labels, Requirement, Selector};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Keys and values of a `labels` or `matchLabels` mapping.
pub(super) fn labels(at: &At<'_>, log: &mut Log) -> Labels {
    let mut found = Labels::new();
    if at.map(log).is_none() {
        return found;
    }
    let super::node::Value::Map(entries) = &at.node.value else {
        return found;
    };
    for (key, node) in entries.iter().filter(|(key, _)| key != "<<") {
        let value = At {
            node,
            path: join(&at.path, key),
        };
        if !is_label_key(key) {
            log.error(
                value.place(),
                format!("{:?} is no label", shortened(key)),
                LABEL_KEY,
            );
        }
        if let Some(text) = checked(&value, log, is_label_value, "label's value", LABEL_VALUE) {
            found.insert(key.clone(), text.to_owned());
        }
    }
    found
}

/// A label selector. Nothing inside: it selects everything.
pub(super) fn selector(at: &At<'_>, log: &mut Log) -> Selector {
    let mut selector = Selector::everything();
    let Some(mut fields) = at.map(log) else {
        return selector;
    };
    if let Some(at) = fields.get("matchLabels") {
        let one = |(key, value)| Requirement::In(key, BTreeSet::from([value]));
        selector
            .requirements
            .extend(labels(&at, log).into_iter().map(one));
    }
    if let Some(at) = fields.get("matchExpressions") {
        let all = at.list(log);
        selector
            .requirements
            .extend(all.iter().filter_map(|at| requirement(at, log)));
    }
    fields.end(log);
    selector
}

#[derive(Clone, Copy, PartialEq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

const OPERATORS: [(&str, Operator); 4] = [
    ("In", Operator::In),
    ("NotIn", Operator::NotIn),
    ("Exists", Operator::Exists),
    ("DoesNotExist", Operator::DoesNotExist),
];

fn requirement(at: &At<'_>, log: &mut Log) -> Option<Requirement> {
    let mut fields = at.map(log)?;
    let key = fields.need(log, "key", "name the label");
    let key = key.and_then(|at| checked(&at, log, is_label_key, "label", LABEL_KEY));
    let operator = fields.need(log, "operator", "use In, NotIn, Exists or DoesNotExist");
    let operator = operator.and_then(|at| at.one_of(log, &OPERATORS));
    let mut values = BTreeSet::new();
    let given = fields.get("values");
    for at in given.iter().flat_map(|at| at.list(log)).collect::<Vec<_>>() {
        let value = checked(&at, log, is_label_value, "label's value", LABEL_VALUE);
        values.extend(value.map(str::to_owned));
    }
    fields.end(log);
    let (key, operator) = (key?.to_owned(), operator?);
    let path = join(&fields.path, "values");
    let listed = given.is_some_and(
        |at| matches!(&at.node.value, super::node::Value::List(list) if !list.is_empty()),
    );
    match (operator, listed) {
        (Operator::In | Operator::NotIn, false) => {
            log.error(
                (&path, fields.line),
                "In and NotIn need values",
                "list at least one value",
            );
            None
        }
        (Operator::Exists | Operator::DoesNotExist, true) => {
            let what = "Exists and DoesNotExist take no values";
            log.error(
                (&path, fields.line),
                what,
                "remove the values, or use In or NotIn",
            );
            None
        }
        (Operator::In, _) => Some(Requirement::In(key, values)),
        (Operator::NotIn, _) => Some(Requirement::NotIn(key, values)),
        (Operator::Exists, _) => Some(Requirement::Exists(key)),
        (Operator::DoesNotExist, _) => Some(Requirement::DoesNotExist(key)),
    }
}

/// A block; bits behind its length are a warning.
pub(super) fn cidr(at: &At<'_>, log: &mut Log) -> Option<Cidr> {
    let text = at.text(log)?;
    match text.parse::<Cidr>() {
        Ok(block) => {
            if text != block.to_string() && !is_same_text(text, &block) {
                let what = format!("{text} is read as {block}");
                log.warning(at.place(), what, format!("write {block}"));
            }
            Some(block)
        }
        Err(error) => {
            let what = format!("{:?} is no block of addresses: {error}", shortened(text));
            log.error(at.place(), what, "write one such as 10.0.0.0/8 or fd00::/8");
            None
        }
    }
}

/// The same block, written otherwise, as `FD00:0::/8` is.
fn is_same_text(text: &str, block: &Cidr) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| {
        address.parse() == Ok(block.base()) && bits.parse() == Ok(block.bits())
    })
}

/// An address.
pub(super) fn address(at: &At<'_>, log: &mut Log) -> Option<IpAddr> {
    let text = at.text(log)?;
    let address = text.parse().map(unmapped);
    if address.is_err() {
        let what = format!("{:?} is no address", shortened(text));
        log.error(at.place(), what, "write one such as 10.0.0.1 or fd00::1");
    }
    address.ok()
}

/// A list of addresses.
pub(super) fn addresses(at: &At<'_>, log: &mut Log) -> Vec<IpAddr> {
    at.list(log)
        .iter()
        .filter_map(|at| address(at, log))
        .collect()
}

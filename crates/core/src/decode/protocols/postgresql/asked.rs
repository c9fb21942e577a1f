//! What a request asks for, and how that is shown.

use super::sql::{self, Shape};
use super::{Facts, Role};
use std::sync::Arc;

/// What is shown of a request.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Word(&'static str),
    Shape(Arc<Shape>),
    Text(Box<str>, Role),
}

impl Op {
    pub(super) fn text(&self) -> &str {
        match self {
            Op::Word(word) => word,
            Op::Shape(shape) => &shape.op,
            Op::Text(text, _) => text,
        }
    }

    fn role(&self) -> Role {
        match self {
            Op::Word(_) => Role::Database,
            Op::Shape(shape) => shape.role,
            Op::Text(_, role) => *role,
        }
    }

    pub(super) fn facts(&self) -> Facts {
        let role = self.role();
        Facts {
            op: Some(self.text().into()),
            role: Some(role),
            ..Facts::default()
        }
    }
}

/// What the messages of the newest request ask for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub announced: Option<Op>,
    pub parsed: Option<Arc<Shape>>,
    pub bound: Option<Op>,
    pub executed: Option<Op>,
    /// Shapes of several different executions, joined.
    pub more: Option<String>,
    pub last: Option<Op>,
    pub copy_in: bool,
    pub described: bool,
    /// Some of its messages are in unseen bytes.
    pub unseen: bool,
    /// Its RequestEnd was told.
    pub ended: bool,
}

impl Asked {
    pub(super) fn execute(&mut self, op: Op) {
        let Some(first) = &self.executed else {
            self.executed = Some(op.clone());
            self.last = Some(op);
            return;
        };
        if self
            .last
            .as_ref()
            .is_some_and(|last| last.text() == op.text())
        {
            return;
        }
        let list = self.more.get_or_insert_with(|| first.text().to_owned());
        sql::join(list, op.text());
        if op.role() == Role::VectorSearch {
            self.executed = Some(op.clone());
        }
        self.last = Some(op);
    }

    /// What is shown: what is executed, else what is prepared.
    pub(super) fn op(&self) -> Op {
        match (&self.more, &self.executed, &self.bound, &self.parsed) {
            (Some(list), Some(first), ..) => Op::Text(list.as_str().into(), first.role()),
            (_, Some(one), ..) => one.clone(),
            (_, _, Some(bound), _) => bound.clone(),
            (_, _, _, Some(parsed)) if self.announced.is_none() || self.unseen => {
                Op::Shape(parsed.clone())
            }
            (_, _, _, Some(parsed)) => prepare(parsed),
            _ if self.described => Op::Word("DESCRIBE"),
            _ => Op::Word("CLOSE"),
        }
    }
}

/// Preparing a search is not yet a search.
fn prepare(shape: &Arc<Shape>) -> Op {
    Op::Text(sql::prefixed("PREPARE", &shape.op).into(), Role::Database)
}

//! Requests that wait for their responses, in order.

use super::gen_ai::Rule;
use super::head::Method;
use std::collections::VecDeque;

/// Requests beyond this number are counted but not remembered.
const WAITING_MAX: usize = 256;

/// What the response's parser must know of its request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waiting {
    pub(super) method: Method,
    /// The API it may be asking.
    pub(super) rule: Option<&'static Rule>,
    /// The rule is proven.
    pub(super) proven: bool,
    /// The request named its model.
    pub(super) named: bool,
    /// The response may be a token stream.
    pub(super) may_stream: bool,
}

impl Waiting {
    /// It is a call that generates.
    pub(super) fn generates(&self) -> bool {
        self.proven && self.rule.is_some_and(|rule| rule.generates())
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    /// Requests behind those, of which nothing is remembered.
    beyond: u64,
}

impl Queue {
    pub(super) fn push(&mut self, request: Waiting) {
        if self.beyond > 0 || self.waiting.len() == WAITING_MAX {
            self.beyond += 1;
        } else {
            if self.waiting.capacity() == 0 {
                self.waiting.reserve_exact(1);
            }
            self.waiting.push_back(request);
        }
    }
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let popped = self.waiting.pop_front();
        if self.waiting.is_empty() && self.waiting.capacity() > 8 {
            self.waiting = VecDeque::new();
        }
        popped.or_else(|| {
            self.beyond = self.beyond.checked_sub(1)?;
            Some(Waiting::default())
        })
    }
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
    pub(super) fn len(&self) -> u64 {
        self.waiting.len() as u64 + self.beyond
    }
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The newest request, if it is remembered.
    pub(super) fn newest(&mut self) -> Option<&mut Waiting> {
        if self.beyond > 0 {
            None
        } else {
            self.waiting.back_mut()
        }
    }
    /// The response to come next, or one behind it, may be a token stream.
    pub(super) fn may_stream(&self) -> bool {
        self.waiting.iter().any(|request| request.may_stream)
    }
    /// Heap bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.waiting.capacity() * size_of::<Waiting>()
    }
}

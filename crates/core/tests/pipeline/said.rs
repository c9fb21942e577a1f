//! What the kernel half says: the records of its ring.

use forebay_core::event::{Close, Cookie, Event, Mark, Open, Owner};
use forebay_core::pipeline::Pipeline;
use forebay_core::tape::Passage;

/// A record of the ring.
#[derive(Clone, Debug)]
pub enum Said {
    Open(Open),
    Owner(Owner),
    Segment(Passage, Vec<u8>, Vec<u8>),
    Mark(Mark),
    Close(Close),
}

impl Said {
    /// Hands it to a pipeline.
    pub fn to(&self, pipeline: &mut Pipeline) {
        pipeline.event(match self {
            Self::Open(open) => Event::Open(*open),
            Self::Owner(owner) => Event::Owner(owner.clone()),
            Self::Segment(passage, head, tail) => Event::Segment(passage.segment(head, tail)),
            Self::Mark(mark) => Event::Mark(*mark),
            Self::Close(close) => Event::Close(*close),
        });
    }

    pub fn cookie(&self) -> Cookie {
        match self {
            Self::Open(open) => open.cookie,
            Self::Owner(owner) => owner.cookie,
            Self::Segment(passage, ..) => passage.cookie,
            Self::Mark(mark) => mark.cookie,
            Self::Close(close) => close.cookie,
        }
    }
}

//! When it is certain that an answer belongs to a request, after something was lost.
//!
//! Lost bytes may hold any number of requests or answers. What was asked before them is still
//! answered in order; what is asked after them is only told once nothing unknown can be in flight:
//! - a client that always had its answers before it spoke again has them when it speaks again;
//! - one that was seen to ask behind its own requests (pipelining across turns) has them after a
//!   silence.
//!
//! Limit: a client that does so for the first time in lost bytes, or before the agent came, is not
//! told from one that waits.

/// What is known of a connection's requests in flight.
#[derive(Debug, Default)]
pub(crate) struct Certainty {
    /// Requests or answers may have passed that were not seen.
    doubt: bool,
    /// The client was seen to ask before it had its answers.
    overlaps: bool,
    /// The newest turn of the client began while requests waited.
    behind: bool,
    /// It asked something in that turn: if the server goes on without a gap, it does overlap.
    suspect: bool,
    /// Nobody said anything for a while before the piece in progress.
    quiet: bool,
    /// The server was heard: a turn of the client is one.
    heard: bool,
    /// The connection was not seen from its beginning.
    joined: bool,
}

impl Certainty {
    /// Something was lost, or not understood.
    pub(crate) fn doubt(&mut self) {
        self.doubt = true;
        self.suspect = false;
        self.quiet = false;
    }

    /// A connection is joined in the middle, or its client's place is not known.
    pub(crate) fn join(&mut self) {
        self.joined |= !self.heard;
        self.doubt = true;
    }

    /// An answer came to nothing that was asked: where the beginning was not seen, the client may
    /// have been ahead all the time.
    pub(crate) fn stray(&mut self) {
        self.overlaps |= self.joined;
    }

    /// Bytes of the client that were not seen may hold requests.
    pub(crate) fn unsure(&mut self) {
        self.doubt = true;
    }

    /// Whole turns were lost.
    pub(crate) fn missed(&mut self) {
        self.doubt();
        self.heard = true;
    }

    /// Nobody said anything for a while.
    pub(crate) fn quiet(&mut self) {
        self.quiet = true;
    }

    /// A turn of the client begins. `waits`: complete requests have no complete answer yet.
    pub(crate) fn client_turn(&mut self, waits: bool) {
        self.behind = waits;
    }

    /// A request begins.
    pub(crate) fn asked(&mut self) {
        self.suspect |= self.behind;
    }

    /// The server goes on where it was.
    pub(crate) fn server_spoke(&mut self) {
        self.overlaps |= std::mem::take(&mut self.suspect);
        self.quiet = false;
        self.heard = true;
    }

    /// Bytes that were not seen may belong to more than the only request that is known: to one that
    /// was asked behind it, or in bytes that were not seen.
    pub(crate) fn may_hide_others(&self) -> bool {
        self.overlaps || self.doubt
    }

    /// At the beginning of a client's piece, when no known request waits: whether nothing unknown
    /// is in flight either.
    pub(crate) fn settle(&mut self, turn: bool) -> bool {
        let calm = turn && self.heard && !self.overlaps;
        if calm || turn && std::mem::take(&mut self.quiet) {
            self.doubt = false;
        }
        !self.doubt
    }
}

//! Any bytes, seen or not, in any pieces: no parser panics, grows beyond its bound, or makes other
//! frames of the same bytes when they are cut otherwise.
#![no_main]

use arbitrary::Arbitrary;
use forebay_core::decode::protocols::PROTOCOLS;
use forebay_core::decode::{Frame, MEMORY_BYTES_MAX, Piece, Speaker};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Part {
    server: bool,
    data: Vec<u8>,
    unseen: u16,
    tail: u8,
}

#[derive(Arbitrary, Debug)]
struct Input {
    protocol: u8,
    start: u8,
    cut: u8,
    parts: Vec<Part>,
    end: Option<bool>,
}

fn frames(input: &Input, cut: usize) -> Vec<Frame> {
    let protocol = PROTOCOLS[usize::from(input.protocol) % PROTOCOLS.len()];
    let mut parser = (protocol.open)();
    let mut out = Vec::new();
    let mut offsets = [u64::from(input.start); 2];
    let mut last = None;
    for part in &input.parts {
        let from = if part.server { Speaker::Server } else { Speaker::Client };
        let mut turn = last != Some(from);
        last = Some(from);
        let pieces = part.data.len().div_ceil(cut).max(1);
        for i in 0..pieces {
            let data = &part.data[(i * cut).min(part.data.len())..((i + 1) * cut).min(part.data.len())];
            let unseen = if i + 1 == pieces { u64::from(part.unseen) } else { 0 };
            let tail = usize::from(part.tail % 9).min(unseen as usize);
            let offset = &mut offsets[usize::from(part.server)];
            let len = data.len() as u64 + unseen;
            if len > 0 {
                let tail = &b"\0\r\n\r\n]}\n"[8 - tail..];
                parser.feed(&Piece { from, offset: *offset, len, data, tail, turn }, &mut out);
                assert!(parser.memory_bytes() <= MEMORY_BYTES_MAX, "{}", protocol.name);
                let _ = parser.want();
            }
            *offset += len;
            turn = false;
        }
    }
    if let Some(server) = input.end {
        let from = if server { Speaker::Server } else { Speaker::Client };
        parser.end(from, &mut out);
    }
    out
}

fuzz_target!(|input: Input| {
    let whole = frames(&input, usize::MAX);
    let lost = whole.iter().any(|frame| matches!(frame, Frame::Lost { .. }));
    let seen = input.parts.iter().all(|part| part.unseen == 0);
    // Only bytes that are all seen, from the opening on and understood mean the same in any pieces.
    if input.start == 0 && seen && !lost {
        let cut = frames(&input, usize::from(input.cut % 64) + 1);
        if !cut.iter().any(|frame| matches!(frame, Frame::Lost { .. })) {
            assert_eq!(whole, cut);
        }
    }
});

//! The free room of a block as a place to write to. Nearly all that is written is a few bytes long,
//! and a call that copies any number of bytes takes longer than those.

use postcard::Error;
use postcard::ser_flavors::Flavor;

/// Room, filled from its start.
pub struct Room<'a> {
    bytes: &'a mut [u8],
    used: usize,
}

impl<'a> Room<'a> {
    /// All of it is free.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, used: 0 }
    }
}

impl Flavor for Room<'_> {
    /// Bytes written.
    type Output = usize;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        let free = self.bytes.get_mut(self.used);
        *free.ok_or(Error::SerializeBufferFull)? = byte;
        self.used += 1;
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, from: &[u8]) -> postcard::Result<()> {
        let end = self.used + from.len();
        let free = self.bytes.get_mut(self.used..end);
        copy(free.ok_or(Error::SerializeBufferFull)?, from);
        self.used = end;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.used)
    }
}

/// Copies `from` to `to`, which is as long. Up to 16 bytes: the first and the last half or more.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    match from {
        [] => {}
        [one] => to[0] = *one,
        [one, two] => to.copy_from_slice(&[*one, *two]),
        [one, two, three] => to.copy_from_slice(&[*one, *two, *three]),
        _ if from.len() <= 8 => ends::<4>(to, from),
        _ if from.len() <= 16 => ends::<8>(to, from),
        _ => to.copy_from_slice(from),
    }
}

#[inline]
fn ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk()) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied_whole_or_not_at_all() {
        let from: Vec<u8> = (1..=40).collect();
        for len in 0..=40 {
            let mut bytes = [0; 40];
            let mut room = Room::new(&mut bytes[..len]);
            room.try_extend(&from[..len]).unwrap();
            assert!(room.try_push(9).is_err() && room.try_extend(&[9]).is_err());
            assert_eq!(room.finalize().unwrap(), len);
            assert_eq!(bytes[..len], from[..len]);
        }
    }
}

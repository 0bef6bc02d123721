//! Choices that must not be guessable, out of random bytes that the caller brings.

use crate::journal::tagged;

/// Numbers drawn from the request's random bytes by hashing them with a counter.
pub(super) struct Random {
    seed: [u8; 32],
    drawn: u64,
}

impl Random {
    pub(super) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// A number below `bound`. The bias of the remainder is below 2^-40 for our small bounds.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let mut data = self.seed.to_vec();
        data.extend(self.drawn.to_le_bytes());
        self.drawn += 1;
        let hash = tagged(b"Quorate/random", &data);
        let number = hash[..8]
            .iter()
            .fold(0u64, |number, &byte| number << 8 | u64::from(byte));
        usize::try_from(number % bound.max(1) as u64).unwrap_or(0)
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

//! Stories through the real binary; see `stories/`.

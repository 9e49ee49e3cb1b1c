//! What the targets share: how an input is split into texts.

/// The texts of an input, which NUL bytes separate; empty ones when there are no more. None if the input is not UTF-8.
pub fn texts<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let mut texts = std::str::from_utf8(data).ok()?.splitn(N, '\0');
    Some(std::array::from_fn(|_| texts.next().unwrap_or_default()))
}

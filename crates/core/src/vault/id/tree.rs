//! A taproot descriptor in the one form that all texts of the same outputs share. The two sides of a
//! branch may change places without changing the output (BIP341 hashes them in order of their
//! hashes), and so may the keys of a `sortedmulti_a`.

use crate::vault::shape::{Shape, SlotKey};
use hex::DisplayHex;

/// The descriptor with key material in the keys' places, the sides of each branch in order.
pub(super) fn canonical(shape: &Shape, slots: &[SlotKey]) -> String {
    let mut texts: Vec<String> = slots.iter().map(material).collect();
    for leaf in &shape.sorted_leaves {
        if let Some(texts) = texts.get_mut(leaf.clone()) {
            texts.sort();
        }
    }
    let text = shape.write(|slot| texts.get(slot).cloned());
    let inside = text
        .strip_prefix("tr(")
        .and_then(|text| text.strip_suffix(')'));
    match inside.and_then(|inside| split(inside)) {
        Some((internal, tree)) => format!("tr({internal},{})", node(tree)),
        None => text,
    }
}

fn node(text: &str) -> String {
    let inside = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    match inside.and_then(split) {
        Some((left, right)) => {
            let mut sides = [node(left), node(right)];
            sides.sort();
            format!("{{{},{}}}", sides[0], sides[1])
        }
        None => text.to_owned(),
    }
}

/// At the first comma outside all brackets.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let comma = text.char_indices().find(|(_, c)| {
        match c {
            '(' | '{' | '<' => depth += 1,
            ')' | '}' | '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *c == ','
    });
    comma.map(|(at, _)| (&text[..at], &text[at + 1..]))
}

fn material(slot: &SlotKey) -> String {
    let identity = slot.key.identity();
    let public = identity.public_key.serialize();
    let chain = identity.chain_code.to_bytes();
    let mut text = format!("{:x}{:x}", public.as_hex(), chain.as_hex());
    // Writing to a string doesn't fail.
    let _ = slot.write_branches(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sides_of_every_branch_are_put_in_order() {
        for same in ["{{b(1,2),a},c}", "{c,{a,b(1,2)}}", "{c,{b(1,2),a}}"] {
            assert_eq!(node(same), "{c,{a,b(1,2)}}", "{same}");
        }
        assert_ne!(node("{{a,c},b(1,2)}"), node("{c,{a,b(1,2)}}"));
    }
}

//! What happens when one key is lost, or stolen: a question everybody has, answered by the policy alone.

use super::{Policy, SpendingPath};
use std::collections::BTreeSet;

/// One cosigner's key gone, or in wrong hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mishap {
    /// Whose key, by index.
    pub cosigner: usize,
    /// Lost: the paths that the others can still spend by. None: the money is lost with the key.
    pub left: Vec<usize>,
    /// Stolen: the paths by which the thief can spend alone, once their locks have passed.
    pub thief: Vec<usize>,
}

/// For each cosigner.
#[must_use]
pub fn mishaps(policy: &Policy) -> Vec<Mishap> {
    let all: BTreeSet<usize> = policy
        .paths
        .iter()
        .flat_map(|path| path.cosigners.clone())
        .collect();
    let chosen = |holds: &dyn Fn(&SpendingPath) -> bool| {
        let paths = policy.paths.iter().enumerate();
        paths
            .filter(|(_, path)| holds(path))
            .map(|(at, _)| at)
            .collect()
    };
    all.iter()
        .map(|&cosigner| Mishap {
            cosigner,
            left: chosen(&|path| {
                let others = path.cosigners.iter().filter(|other| **other != cosigner);
                others.count() >= path.threshold
            }),
            thief: chosen(&|path| path.threshold <= 1 && path.cosigners.contains(&cosigner)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Timelock;

    fn path(threshold: usize, cosigners: &[usize], lock: Option<Timelock>) -> SpendingPath {
        SpendingPath {
            threshold,
            cosigners: cosigners.iter().copied().collect(),
            lock,
        }
    }

    #[test]
    fn what_is_left_and_what_a_thief_can_do_follow_from_the_paths() {
        let policy = Policy {
            paths: vec![
                path(2, &[0, 1], None),
                path(1, &[1, 2], Some(Timelock::Older(10))),
            ],
        };
        let mishap = |cosigner, left: &[usize], thief: &[usize]| Mishap {
            cosigner,
            left: left.to_vec(),
            thief: thief.to_vec(),
        };
        assert_eq!(
            mishaps(&policy),
            [
                mishap(0, &[1], &[]),
                mishap(1, &[1], &[1]),
                mishap(2, &[0, 1], &[1])
            ]
        );
        let all = Policy {
            paths: vec![path(2, &[0, 1], None)],
        };
        assert_eq!(mishaps(&all), [mishap(0, &[], &[]), mishap(1, &[], &[])]);
    }
}

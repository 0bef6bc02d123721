//! How much work a header must claim. A header is checked by itself, so what it claims could be the
//! lowest that the network ever asked for, and such a block is made in minutes. On the main network
//! the asking was never again as low as long ago; that is enough to make a made-up block cost years
//! of a machine. Test networks have no such history.

use bitcoin::Network;
use bitcoin::block::Header;
use bitcoin::params::Params;

/// From a height on, the difficulty that the main network never fell below again: the lowest since,
/// rounded down generously.
const FLOORS: [(u32, f64); 6] = [
    (600_000, 1e13), // October 2019
    (500_000, 1e12), // December 2017
    (400_000, 1e11), // February 2016
    (300_000, 5e9),  // May 2014
    (200_000, 1e6),  // September 2012
    (0, 1.0),
];

/// A height that the main network has passed: a server below it doesn't have the chain. June 2025.
const PASSED: u32 = 900_000;

/// Whether a header at this height claims as much work as it must, and has it.
pub(super) fn enough(header: &Header, height: u32, network: Network) -> bool {
    let target = header.target();
    let claims = match network {
        Network::Bitcoin => {
            let floor = FLOORS.iter().find(|(from, _)| height >= *from);
            floor.is_some_and(|(_, floor)| target.difficulty_float() >= *floor)
        }
        _ => target <= Params::new(network).max_attainable_target,
    };
    claims && header.validate_pow(target).is_ok()
}

/// How much of the chain a server has, if it is plainly not all of it.
pub(super) fn share(height: u32, network: Network) -> Option<f64> {
    let behind = network == Network::Bitcoin && height < PASSED;
    behind.then(|| f64::from(height) / f64::from(PASSED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::CompactTarget;
    use bitcoin::constants::genesis_block;

    #[test]
    fn t29_a_header_of_long_ago_is_not_one_of_today() {
        let genesis = genesis_block(Network::Bitcoin).header;
        assert!(enough(&genesis, 0, Network::Bitcoin));
        for height in [200_000, 350_000, 600_000, 900_000, u32::MAX] {
            assert!(!enough(&genesis, height, Network::Bitcoin), "{height}");
        }
        let other = genesis_block(Network::Regtest).header;
        assert!(enough(&other, 900_000, Network::Regtest));
        assert!(!enough(&other, 0, Network::Bitcoin));
    }

    #[test]
    fn what_the_network_asked_for_is_above_the_floors() {
        // The field `bits` of blocks at these heights, and the difficulty that was published.
        for (bits, difficulty, from) in [
            (0x1a05_db8b_u32, 2_864_140.5, 200_000),
            (0x1900_896c, 8_000_872_135.9, 300_000),
            (0x1806_b99f, 163_491_654_908.9, 400_000),
            (0x1800_9645, 1_873_105_475_221.6, 500_000),
            (0x1714_8edf, 13_691_480_038_694.4, 600_000),
        ] {
            let target = bitcoin::Target::from_compact(CompactTarget::from_consensus(bits));
            let claimed = target.difficulty_float();
            assert!(
                (claimed / difficulty - 1.0).abs() < 1e-6,
                "{from}: {claimed}"
            );
            let floor = FLOORS.iter().find(|(start, _)| from >= *start);
            assert!(
                claimed > floor.map_or(f64::MAX, |(_, floor)| *floor),
                "{from}"
            );
        }
    }

    #[test]
    fn a_server_far_behind_is_still_downloading() {
        assert_eq!(share(450_000, Network::Bitcoin), Some(0.5));
        assert_eq!(share(900_000, Network::Bitcoin), None);
        assert_eq!(share(5, Network::Signet), None);
    }
}

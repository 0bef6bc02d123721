//! Spends with a goal: few coins, old coins, coins of one group; fees that recipients pay; data; version 3.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::{Amount, FeeRate, Weight, transaction};
use common::world::{World, pay, stranger};
use proptest::prelude::*;
use quorate_core::proposal::Proposal;
use quorate_core::spend::{
    FeeRefusal, Finding, Goal, Package, Recipient, Request, Send, SpendError, Wishes, data_of,
    propose, review,
};

fn wish(goal: Goal) -> Wishes<'static> {
    Wishes {
        goal,
        ..Wishes::default()
    }
}

fn with<'a>(
    world: &'a World,
    to: &'a [Recipient],
    rate: u64,
    wishes: Wishes<'a>,
) -> Result<Proposal, SpendError> {
    let request = Request {
        wishes,
        ..world.request(to, rate)
    };
    propose(&world.vault, &request)
}

fn less_fee(place: u8, sat: u64) -> Recipient {
    Recipient {
        address: stranger(place),
        send: Send::LessFee(Amount::from_sat(sat)),
    }
}

/// What a recipient gets.
fn got(proposal: &Proposal, to: &Recipient) -> u64 {
    let script = to.address.script_pubkey();
    let mut outputs = proposal.outputs().iter();
    let found = outputs.find(|output| output.txout.script_pubkey == script);
    found.unwrap().txout.value.to_sat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No smaller number of coins could have done it: tried with all that many largest ones, which are
    /// worth the most.
    #[test]
    fn fewest_is_the_fewest(values in prop::collection::vec(2_000u64..200_000, 1..30), wanted in 1_000u64..900_000) {
        let world = World::new("2-of-3", &values);
        let to = [pay(wanted)];
        match with(&world, &to, 2, wish(Goal::Fewest)) {
            Ok(proposal) => {
                let count = proposal.inputs().len();
                let mut sorted = values.clone();
                sorted.sort_unstable_by(|a, b| b.cmp(a));
                let fewer: u64 = sorted[..count - 1].iter().sum();
                // One input weighs 164 and the witness; what is left over must not have paid for it.
                let bare = world.vault.satisfaction_weight(0).to_wu() + 164;
                let least = wanted + 2 * (bare * (count as u64 - 1) / 4);
                prop_assert!(fewer < least + 200, "{fewer} of {} coins would do for {least}", count - 1);
            }
            Err(SpendError::NotEnough { shortage }) => {
                prop_assert!(shortage.available.to_sat() < wanted + shortage.fee.to_sat());
            }
            Err(error) => prop_assert!(matches!(error, SpendError::Fee(_)), "{error}"),
        }
    }

    /// Whoever pays the fee pays all of it, and nobody else pays anything.
    #[test]
    fn recipients_pay_the_fee_in_equal_parts(
        first in 20_000u64..200_000,
        others in prop::collection::vec(20_000u64..200_000, 0..4),
        exact in prop::option::of(10_000u64..100_000),
        rate in 1u64..8,
    ) {
        let world = World::new("2-of-3", &[300_000, 250_000, 200_000, 150_000, 100_000, 50_000]);
        let mut to = vec![less_fee(50, first)];
        to.extend((51u8..).zip(&others).map(|(place, sat)| less_fee(place, *sat)));
        if let Some(sat) = exact {
            to.push(Recipient { address: stranger(70), send: Send::Exactly(Amount::from_sat(sat)) });
        }
        let payers = 1 + others.len() as u64;
        let proposal = with(&world, &to, rate, wish(Goal::Cheapest));
        if let Err(SpendError::NotEnough { .. } | SpendError::Fee(_)) = proposal {
            return Ok(());
        }
        let proposal = proposal.unwrap();
        let asked: u64 = first + others.iter().sum::<u64>();
        let received: u64 = to.iter().take(usize::try_from(payers).unwrap()).map(|to| got(&proposal, to)).sum();
        let fee = proposal.fee().to_sat();
        // With change the recipients pay exactly the fee; without, what was too little for change helps.
        let has_change = proposal.outputs().iter().any(|output| output.ours.is_some());
        if has_change {
            prop_assert_eq!(asked - received, fee);
        } else {
            prop_assert!(asked - received <= fee);
        }
        if let Some(sat) = exact {
            prop_assert_eq!(got(&proposal, to.last().unwrap()), sat);
        }
        let share = (asked - received) / payers;
        for (place, (recipient, sat)) in to.iter().zip(std::iter::once(&first).chain(&others)).enumerate() {
            let paid = sat - got(&proposal, recipient);
            let odd = if place == 0 { (asked - received) % payers } else { 0 };
            prop_assert_eq!(paid, share + odd);
        }
        let least = FeeRate::from_sat_per_vb(rate).unwrap();
        let weight = review(&world.vault, &proposal, None).weight;
        prop_assert!(fee >= least.fee_vb(weight.to_vbytes_ceil()).unwrap().to_sat());
    }
}

#[test]
fn oldest_takes_the_lowest_blocks_and_the_mempool_last() {
    let mut world = World::new("2-of-3", &[90_000, 80_000, 70_000, 60_000]);
    for (coin, height) in world
        .coins
        .iter_mut()
        .zip([Some(140), None, Some(3), Some(70)])
    {
        coin.height = height;
    }
    let to = [pay(100_000)];
    let proposal = with(&world, &to, 1, wish(Goal::Oldest)).unwrap();
    let mut spent: Vec<u64> = proposal
        .inputs()
        .iter()
        .map(|input| input.prevout.value.to_sat())
        .collect();
    spent.sort_unstable();
    assert_eq!(spent, [60_000, 70_000]);
}

#[test]
fn privacy_stays_within_one_group_and_says_when_it_cannot() {
    let mut world = World::new("2-of-3", &[90_000, 80_000, 70_000, 60_000, 50_000, 45_000]);
    for (coin, group) in world.coins.iter_mut().zip([0, 1, 1, 2, 2, 2]) {
        coin.group = group;
    }
    // 150,000 are in group 1, 155,000 in group 2: the smaller one that has enough.
    let to = [pay(120_000)];
    let proposal = with(&world, &to, 1, wish(Goal::Privacy)).unwrap();
    let groups: Vec<usize> = proposal
        .inputs()
        .iter()
        .map(|input| {
            let mut coins = world.coins.iter();
            coins
                .find(|coin| coin.outpoint == input.outpoint)
                .unwrap()
                .group
        })
        .collect();
    assert_eq!(groups, [1, 1]);
    let to = [pay(200_000)];
    let error = with(&world, &to, 1, wish(Goal::Privacy)).unwrap_err();
    let SpendError::NoGroup { wanted, largest } = error else {
        panic!("{error}")
    };
    assert_eq!((wanted.to_sat(), largest.to_sat()), (200_000, 155_000));
    assert!(with(&world, &to, 1, wish(Goal::Cheapest)).is_ok());
    let to = [pay(900_000)];
    let error = with(&world, &to, 1, wish(Goal::Privacy)).unwrap_err();
    assert!(matches!(error, SpendError::NotEnough { .. }), "{error}");
}

/// Of a payment of 50,000 out of one coin of 60,000 the change of some 9,000 would show which is which;
/// with a second coin of the group both outputs are of one size.
#[test]
fn privacy_makes_change_that_could_be_the_payment() {
    let mut world = World::new("2-of-3", &[60_000, 42_000, 500_000]);
    for coin in &mut world.coins {
        coin.group = 7;
    }
    let to = [pay(50_000)];
    let change = |goal| {
        let proposal = with(&world, &to, 1, wish(goal)).unwrap();
        let mut outputs = proposal.outputs().iter();
        let change = outputs.find(|output| output.ours.is_some());
        change.map_or(0, |change| change.txout.value.to_sat())
    };
    let alike = change(Goal::Privacy);
    assert!((45_000..=55_000).contains(&alike), "{alike}");
    let fewest = change(Goal::Fewest);
    assert!(fewest > 400_000, "{fewest}");
}

#[test]
fn a_share_of_the_fee_that_leaves_dust_is_refused() {
    let world = World::new("2-of-3", &[100_000]);
    let to = [less_fee(1, 90_000), less_fee(2, 400)];
    let error = with(&world, &to, 5, wish(Goal::Cheapest)).unwrap_err();
    assert!(
        matches!(error, SpendError::FeeEatsPayment { .. }),
        "{error}"
    );
    let to = [
        less_fee(1, 50_000),
        Recipient {
            address: stranger(2),
            send: Send::All,
        },
    ];
    let error = with(&world, &to, 1, wish(Goal::Cheapest)).unwrap_err();
    assert_eq!(error, SpendError::FeeTwice);
}

#[test]
fn data_is_carried_without_money_and_shown() {
    let world = World::new("2-of-3", &[100_000]);
    let wishes = Wishes {
        data: Some(b"report 2026"),
        ..Wishes::default()
    };
    for to in [vec![pay(50_000)], vec![]] {
        let request = Request {
            limits: quorate_core::spend::FeeLimits {
                allow_high: true,
                ..Default::default()
            },
            wishes,
            ..world.request(&to, 2)
        };
        let proposal = propose(&world.vault, &request).unwrap();
        let outputs = &proposal.transaction().output;
        let carried = outputs.iter().filter_map(|output| {
            let bytes = data_of(&output.script_pubkey)?;
            Some((output.value, bytes))
        });
        assert_eq!(
            carried.collect::<Vec<_>>(),
            [(Amount::ZERO, b"report 2026".to_vec())]
        );
        let seen = review(&world.vault, &proposal, None);
        assert!(seen.findings.iter().any(|finding| matches!(
            finding,
            Finding::Data { text: Some(text), .. } if text == "report 2026"
        )));
        let rate = FeeRate::from_sat_per_vb(2).unwrap();
        let least = rate.fee_vb(seen.weight.to_vbytes_ceil()).unwrap();
        assert!(proposal.fee() >= least && proposal.fee() < least + Amount::from_sat(400));
    }
    let too_long = [0; 81];
    for data in [&[][..], &too_long] {
        let wishes = Wishes {
            data: Some(data),
            ..Wishes::default()
        };
        let error = with(&world, &[pay(50_000)], 2, wishes).unwrap_err();
        assert_eq!(error, SpendError::Data { bytes: data.len() });
    }
}

#[test]
fn version_3_has_a_size_of_its_own() {
    let world = World::new("2-of-3", &[5_000; 120]);
    let wishes = Wishes {
        truc: true,
        ..Wishes::default()
    };
    let proposal = with(&world, &[pay(50_000)], 1, wishes).unwrap();
    assert_eq!(proposal.transaction().version, transaction::Version(3));
    let error = with(&world, &[pay(500_000)], 1, wishes).unwrap_err();
    assert!(
        matches!(error, SpendError::TooHeavyForTruc { .. }),
        "{error}"
    );
    assert!(with(&world, &[pay(500_000)], 1, Wishes::default()).is_ok());
}

#[test]
fn a_child_pays_what_its_parents_lack() {
    let world = World::new("2-of-3", &[100_000]);
    let to = [Recipient {
        address: stranger(1),
        send: Send::All,
    }];
    let parents = Package {
        weight: Weight::from_wu(4 * 300),
        fee: Amount::from_sat(300),
    };
    let wishes = Wishes {
        package: Some(parents),
        ..Wishes::default()
    };
    let proposal = with(&world, &to, 10, wishes).unwrap();
    let weight = review(&world.vault, &proposal, None).weight;
    let together = (weight + parents.weight).to_vbytes_ceil() * 10;
    assert_eq!(proposal.fee().to_sat() + 300, together);
    // Parents that pay too much don't make the child free.
    let generous = Package {
        fee: Amount::from_sat(1_000_000),
        ..parents
    };
    let wishes = Wishes {
        package: Some(generous),
        ..Wishes::default()
    };
    let proposal = with(&world, &to, 10, wishes).unwrap();
    assert_eq!(proposal.fee().to_sat(), weight.to_vbytes_ceil() * 10);
}

#[test]
fn what_no_node_relays_is_refused_and_less_than_a_satoshi_is_not() {
    let world = World::new("2-of-3", &[100_000]);
    let to = [pay(50_000)];
    let request = |kwu, wishes| Request {
        fee_rate: FeeRate::from_sat_per_kwu(kwu),
        wishes,
        ..world.request(&to, 1)
    };
    let proposal = propose(&world.vault, &request(25, Wishes::default())).unwrap();
    let weight = review(&world.vault, &proposal, None).weight;
    assert_eq!(
        proposal.fee().to_sat(),
        weight.to_vbytes_ceil().div_ceil(10)
    );
    let error = propose(&world.vault, &request(24, Wishes::default())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "0.096 sat/vB is below the 0.1 sat/vB that nodes relay at least: name a higher fee rate"
    );
    let strict = Wishes {
        relay_floor: FeeRate::from_sat_per_vb(3).unwrap(),
        ..Wishes::default()
    };
    let error = propose(&world.vault, &request(500, strict)).unwrap_err();
    assert!(error.to_string().contains("below the 3 sat/vB"), "{error}");
    assert!(!matches!(error, SpendError::Fee(FeeRefusal::Rate { .. })));
}

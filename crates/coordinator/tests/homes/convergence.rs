//! Any order, any repetition, anything lost and sent again: homes that have the same entries come to
//! the same state.

use super::world::{Forger, Home, NOW, World, moment, proposal_id, signatures, word};
use proptest::prelude::*;
use quorate_coordinator::{Revision, Terms};
use quorate_core::journal::{Body, CloseReason, Entry, JournalFile, SignatureText, Word};
use quorate_core::keychain::Keychain;
use quorate_core::vault::Vault;
use quorate_testkit::fixtures;
use std::sync::OnceLock;

/// Everything that ever happened to a vault, good and bad, and the state it amounts to.
struct History {
    vault: Vault,
    owner: String,
    entries: Vec<Entry>,
    state: String,
}

fn entries(journal: &str) -> Vec<Entry> {
    let file = JournalFile::read(journal).unwrap();
    let lines = file.lines.into_iter().map(Result::unwrap);
    lines
        .map(|line| Entry::check(&line.text, &line.signature).unwrap())
        .collect()
}

fn history() -> &'static History {
    static HISTORY: OnceLock<History> = OnceLock::new();
    HISTORY.get_or_init(|| {
        let mut world = World::new();
        let first = world.owner.propose(120_000, 20);
        let journal = world.owner.export();
        world.bob.import(&journal);
        world.bob.sign(&first, &fixtures::bob(), 21);
        let address = world
            .bob
            .office
            .new_address("family", Some("shop"), moment(22));
        address.unwrap();
        let journal = world.bob.export();
        world.carol.import(&journal);
        world.carol.sign(&first, &fixtures::carol(), 23);
        // Carol isn't enrolled yet; the owner hands out the index that bob has handed out too.
        let address = world
            .owner
            .office
            .new_address("family", Some("flat"), moment(24));
        address.unwrap();
        world.sync();
        let second = world.owner.propose(30_000, 25);
        world
            .owner
            .office
            .abandon(&second, Some("no"), moment(26))
            .unwrap();
        // A draft with a deadline, revised and submitted; words in both homes, some of them changed.
        let terms = Terms {
            draft: true,
            expires: Some(NOW + 1_000_000),
            replaces: None,
        };
        let third = world.owner.propose_with(20_000, &terms, 26);
        let office = &mut world.owner.office;
        let revision = Revision {
            memo: Some("as talked over"),
            ..Revision::default()
        };
        let fourth = office.revise(&third, &revision, moment(26)).unwrap().id;
        office.submit(&fourth, moment(26)).unwrap();
        let no = Word::Rejected;
        office
            .speak(&fourth, "carol", no, Some("by phone"), moment(26))
            .unwrap();
        let journal = world.owner.export();
        world.bob.import(&journal);
        for (word, note) in [(no, Some("too much")), (Word::Approved, None), (no, None)] {
            let office = &mut world.bob.office;
            office
                .speak(&fourth, "bob", word, note, moment(27))
                .unwrap();
        }
        let journal = world.bob.export();
        world.owner.import(&journal);
        let id = world.carol.id.clone();
        let office = &mut world.owner.office;
        office
            .add_member("family", "carol", &id, Some("carol"), moment(27))
            .unwrap();
        // One who is removed, and goes on.
        let request = world.owner.office.export(&first, false).unwrap();
        let mut forger = world.enrolled_forger();
        let mut forged = vec![
            forger.say(reveal(9)),
            forger.say(word(&fourth, &world.vault, 0, no, "not mine to say")),
            // Another valid signature for a slot that bob has signed.
            forger.say(contribution(
                &first,
                signatures(&request, &fixtures::bob(), Some(5)),
            )),
            forger.say(contribution(
                &first,
                signatures(&request, &fixtures::alice(), None),
            )),
        ];
        world.owner.take(&forged);
        let office = &mut world.owner.office;
        office
            .remove_member("family", "mallory", None, moment(28))
            .unwrap();
        forged.push(forger.say(Body::ProposalClosed {
            proposal: proposal_id(&first),
            reason: CloseReason::Rejected,
            note: None,
        }));
        let again = forger.entry(1, None, NOW, reveal(10));
        forged.push(forger.entry(2, Some(again.id()), NOW, reveal(11)));
        forged.push(again);
        // One who says two things, garbage among them, and one whom nobody knows.
        let mut other = Forger::new(77, world.vault.id());
        let office = &mut world.owner.office;
        office
            .add_member(
                "family",
                "two-faced",
                &other.id().to_string(),
                None,
                moment(29),
            )
            .unwrap();
        let mut bogus = signatures(&request, &fixtures::carol(), Some(3));
        bogus[0].signature = bogus[1].signature.clone();
        forged.push(other.say(contribution(&first, bogus)));
        forged.push(other.say(Body::ProposalReleased {
            proposal: proposal_id(&first),
            transaction: "00".to_owned(),
        }));
        let said = other.written[0].id();
        forged.push(other.entry(2, Some(said), NOW + 1, reveal(12)));
        for (word_of_it, at) in [(Word::Approved, NOW), (no, NOW), (no, NOW - 1)] {
            let body = word(&first, &world.vault, 2, word_of_it, "both");
            forged.push(other.entry(3, Some(said), at, body));
        }
        let mut stranger = Forger::new(78, world.vault.id());
        forged.push(stranger.say(reveal(13)));
        forged.push(stranger.say(Body::MemberAdded {
            member: stranger.id(),
            name: "friend".to_owned(),
            cosigner: None,
        }));
        // Enrolled, removed altogether.
        let office = &mut world.owner.office;
        let late = Forger::new(79, world.vault.id());
        let id = late.id().to_string();
        office
            .add_member("family", "late", &id, None, moment(30))
            .unwrap();
        office
            .remove_member("family", "late", Some(0), moment(31))
            .unwrap();
        forged.push(late.entry(1, None, NOW, reveal(14)));
        world.owner.take(&forged);
        // Who stands for the vault, who only says so, and a member who would retire it.
        let office = &mut world.bob.office;
        office
            .attest("family", Some("bob"), None, moment(32))
            .unwrap();
        let office = &mut world.owner.office;
        office
            .attest("family", Some("alice"), Some("by phone"), moment(32))
            .unwrap();
        office
            .attest("family", Some("bob"), None, moment(31))
            .unwrap();
        forged = vec![
            other.entry(4, Some(said), NOW, Body::VaultRetired { note: None }),
            other.entry(5, Some(said), NOW, attested(&world.vault, 2, "")),
            other.entry(6, Some(said), NOW + 9, labels(&["one", "two"])),
            other.entry(6, Some(said), NOW + 9, labels(&["two", "one"])),
            other.entry(5, Some(said), NOW - 1, attested(&world.vault, 2, "x")),
        ];
        world.owner.take(&forged);
        let journals = [world.bob.export(), world.carol.export()];
        for journal in &journals {
            world.owner.import(journal);
        }
        let view = world.owner.office.vault("family").unwrap();
        assert_eq!(view.stage, "active");
        let by: Vec<_> = view
            .standing
            .iter()
            .map(|one| one.attested.as_ref().map(|one| one.by))
            .collect();
        assert_eq!(by, [Some("owner"), Some("cosigner"), None]);
        assert_eq!(world.owner.signers(&first), ["alice", "bob", "carol"]);
        assert_eq!(world.owner.status(&first), "ready");
        assert_eq!(world.owner.status(&third), "replaced");
        assert_eq!(world.owner.status(&fourth), "rejected");
        let journal = world.owner.export();
        History {
            vault: world.vault.clone(),
            owner: world.owner.id.clone(),
            entries: entries(&journal),
            state: world.owner.state(),
        }
    })
}

fn reveal(index: u32) -> Body {
    Body::AddressRevealed {
        keychain: Keychain::Receive,
        index,
        label: Some(format!("number {index}")),
    }
}

fn labels(words: &[&str]) -> Body {
    let line = |(at, words): (usize, &&str)| {
        format!("{{\"type\":\"tx\",\"ref\":\"{at}\",\"label\":\"{words}\"}}")
    };
    Body::LabelsSet {
        lines: words.iter().enumerate().map(line).collect(),
    }
}

fn attested(vault: &Vault, cosigner: usize, note: &str) -> Body {
    let first = |keychain| {
        vault
            .derive(keychain, 0)
            .unwrap()
            .address(vault.network())
            .to_string()
    };
    Body::VaultAttested {
        cosigner: *vault.cosigners()[cosigner].key.xpub(),
        receive: first(Keychain::Receive),
        change: first(Keychain::Change),
        note: Some(note.to_owned()),
    }
}

fn contribution(id: &str, signatures: Vec<SignatureText>) -> Body {
    Body::ContributionAdded {
        proposal: proposal_id(id),
        signatures,
    }
}

/// What happens to the entries on their way to one home.
#[derive(Debug, Clone)]
struct Way {
    /// For each entry where it comes in the order, whether it is lost at first, whether it comes
    /// twice.
    fates: Vec<(u32, bool, bool)>,
    /// How many come at once.
    pieces: usize,
}

fn way(count: usize) -> impl Strategy<Value = Way> {
    let fate = (
        any::<u32>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
    );
    (prop::collection::vec(fate, count), 1..12usize)
        .prop_map(|(fates, pieces)| Way { fates, pieces })
}

impl Way {
    fn deliver(&self, home: &mut Home, entries: &[Entry]) {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by_key(|&at| self.fates[at].0);
        let arriving = order
            .iter()
            .filter(|&&at| !self.fates[at].1)
            .flat_map(|&at| {
                let times = if self.fates[at].2 { 2 } else { 1 };
                std::iter::repeat_n(entries[at].clone(), times)
            });
        let arriving: Vec<Entry> = arriving.collect();
        for piece in arriving.chunks(self.pieces) {
            home.take(piece);
        }
        // What was lost is sent again, the last first.
        for &at in order.iter().rev().filter(|&&at| self.fates[at].1) {
            home.take(std::slice::from_ref(&entries[at]));
        }
    }
}

fn three_ways() -> impl Strategy<Value = [Way; 3]> {
    let count = history().entries.len();
    [way(count), way(count), way(count)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn three_homes_end_in_the_same_state_whatever_happens_on_the_way(ways in three_ways()) {
        let history = history();
        for (way, seed) in ways.iter().zip(100..) {
            let mut home = Home::joining(seed, &history.vault, &history.owner);
            way.deliver(&mut home, &history.entries);
            prop_assert_eq!(&home.state(), &history.state);
        }
    }
}

/// The owner is named last: all of it was parked until then.
#[test]
fn naming_the_owner_last_ends_in_the_same_state() {
    let history = history();
    let stranger = Forger::new(90, history.vault.id()).id().to_string();
    let mut home = Home::joining(120, &history.vault, &stranger);
    home.take(&history.entries);
    assert_ne!(home.state(), history.state);
    home.office
        .trust("family", &history.owner, moment(8))
        .unwrap();
    assert_eq!(home.state(), history.state);
}

/// A signature that was acknowledged stays: the place is signed in every order.
#[test]
fn no_order_of_two_valid_signatures_takes_one_back() {
    let history = history();
    let mut home = Home::joining(121, &history.vault, &history.owner);
    let signed = |home: &mut Home| {
        let list = home
            .office
            .proposals(Some("family"), true)
            .unwrap()
            .proposals;
        let first = list.iter().find(|one| one.status != "abandoned");
        first.map(|one| one.needed)
    };
    let mut needed = None;
    for entry in &history.entries {
        home.take(std::slice::from_ref(entry));
        let now = signed(&mut home);
        if let (Some(before), Some(now)) = (needed, now)
            // A removal may take words back; nothing else does.
            && entry.content().body.kind() != "member_removed"
        {
            assert!(now <= before, "{}", entry.text());
        }
        needed = now.or(needed);
    }
    assert_eq!(needed, Some(0));
}

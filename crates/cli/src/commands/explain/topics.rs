//! The words that a person meets, each in a few sentences.

/// Word and explanation.
pub(super) const TOPICS: [(&str, &str); 10] = [
    (
        "vault",
        "A vault is money that several keys guard together. Its rules stand in the script of every \
         address: the network takes no payment out of it that breaks them, whatever any program says. \
         Quorate knows the public keys, so it sees the vault's coins and can propose payments, but it \
         can't spend: the private keys stay with the cosigners. The vault's id is a hash of its rules and \
         keys; compare it with the other cosigners, and the first addresses, before money is sent there.",
    ),
    (
        "descriptor",
        "A descriptor is one line of text that says what a vault is: the script, the public keys, and \
         where addresses come from. From it every program derives the same addresses. Whoever has it sees \
         all addresses and amounts and can't spend. Without it, the keys alone may not find the money: \
         keep a copy with every key. The eight characters after # are a checksum against typing errors.",
    ),
    (
        "quorum",
        "A quorum is how many of the cosigners must sign, two of three for instance. Fewer can't spend, \
         and no more are needed: one key may be lost or out of reach. Signatures are counted for each coin \
         that is spent, so somebody who signed for some of the coins alone hasn't signed the payment. See \
         who has: quorate proposal show.",
    ),
    (
        "psbt",
        "A PSBT is a file with a payment that isn't signed yet, and with everything a signer needs to see \
         what it does. It goes from cosigner to cosigner, or to all at once. Quorate takes signatures out of \
         a returned file and nothing else, each verified against its own copy of the payment: a file can't \
         change what is paid. It holds no private keys, but whoever sees it sees the payment.",
    ),
    (
        "change",
        "Coins are spent whole. What a payment doesn't need comes back to the vault as change, to an \
         address of the vault that was never used. A forged payment would call somebody else's address \
         change; so Quorate and its signer derive the address themselves and call change only what is \
         proven to be the vault's. Check on a device that it shows as many payments to others as you expect.",
    ),
    (
        "timelock",
        "A timelock keeps a way to spend closed until some blocks have passed: so many since the coin last \
         moved, or up to a block height. A block takes ten minutes on average. Locks count from each coin's own \
         confirmation; moving a coin starts its clock anew, which is how owners keep a recovery path \
         closed. Nobody can open it earlier, and after it is open nobody can close it but by moving the coin.",
    ),
    (
        "fee",
        "The fee is what a payment's coins are worth more than its outputs; miners get it. What counts is the \
         rate, satoshi for each virtual byte: many coins and many cosigners make a payment larger. A rate \
         that is too low waits, and can be replaced by a higher one: quorate proposal revise. More than a tenth of \
         what is paid, or over 1,000 sat/vB, is refused unless it is said to be meant.",
    ),
    (
        "recovery",
        "A recovery path is a second way to spend, for the day on which the first one fails: fewer \
         signatures, or other people, after a timelock. It is in the script from the beginning. Its price: when \
         the lock has passed, those people can spend without being in need. Coins that are moved before, to \
         the vault itself, start their clocks anew. See what a vault's paths mean: quorate explain --vault NAME.",
    ),
    (
        "backup",
        "Three things bring a vault back: enough of the cosigners' keys, each kept as its signer says \
         (usually words on paper), and the descriptor, which nobody can do without. Keep the descriptor with \
         every key: quorate vault export NAME -o FILE. Labels, proposals and who signed are in the data \
         folder and its journal, quorate journal export; the money doesn't depend on them. Try it: import the \
         descriptor elsewhere, and compare id and first addresses.",
    ),
    (
        "source",
        "A chain source is the node or server that Quorate asks about the chain. It can't alter a transaction, \
         since everything must hash to what was asked for, but it can keep quiet about some and make others \
         up: best is one of your own. Every figure says which source it is from, at which block, and how old \
         it is. Name several with --node: when the first fails the next is asked, and they are compared. One \
         that failed is left alone for a while, twice as long each time; quorate source list shows it. \
         Payments that were missed are found by quorate vault rescan.",
    ),
];

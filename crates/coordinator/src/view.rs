//! The public JSON: `--json` output and, later, HTTP bodies. Amounts are satoshi as integers, hashes
//! are hex, keys are snake_case. Nothing else in the program is a promise to other programs.

mod events;
mod history;
mod homes;
mod import;
mod journal;
mod labels;
mod proposal;
mod review;
mod setup;
mod source;
mod vault;
mod watch;

pub use events::{ConsumerView, ConsumersView, EventView, EventsView};
pub use history::{CounterpartyView, HistoryView, MovementView, StatementView};
pub use homes::{
    FolderView, JournalExportView, JournalImportView, MemberLineView, MemberView, MembersView,
    MembershipView, RefusedEntryView, SkippedView, TakenView, UnknownView,
};
pub use import::{ErrorView, FileView, ImportView, RefusedView};
pub use journal::{EntryView, JournalView, StateView, SyncView, VerifyView};
pub use labels::{LabelView, LabelsImportView, LabelsView};
pub use proposal::{
    AnswerView, BroadcastView, ProposalLineView, ProposalView, ProposalsMadeView, ProposalsView,
};
pub use review::{FileReviewView, InputView, PaymentView, ReviewView, TimelockView};
pub use setup::{
    AcceptedView, AddedFileView, AddedView, InvitationView, JoinedView, ProvenView, RecordView,
    RestoredView, SetupView, SetupsView, SlotView,
};
pub use source::{AsOfView, RescanView, SourceView, SourcesView};
pub use vault::{
    AddressView, AddressesView, AttestedView, BalanceView, CoinView, CoinsView, CosignerView,
    InitView, PathView, RecoveryView, StandingView, VaultLineView, VaultView, VaultsView,
    VerifyAddressView,
};
pub use watch::{WatchView, WatchedSourceView, WatchedView};

//! `quorate`, the command line: the only place that reads arguments, environment, clock and
//! randomness, and the only place that prints. What a command does is decided in
//! `quorate-coordinator`; here words become typed input, and views become text or JSON.

mod amount;
mod app;
mod args;
mod codes;
mod commands;
mod config;
mod context;
mod csv;
mod date;
mod deadline;
mod demo;
mod failure;
mod files;
mod input;
mod origin;
mod output;
mod passphrase;
mod progress;
mod sources;
mod table;
mod terminal;

fn main() -> std::process::ExitCode {
    app::run()
}

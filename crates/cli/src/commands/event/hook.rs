//! A program that is started for each event. It gets the event's JSON on its standard input and nothing
//! of it as an argument: foreign text never comes near a shell.

use crate::context::Context;
use quorate_coordinator::Error;
use quorate_coordinator::view::EventView;
use quorate_core::text::escape;
use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

/// The pause after the first failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What to start, and how patiently.
pub(super) struct Hook {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    /// How long it may run.
    pub(super) limit: Duration,
    /// How often it is tried; `None` without end.
    pub(super) tries: Option<u32>,
}

impl Hook {
    /// Starts the program until it ends with exit code 0.
    pub(super) fn hand_over(&self, event: &EventView, context: &Context) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
        for count in 1.. {
            let Err(reason) = self.start(event) else {
                return Ok(());
            };
            if self.tries.is_some_and(|tries| count >= tries) {
                return Err(Error::refused(
                    "hook_failed",
                    format!(
                        "event {} isn't acknowledged: {} {reason}, {count} times",
                        event.number,
                        self.name()
                    ),
                )
                .hint("mend the program; the same command goes on with this event"));
            }
            context.output.remark(&format!(
                "note: event {}: {} {reason}, tried again in {} s",
                event.number,
                self.name(),
                pause.as_secs()
            ));
            sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
    }

    fn name(&self) -> String {
        escape(&self.program.to_string_lossy())
    }

    fn start(&self, event: &EventView) -> Result<(), String> {
        let json = serde_json::to_string(event).map_err(|error| error.to_string())?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("can't be started ({error})"))?;
        // In a thread of its own: a program that doesn't read must not hold us up.
        let input = child.stdin.take();
        let writer = thread::spawn(move || {
            if let Some(mut input) = input {
                // One that needs no input may close it.
                let _ = input.write_all(format!("{json}\n").as_bytes());
            }
        });
        let end = Instant::now() + self.limit;
        let ended: Result<ExitStatus, String> = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Ok(status),
                Ok(None) if Instant::now() < end => sleep(Duration::from_millis(10)),
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    break Err(format!("took longer than {} s", self.limit.as_secs()));
                }
                Err(error) => break Err(format!("can't be waited for ({error})")),
            }
        };
        // The pipe's other end is closed by now, unless the program left children behind.
        if writer.is_finished() {
            let _ = writer.join();
        }
        let status = ended?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("failed ({status})")),
        }
    }
}

//! Codes that move in the terminal.

use super::draw::in_terminal;
use crate::output::Output;
use quorate_coordinator::Error;
use std::io::{self, BufRead};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Shows one code, or several in turn until Enter is pressed.
pub(super) fn play(frames: &[String], pause: Duration, output: Output) -> Result<(), Error> {
    let pictures = frames.iter().map(|frame| in_terminal(frame));
    let pictures: Vec<String> = pictures.collect::<Result<_, _>>()?;
    let [first, ..] = pictures.as_slice() else {
        return Ok(());
    };
    if pictures.len() == 1 {
        return output.narrate(first);
    }
    let done = Arc::new(AtomicBool::new(false));
    let pressed = Arc::clone(&done);
    thread::spawn(move || {
        let _ = io::stdin().lock().read_line(&mut String::new());
        pressed.store(true, Ordering::Relaxed);
    });
    let tallest = pictures
        .iter()
        .map(|picture| picture.lines().count())
        .max()
        .unwrap_or(0);
    let mut number = 0;
    while !done.load(Ordering::Relaxed) {
        // Written over: up to where the last one began, and whatever it left is removed.
        let up = if number == 0 {
            String::new()
        } else {
            format!("\u{1b}[{}A", tallest + 1)
        };
        let at = number % pictures.len();
        let lines: Vec<&str> = pictures[at].lines().collect();
        let mut text = up;
        for line in 0..tallest {
            text.push_str(lines.get(line).unwrap_or(&""));
            text.push_str("\u{1b}[K\n");
        }
        text.push_str(&format!(
            "code {} of {}, Enter ends it\u{1b}[K",
            at + 1,
            pictures.len()
        ));
        output.narrate(&text)?;
        thread::sleep(pause);
        number += 1;
    }
    Ok(())
}

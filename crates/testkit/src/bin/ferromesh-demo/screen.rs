//! What a person sees.

use std::io::IsTerminal;
use std::time::Instant;

/// Prints lines with the time since the start.
pub struct Screen {
    start: Instant,
    colours: bool,
    broken: usize,
}

impl Screen {
    /// A screen whose clock began at `start`.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            colours: std::io::stdout().is_terminal(),
            broken: 0,
        }
    }

    /// One line.
    pub fn say(&self, text: &str) {
        println!("{:7.1}s  {text}", self.start.elapsed().as_secs_f64());
    }

    /// One line below another.
    pub fn detail(&self, text: &str) {
        println!("          {}", self.paint("2", text));
    }

    /// What is shown next, and by which manifest.
    pub fn title(&self, text: &str, manifest: &str) {
        println!();
        self.say(&format!(
            "{} {}",
            self.paint("1", text),
            self.paint("2", &format!("({manifest})"))
        ));
    }

    /// A promise that was observed, or not.
    pub fn promise(&mut self, promise: &str, observed: &Result<String, String>) {
        let (mark, evidence) = match observed {
            Ok(evidence) => (self.paint("32", "kept  "), evidence),
            Err(evidence) => {
                self.broken += 1;
                (self.paint("31", "BROKEN"), evidence)
            }
        };
        self.say(&format!("{mark} {promise}: {evidence}"));
    }

    /// How many promises were not kept.
    pub fn broken(&self) -> usize {
        self.broken
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

//! Whether RE2, which Envoy matches with, reads a regular expression. RE2's grammar is neither
//! that of Rust's `regex` (`a{,3}` and `\Qa.b\E` are fine, `a**` and `a{1001}` are not) nor that
//! of Perl, so this is a parser of its own; it builds nothing.

mod class;
mod escape;
mod unicode;

/// RE2's limit for counted repetitions, nested ones multiplied.
const MAX_REPEAT: u32 = 1000;

/// Istio's limit for the length of an expression in bytes.
const MAX_LENGTH: usize = 1024;

/// What a sound expression offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regex {
    /// The number of its capturing groups.
    pub groups: u32,
}

/// Checks a regular expression as RE2 and Istio's admission would.
///
/// # Errors
/// A message for the author.
pub fn check(regex: &str) -> Result<Regex, String> {
    if regex.is_empty() {
        return Err("a regular expression must not be empty".to_owned());
    }
    if regex.len() > MAX_LENGTH {
        return Err(format!(
            "a regular expression has at most {MAX_LENGTH} characters"
        ));
    }
    Parser {
        rest: regex,
        outer: Vec::new(),
        here: Group::default(),
        names: Vec::new(),
        groups: 0,
    }
    .parse()
    .map_err(|message| format!("invalid regular expression {regex:?}: {message}"))
}

/// A group while it is open, or the whole expression.
#[derive(Clone, Copy, Default)]
struct Group {
    /// What a repetition operator would repeat, as the largest product of nested repetitions
    /// inside it; `None` at the start of a group or an alternative.
    operand: Option<u32>,
    /// The largest such product of everything else in the group.
    repeats: u32,
    /// Whether the last token was a repetition operator.
    repeated: bool,
}

struct Parser<'a> {
    rest: &'a str,
    outer: Vec<Group>,
    here: Group,
    names: Vec<&'a str>,
    groups: u32,
}

impl<'a> Parser<'a> {
    fn parse(mut self) -> Result<Regex, String> {
        while let Some(first) = self.rest.chars().next() {
            let repeated = std::mem::take(&mut self.here.repeated);
            match first {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.skip(1);
                    self.settle();
                }
                '[' => {
                    self.rest = class::skip(self.rest)?;
                    self.atom();
                }
                '*' | '+' | '?' => {
                    self.skip(1);
                    self.repeat(repeated, 1, false)?;
                }
                '{' => self.count(repeated)?,
                '\\' => self.escape()?,
                other => {
                    self.skip(other.len_utf8());
                    self.atom();
                }
            }
        }
        if self.outer.is_empty() {
            Ok(Regex {
                groups: self.groups,
            })
        } else {
            Err("missing )".to_owned())
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn atom(&mut self) {
        self.operand(1);
    }

    fn operand(&mut self, repeats: u32) {
        self.settle();
        self.here.operand = Some(repeats);
    }

    /// The operand is finished: nothing can repeat it any more.
    fn settle(&mut self) {
        if let Some(repeats) = self.here.operand.take() {
            self.here.repeats = self.here.repeats.max(repeats);
        }
    }

    fn open(&mut self) -> Result<(), String> {
        let Some(after) = self.rest.strip_prefix("(?") else {
            self.skip(1);
            self.groups += 1;
            self.enter();
            return Ok(());
        };
        if after.starts_with("<=") || after.starts_with("<!") {
            return Err("RE2 has no look-behind".to_owned());
        }
        match after.strip_prefix("P<").or_else(|| after.strip_prefix('<')) {
            Some(named) => self.open_named(named),
            None => self.flags(after),
        }
    }

    fn enter(&mut self) {
        self.outer.push(std::mem::take(&mut self.here));
    }

    fn open_named(&mut self, named: &'a str) -> Result<(), String> {
        let (name, rest) = named.split_once('>').ok_or("missing > of a named group")?;
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(format!("invalid group name {name:?}"));
        }
        // RE2 doesn't mind, but Go, by which Istio's admission checks, does.
        if self.names.contains(&name) {
            return Err(format!("group name {name:?} is used twice"));
        }
        self.names.push(name);
        self.groups += 1;
        self.rest = rest;
        self.enter();
        Ok(())
    }

    /// `(?i)`, `(?i-s:` and the like, after `(?`.
    fn flags(&mut self, after: &'a str) -> Result<(), String> {
        let mut negated = false;
        let mut flagged = false;
        for (at, c) in after.char_indices() {
            match c {
                'i' | 'm' | 's' | 'U' => flagged = true,
                '-' if !negated => {
                    negated = true;
                    flagged = false;
                }
                ':' | ')' if !negated || flagged => {
                    self.rest = after.get(at + 1..).unwrap_or_default();
                    if c == ':' {
                        self.enter();
                    }
                    return Ok(());
                }
                '=' | '!' if at == 0 => return Err("RE2 has no look-ahead".to_owned()),
                _ => break,
            }
        }
        Err("invalid group after (?".to_owned())
    }

    fn close(&mut self) -> Result<(), String> {
        self.settle();
        let repeats = self.here.repeats.max(1);
        self.here = self.outer.pop().ok_or("unexpected )")?;
        self.skip(1);
        self.operand(repeats);
        Ok(())
    }

    /// A repetition of the operand, after its operator, by at most `count`.
    fn repeat(&mut self, repeated: bool, count: u32, counted: bool) -> Result<(), String> {
        let operand = self
            .here
            .operand
            .ok_or("nothing to repeat before a repetition operator")?;
        if repeated {
            return Err("a repetition operator after another one".to_owned());
        }
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
        }
        let repeats = operand.saturating_mul(count.max(1));
        if counted && count >= 2 && repeats > MAX_REPEAT {
            return Err(format!("repetition of more than {MAX_REPEAT}"));
        }
        self.here.operand = Some(repeats);
        self.here.repeated = true;
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,3}`; anything else is a literal brace.
    fn count(&mut self, repeated: bool) -> Result<(), String> {
        let Some((least, most, rest)) = counts(self.rest) else {
            self.skip(1);
            self.atom();
            return Ok(());
        };
        let most_or_least = most.unwrap_or(least);
        if least > MAX_REPEAT || most_or_least > MAX_REPEAT || least > most_or_least {
            return Err("invalid repetition count".to_owned());
        }
        self.rest = rest;
        self.repeat(repeated, most_or_least, true)
    }

    fn escape(&mut self) -> Result<(), String> {
        if let Some(quoted) = self.rest.strip_prefix("\\Q") {
            let (literal, rest) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            if !literal.is_empty() {
                self.atom();
            }
            self.rest = rest;
            return Ok(());
        }
        self.rest = match self.rest.get(1..2) {
            Some("b" | "B" | "A" | "z" | "C") => self.rest.get(2..).unwrap_or_default(),
            _ => match class::skip_escaped(self.rest)? {
                Some(rest) => rest,
                None => escape::skip(self.rest)?.1,
            },
        };
        self.atom();
        Ok(())
    }
}

/// The bounds of `{2,3}` at the start of `text`, and what follows; `None` if it isn't one.
fn counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (least, rest) = integer(text.strip_prefix('{')?)?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((least, Some(least), rest));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((least, None, rest));
    }
    let (most, rest) = integer(rest)?;
    Some((least, Some(most), rest.strip_prefix('}')?))
}

/// A number without leading zeros; RE2 takes no more than nine digits as one.
fn integer(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.len() > 9 || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests;

//! Tables as CSV: `#` lines say how the figures came about, then a head, then the rows.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// What a picture is drawn from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Table {
    notes: Vec<(String, String)>,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { head: head.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Adds a line on how the figures came about.
    pub fn note(mut self, key: &str, value: impl Into<String>) -> Self {
        self.notes.push((key.into(), value.into()));
        self
    }

    /// Adds who measured: times mean nothing without.
    pub fn of_this_machine(self) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        self.note("machine", format!("{}, {threads} threads", processor()))
            .note("date", output("date", &["+%Y-%m-%d"]))
            .note("rustc", output("rustc", &["--version"]))
    }

    pub fn push(&mut self, row: impl IntoIterator<Item = String>) {
        let row: Vec<String> = row.into_iter().collect();
        assert_eq!(row.len(), self.head.len(), "{row:?} under {:?}", self.head);
        self.rows.push(row);
    }

    /// The note of that name.
    pub fn noted(&self, key: &str) -> &str {
        let found = self.notes.iter().find(|(name, _)| name == key);
        found.map_or("", |(_, value)| value)
    }

    /// The day of the measurement, and a warning if it was a quick one.
    pub fn date(&self) -> String {
        let warning =
            if self.noted("effort").is_empty() { "" } else { " (quick: not to be trusted)" };
        format!("{}{warning}", self.noted("date"))
    }

    /// A column's place.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.head.iter().position(|head| head == name)
    }

    /// The number in a cell; an empty one has none.
    pub fn number(&self, row: usize, column: usize) -> Option<f64> {
        self.rows[row][column].parse().ok()
    }

    fn csv(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.notes {
            writeln!(text, "# {key}: {value}").expect("a string takes all");
        }
        for row in std::iter::once(&self.head).chain(&self.rows) {
            text += &row.join(",");
            text.push('\n');
        }
        text
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut table = Self::default();
        for line in text.lines() {
            if let Some(note) = line.strip_prefix("# ") {
                let (key, value) = note.split_once(": ").ok_or(format!("no value: {line}"))?;
                table.notes.push((key.into(), value.into()));
                continue;
            }
            let row: Vec<String> = line.split(',').map(String::from).collect();
            if table.head.is_empty() {
                table.head = row;
            } else if row.len() == table.head.len() {
                table.rows.push(row);
            } else {
                return Err(format!("not as many cells as the head: {line}"));
            }
        }
        Ok(table)
    }

    pub fn read(path: &Path) -> Result<Self, String> {
        let read = fs::read_to_string(path).map_err(|error| error.to_string());
        read.and_then(|text| Self::parse(&text)).map_err(|why| format!("{}: {why}", path.display()))
    }

    pub fn write(&self, path: &Path) -> Result<(), String> {
        write(path, &self.csv())
    }
}

/// Writes a file, and the directories above it.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let written =
        path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

/// The first line that a program prints, or nothing.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    String::from_utf8_lossy(&text).lines().next().unwrap_or("unknown").replace(',', "")
}

/// The name of the processor, `LOGITS_MACHINE` if the system does not say it well.
fn processor() -> String {
    let of_system = || {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        name.map_or_else(|| output("uname", &["-m"]), |(_, name)| name.trim().replace(',', ""))
    };
    env::var("LOGITS_MACHINE").unwrap_or_else(|_| of_system())
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn what_is_written_is_read() {
        let mut table = Table::new(["n", "ns"]).note("machine", "a: b");
        table.push(["1".into(), "2.5".into()]);
        table.push(["2".into(), String::new()]);
        assert_eq!(Table::parse(&table.csv()), Ok(table));
    }

    #[test]
    fn rows_of_other_lengths_are_refused() {
        assert!(Table::parse("a,b\n1\n").is_err());
    }
}
